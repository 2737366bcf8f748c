// Package guard reads files that decide what is believed, and none that others
// could have written or put there.
package guard

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A Guard reads files that decide what a gate signs. Whoever can write one can
// have anything put into the store, so one that others can write is an error.
// The zero value lets nobody have written any.
type Guard struct {
	// Owners are the users who may have written a file.
	Owners []uint32
	// Folders says that nobody but the owners may be able to put another file in
	// its place: each folder on the way is theirs, and theirs alone to write.
	// Without it none may be for everybody to write, who could put an older file
	// of the owner's there.
	Folders bool
}

// Read reads a file of at most so many bytes, with the stamp of what it read. An
// error that is fs.ErrNotExist says that there is none; every other one says, for
// a person, why the file does not count.
func (g Guard) Read(path string, most int64, now time.Time) ([]byte, Stamp, error) {
	real, err := g.Way(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Stamp{settled: true}, err
	}
	if err != nil {
		return nil, Stamp{}, err
	}
	// A pipe in its place must not keep the gate waiting.
	f, err := os.OpenFile(real, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, Stamp{}, err
	}
	defer f.Close()
	for range 5 {
		info, err := f.Stat()
		if err != nil {
			return nil, Stamp{}, err
		}
		at := newStamp(info, now)
		if err := g.MayCount(real, info, most); err != nil {
			return nil, at, err
		}
		text, err := io.ReadAll(io.LimitReader(io.NewSectionReader(f, 0, most+1), most+1))
		if err != nil {
			return nil, Stamp{}, err
		}
		info, err = f.Stat()
		if err == nil && newStamp(info, now) == at && uint64(len(text)) == at.size {
			return text, at, nil
		}
	}
	return nil, Stamp{}, errors.New("it is being written to")
}

// MayCount says why a file may not count, which is larger than most or not the
// owners' alone to write. How it is reached is for Way to say.
func (g Guard) MayCount(path string, info fs.FileInfo, most int64) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case !ok || !slices.Contains(g.Owners, st.Uid):
		return fmt.Errorf("%s belongs to the user with the id %d, and what another user writes does not count; look at what it has, and who put it there", path, st.Uid)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others can write %s (mode %03o), and who can write it decides what is believed; look at what it has, and `chmod go-w` it", path, info.Mode().Perm())
	case info.Size() > most:
		return fmt.Errorf("it is larger than %d MiB", most>>20)
	}
	return nil
}

// Way follows every link to a file, looks at the folders that it comes through,
// and returns where the file is. The path may lead through links as NixOS and
// home-manager make them. A file that is not there is fs.ErrNotExist.
func (g Guard) Way(path string) (string, error) {
	todo := strings.Split(filepath.Clean(path), "/")
	at := "/"
	for links := 0; len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		if err := g.folder(at, filepath.Join(at, name)); err != nil {
			return "", err
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > 40 {
			return "", errors.New("too many links lead to one another")
		}
		to, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(to) {
			at = "/"
		}
		todo = append(strings.Split(to, "/"), todo...)
	}
	return at, nil
}

// folder refuses one in which others can put another file in the place of next.
// In a sticky folder they cannot when next is not theirs.
func (g Guard) folder(dir, next string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if g.Folders && (!ok || !slices.Contains(g.Owners, st.Uid)) {
		return fmt.Errorf("the folder %s on the way does not belong to root but to the user with the id %d, who can put there what he likes; `chown` it, or keep the file elsewhere", dir, st.Uid)
	}
	others := fs.FileMode(0o022)
	if !g.Folders {
		others = 0o002 // many users have a group of their own, for which umask leaves the right
	}
	if info.Mode().Perm()&others == 0 {
		return nil
	}
	if info.Mode()&fs.ModeSticky != 0 {
		if sub, err := os.Lstat(next); errors.Is(err, fs.ErrNotExist) {
			return err
		} else if err == nil {
			if st, ok := sub.Sys().(*syscall.Stat_t); ok && slices.Contains(g.Owners, st.Uid) {
				return nil
			}
		}
	}
	return fmt.Errorf("others can write the folder %s on the way (mode %03o), and so put there what they like; `chmod go-w` it", dir, info.Mode().Perm())
}

// Cause is an error of a file without its path, for a sentence that has it already.
func Cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
