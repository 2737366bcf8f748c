package keeper

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/guard"
)

// A Shelf is a grants.toml, with the folder of the locks that were accepted for
// what it grants, and who may have written either.
type Shelf struct {
	Path  string
	Locks string
	Guard guard.Guard
}

// A keptShelf is one as it was read last.
type keptShelf struct {
	Shelf
	stamp   guard.Stamp
	content [sha256.Size]byte
	scope   grants.Scope
	denies  map[grants.Identity][]grants.Deny
}

// A failedLock is one that could not be read, and what it was then.
type failedLock struct {
	shelf  *keptShelf
	digest string
	stamp  guard.Stamp
	err    error
}

// renew reads the file again when it has changed, and reports whether it says
// something else.
func (s *keptShelf) renew(now time.Time) bool {
	at, err := guard.StampOf(s.Path)
	if err == nil && s.stamp.Holds(at) {
		return false
	}
	text, at, err := s.Guard.Read(s.Path, grants.MaxBytes, now)
	s.stamp = at
	content := sha256.Sum256(text)
	if err != nil {
		content = sha256.Sum256([]byte("error: " + err.Error()))
	}
	if s.scope.Path != "" && content == s.content {
		return false
	}
	s.content = content
	s.scope = grants.Scope{Path: s.Path, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.scope = grants.Scope{Path: s.Path, File: grants.New()}
	case err == nil:
		s.scope.File, s.scope.Err = grants.Parse(s.Path, text)
	}
	s.denies = map[grants.Identity][]grants.Deny{}
	if s.scope.File != nil {
		for _, d := range s.scope.File.Denies {
			s.denies[d.Flake] = append(s.denies[d.Flake], d)
		}
	}
	return true
}

// trouble is why the file counts for nothing, with its place.
func (s *keptShelf) trouble() string {
	if at, _, _ := grants.Broken(s.scope.Err); at.File != "" {
		return s.scope.Err.Error()
	}
	text := fmt.Sprintf("%s cannot be read: %v", s.Path, guard.Cause(s.scope.Err))
	if errors.Is(s.scope.Err, fs.ErrPermission) {
		text += "; the user that runs the gate has to be able to read it, and to pass through the folders on the way (`chmod a+r` the file, `chmod a+rx` its folder)"
	}
	return text
}

func (s *keptShelf) lockPath(digest string) string {
	return filepath.Join(s.Locks, digest+".cache-lock")
}

// readLock reads an accepted lock, or says what is wrong with it.
func (s *keptShelf) readLock(digest string, now time.Time) (grants.Accepted, *failedLock) {
	path := s.lockPath(digest)
	text, at, err := s.Guard.Read(path, lock.MaxBytes, now)
	var l *lock.Lock
	if err != nil {
		err = fmt.Errorf("%s: %w", path, guard.Cause(err))
	} else {
		l, err = lock.Parse(path, text)
	}
	a := grants.ReadBack(l, err)
	if err == nil && !a.Is(digest) {
		err = errors.New("it is not the lock that was accepted, as its content has another digest")
	}
	if err != nil {
		return grants.Accepted{}, &failedLock{s, digest, at, err}
	}
	return a, nil
}
