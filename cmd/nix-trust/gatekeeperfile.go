package main

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

// A guard reads files that decide what a gate signs. Whoever can write one can
// have anything put into the store, so one that others can write is an error.
type guard struct {
	// owners are the users who may have written a file.
	owners []uint32
	// folders says that nobody but the owners may be able to put another file in
	// its place: each folder on the way is theirs, and theirs alone to write.
	// Without it none may be for everybody to write, who could put an older file
	// of the owner's there.
	folders bool
}

// A stamp tells one state of a file from others. The zero stamp is that of no
// file, or of one that was not looked at.
type stamp struct {
	dev, ino, size uint64
	mode           uint32
	uid, gid       uint32
	modified       syscall.Timespec
	changed        syscall.Timespec
	// settled: had the file been written since, the stamp would be another one.
	// Clocks of file systems have steps; within one a change is not seen.
	settled bool
}

// clockStep is the longest step of a file system's clock that is reckoned with.
const clockStep = 2 * time.Second

// stampOf is a file's stamp now, as it is once it has settled. No file is no
// error: it can only begin to be there.
func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return stamp{settled: true}, nil
	}
	if err != nil {
		return stamp{}, err
	}
	return newStamp(info, time.Time{}), nil
}

// newStamp is what a file was like; a zero now counts as long after.
func newStamp(info fs.FileInfo, now time.Time) stamp {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return stamp{}
	}
	s := stamp{dev: uint64(st.Dev), ino: st.Ino, size: uint64(st.Size), mode: uint32(st.Mode), uid: st.Uid, gid: st.Gid, modified: modifiedAt(st), changed: changedAt(st), settled: true}
	if !now.IsZero() {
		s.settled = now.After(time.Unix(s.changed.Unix()).Add(clockStep))
	}
	return s
}

// read reads a file, with the stamp of what it read.
func (g guard) read(path string, most int64, now time.Time) ([]byte, stamp, error) {
	real, err := g.way(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, stamp{settled: true}, err
	}
	if err != nil {
		return nil, stamp{}, err
	}
	// A pipe in its place must not keep the gate waiting.
	f, err := os.OpenFile(real, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, stamp{}, err
	}
	defer f.Close()
	for range 5 {
		info, err := f.Stat()
		if err != nil {
			return nil, stamp{}, err
		}
		at := newStamp(info, now)
		if err := g.mayCount(real, info, most); err != nil {
			return nil, at, err
		}
		text, err := io.ReadAll(io.LimitReader(io.NewSectionReader(f, 0, most+1), most+1))
		if err != nil {
			return nil, stamp{}, err
		}
		info, err = f.Stat()
		if err == nil && newStamp(info, now) == at && uint64(len(text)) == at.size {
			return text, at, nil
		}
	}
	return nil, stamp{}, errors.New("it is being written to")
}

// mayCount says why a file may not count.
func (g guard) mayCount(path string, info fs.FileInfo, most int64) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case !ok || !slices.Contains(g.owners, st.Uid):
		return fmt.Errorf("%s belongs to the user with the id %d, and what another user writes does not count; look at what it has, and who put it there", path, st.Uid)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others can write %s (mode %03o), and who can write it decides what is believed; look at what it has, and `chmod go-w` it", path, info.Mode().Perm())
	case info.Size() > most:
		return fmt.Errorf("it is larger than %d MiB", most>>20)
	}
	return nil
}

// way follows every link to a file, and looks at the folders that it comes
// through. The path may lead through links as NixOS and home-manager make them.
func (g guard) way(path string) (string, error) {
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
func (g guard) folder(dir, next string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if g.folders && (!ok || !slices.Contains(g.owners, st.Uid)) {
		return fmt.Errorf("the folder %s on the way does not belong to root but to the user with the id %d, who can put there what he likes; `chown` it, or keep the file elsewhere", dir, st.Uid)
	}
	others := fs.FileMode(0o022)
	if !g.folders {
		others = 0o002 // many users have a group of their own, for which umask leaves the right
	}
	if info.Mode().Perm()&others == 0 {
		return nil
	}
	if info.Mode()&fs.ModeSticky != 0 {
		if sub, err := os.Lstat(next); errors.Is(err, fs.ErrNotExist) {
			return err
		} else if err == nil {
			if st, ok := sub.Sys().(*syscall.Stat_t); ok && slices.Contains(g.owners, st.Uid) {
				return nil
			}
		}
	}
	return fmt.Errorf("others can write the folder %s on the way (mode %03o), and so put there what they like; `chmod go-w` it", dir, info.Mode().Perm())
}
