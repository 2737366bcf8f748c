package gateplace

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

func TestAnotherUsersGateIsNotTakenForOnesOwn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("to listen as another user takes root")
	}
	dir := t.TempDir()
	place := Place{Socket: filepath.Join(dir, "gate.sock")}
	l := make(chan net.Listener)
	go func() {
		runtime.LockOSThread() // this thread alone is another user, and ends with that
		fail := func(e syscall.Errno) {
			if e != 0 {
				t.Error(e)
			}
		}
		wrong := errors.Join(os.Chmod(filepath.Dir(dir), 0o711), os.Chmod(dir, 0o777))
		_, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, 65534, 65534, 65534)
		fail(e)
		at, err := net.Listen("unix", place.Socket)
		if err != nil || wrong != nil {
			t.Error(err, wrong)
		}
		l <- at
	}()
	at := <-l
	if at == nil {
		return
	}
	defer at.Close()
	asked := false
	go http.Serve(at, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	if _, err := place.Status(t.Context()); !errors.Is(err, os.ErrPermission) || asked {
		t.Errorf("%v, asked %v", err, asked)
	}
	place.System = true // whose folder is root's
	if _, err := place.Status(t.Context()); !errors.Is(err, os.ErrPermission) || asked {
		t.Errorf("%v, asked %v", err, asked)
	}
}
