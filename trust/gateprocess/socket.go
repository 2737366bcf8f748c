package gateprocess

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/nix-trust/nix-trust/trust/gateplace"
)

// longestSocket is how long the path of a socket may be on every system.
const longestSocket = 103

// A Control is where a running gate says how it does. While it is held no
// other gate of the same place runs: a lock beside it says so, which the kernel
// lets go of however the gate ends.
type Control struct {
	net.Listener
	Path string
	lock *os.File
}

// An Alive is the error of a place whose gate runs already.
type Alive struct{ who string }

func (e Alive) Error() string { return "another gate is running" + e.who }

// OpenControl takes a place for a gate that will serve at an address. The error is
// an Alive where another gate has it.
func OpenControl(place gateplace.Place, address string) (_ *Control, err error) {
	dir := filepath.Dir(place.Socket)
	if len(place.Socket) > longestSocket {
		return nil, fmt.Errorf("the path %s is longer than the %d bytes that a socket may have; set XDG_RUNTIME_DIR to a folder with a shorter path", place.Socket, longestSocket)
	}
	if err := ownFolder(dir); err != nil {
		return nil, err
	}
	c := &Control{Path: place.Socket}
	if c.lock, err = lockPlace(place.Socket+".lock", address); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.lock.Close()
		}
	}()
	// Who had the lock is gone, and whatever it left answers nobody.
	info, err := os.Lstat(place.Socket)
	if err == nil && info.Mode()&fs.ModeSocket == 0 {
		return nil, fmt.Errorf("%s is there and is no socket; find out what it is, and remove it", place.Socket)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// Nobody else can reach it before it has its mode and its name.
	aside, err := os.MkdirTemp(dir, ".g")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(aside)
	at := filepath.Join(aside, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: at, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	mode := fs.FileMode(0o600)
	if place.System {
		mode = 0o666
	}
	if err := errors.Join(os.Chmod(at, mode), os.Rename(at, place.Socket)); err != nil {
		l.Close()
		return nil, err
	}
	c.Listener = l
	return c, nil
}

// Close removes the socket and lets the place go.
func (c *Control) Close() error {
	err := c.Listener.Close()
	os.Remove(c.Path)
	return errors.Join(err, c.lock.Close())
}

// ownFolder makes a folder for the process's user alone, or looks that nobody
// else can put something into the one that is there.
func ownFolder(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is no folder, and no link to one is followed", dir)
	case !ok || int(st.Uid) != os.Geteuid():
		return fmt.Errorf("the folder %s does not belong to the user that runs the gate (id %d)", dir, os.Geteuid())
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others can write the folder %s (mode %03o); `chmod go-w` it", dir, info.Mode().Perm())
	}
	return nil
}

// lockPlace takes the lock of a place, and writes into it who has it.
func lockPlace(path, address string) (_ *os.File, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file; find out what it is, and remove it", path)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, err
		}
		text, _ := io.ReadAll(io.LimitReader(f, 256))
		pid, at, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
		if pid == "" {
			return nil, Alive{}
		}
		return nil, Alive{fmt.Sprintf(": process %s, on %s", pid, at)}
	}
	if err := f.Truncate(0); err != nil {
		return nil, err
	}
	_, err = f.WriteAt(fmt.Appendf(nil, "%d %s\n", os.Getpid(), address), 0)
	return f, err
}
