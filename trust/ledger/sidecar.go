package ledger

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A sidecar is an empty file beside the one that is changed. Whoever has the
// kernel's lock on it may change the file. It is made for the change and removed
// after it, so a waiting writer may get the lock on a file that has no name any
// more, and tries again. A crash leaves the file and frees the lock.
//
// The folder itself would do for a lock, and so would the file, but anybody who
// may read those could hold the lock for ever.
func (s *swap) sidecarName() string { return "." + s.name + ".nix-trust-lock" }

func (s *swap) lock(ctx context.Context, w Writer) error {
	if err := w.at("lock"); err != nil {
		return s.fault("could not be locked", err)
	}
	ctx, cancel := context.WithTimeout(ctx, w.Wait)
	defer cancel()
	pause := time.Millisecond
	for {
		got, err := s.tryLock()
		if got || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return s.fault("could not be locked", ctx.Err())
			}
			return &Error{Path: s.named, Text: "another nix-trust is changing it, and has not come to an end", Err: ErrBusy,
				Hint: "let it finish, or answer its question, and try again"}
		case <-time.After(pause/2 + rand.N(pause)):
		}
		pause = min(pause*3/2, 20*time.Millisecond)
	}
}

// tryLock reports false when another writer has the lock.
func (s *swap) tryLock() (bool, error) {
	const doing = "could not be locked"
	name := s.sidecarName()
	if info, err := s.dir.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return false, refuse(s.named, "something that is no regular file is in the place of its lock, "+name, "find out who made it, and remove it")
	}
	f, err := s.dir.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		if _, there := s.dir.Lstat(name); there == nil {
			return false, nil // another user's
		}
	}
	if err != nil {
		return false, s.fault(doing, err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		f.Close()
		return false, nil
	}
	if err != nil {
		f.Close()
		return false, s.fault(doing, err)
	}
	mine, err1 := f.Stat()
	named, err2 := s.dir.Lstat(name)
	if err1 != nil || err2 != nil || !os.SameFile(mine, named) {
		f.Close()
		return false, nil
	}
	s.sidecar = f
	return true, nil
}

func (s *swap) unlock(w Writer) {
	if s.sidecar == nil {
		return
	}
	// The name goes first: it stays locked until the file is closed.
	if w.at("unlock") == nil {
		s.dir.Remove(s.sidecarName())
	}
	s.sidecar.Close()
	s.sidecar = nil
}
