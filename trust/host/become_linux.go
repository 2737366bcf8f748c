package host

import (
	"context"
	"errors"
	"net"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dialAs connects to a socket with another user's credentials, which takes
// root. A daemon believes those that the connection was made with.
//
// Credentials belong to a thread in Linux; the thread that takes them on here
// does nothing else and is ended afterwards, so nothing but the connection is
// ever done with them, and nothing else runs with them.
func dialAs(ctx context.Context, id identity, socket string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		// Not unlocked: a thread whose goroutine ends while it is locked is ended.
		runtime.LockOSThread()
		if err := become(id); err != nil {
			done <- result{err: err}
			return
		}
		conn, err := dialUnix(ctx, socket)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// become gives the thread, and it alone, a user's credentials for good.
func become(id identity) error {
	var groups *uint32
	if len(id.groups) > 0 {
		groups = &id.groups[0]
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(id.groups)), uintptr(unsafe.Pointer(groups)), 0); errno != 0 {
		return errno
	}
	gid, uid := uintptr(id.gid), uintptr(id.uid)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); errno != 0 {
		return errno
	}
	// What cannot happen is looked at all the same: root must not be asked for
	// in a user's name.
	if got, _, _ := unix.RawSyscall(unix.SYS_GETEUID, 0, 0, 0); got != uid {
		return errors.New("the user's identity could not be taken on")
	}
	return nil
}
