// Package diskcache reads and clears what Nix remembers of the answers of binary
// caches: which paths they have, for 30 days, and which they have not, for an
// hour (Nix: src/libstore/nar-info-disk-cache.cc). It is kept in a SQLite
// database in the cache folder of whoever asked: the user for `nix copy` and a
// store without a daemon, root for everything that a daemon substitutes.
//
// Looking changes nothing: see package dbfile.
package diskcache

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// names are the databases' names. They differ in the tables for realisations,
// which are not looked at: 6 is that of Nix up to 2.30, 7 that of 2.31 to 2.34,
// which keeps it in WAL mode, and 8 that of 2.35.
var names = []string{"binary-cache-v6.sqlite", "binary-cache-v7.sqlite", "binary-cache-v8.sqlite"}

// Generation is the index in Files of the database that a release uses.
func Generation(major, minor int) int {
	switch {
	case major > 2 || major == 2 && minor >= 35:
		return 2
	case major == 2 && minor >= 31:
		return 1
	}
	return 0
}

// Files are the databases that there may be in a cache folder, such as
// ~/.cache/nix.
func Files(dir string) []string {
	var out []string
	for _, n := range names {
		out = append(out, path.Join(dir, n))
	}
	return out
}

// Folders are the cache folders of a user's processes: those with these
// variables, and those without any. "" stands for one that is not set.
func Folders(home, xdgCacheHome, nixCacheHome string) []string {
	var out []string
	add := func(base, rest string) {
		if dir := path.Join(base, rest); path.IsAbs(base) && !slices.Contains(out, dir) {
			out = append(out, dir)
		}
	}
	add(nixCacheHome, "") // from 2.25 on
	add(xdgCacheHome, "nix")
	add(home, ".cache/nix")
	return out
}

// URL is a cache's URL as Nix stores it: without parameters and the slashes at
// its end.
func URL(url string) string {
	url, _, _ = strings.Cut(url, "?")
	return strings.TrimRight(url, "/")
}

// A Cache is what is remembered of one cache.
type Cache struct {
	URL      string
	Asked    time.Time // when its nix-cache-info was read; zero when it is to be read again
	StoreDir string
	Mass     bool // it wants to be asked for many paths at once
	Priority int64
	Misses   Tally // paths that it does not have
	Hits     Tally
}

// A Tally counts what is remembered and still counts.
type Tally struct {
	N              int
	Oldest, Newest time.Time // zero when N is 0
}

func (t *Tally) add(at time.Time) {
	if t.N == 0 || at.Before(t.Oldest) {
		t.Oldest = at
	}
	if at.After(t.Newest) {
		t.Newest = at
	}
	t.N++
}

// An Entry is what is remembered of one path.
type Entry struct {
	Present bool
	At      time.Time // when the cache said so
}

// Contents is what a database says.
type Contents struct {
	File   string
	Caches []Cache // in the order in which they were first asked
	// Complete says that the tallies counted every row, not the newest alone.
	Complete bool

	entries map[entryKey]Entry
}

type entryKey struct{ url, hash string }

// Entry is what is remembered of the path with this hash part; of those alone
// that were asked for when it was read. It may be older than what still counts.
func (c *Contents) Entry(url, hash string) (Entry, bool) {
	e, ok := c.entries[entryKey{URL(url), hash}]
	return e, ok
}

// ErrSchema says that the tables are not those that Nix makes.
var ErrSchema = errors.New("its tables are not those of Nix")

// OpenOwned opens a regular file that belongs to one of some users. It follows
// no link in the file's own place, and no pipe can hold it up.
func OpenOwned(uids ...uint32) func(string) (*os.File, error) {
	return func(p string) (*os.File, error) {
		fd, err := unix.Open(p, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: p, Err: err}
		}
		f := os.NewFile(uintptr(fd), p)
		if err := Owned(f, uids...); err != nil {
			f.Close()
			return nil, &os.PathError{Op: "open", Path: p, Err: err}
		}
		return f, nil
	}
}

// Owned says that an open file is a regular one of one of some users.
func Owned(f *os.File, uids ...uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("it is not a regular file")
	}
	for _, uid := range uids {
		if st.Uid == uid {
			return nil
		}
	}
	return fmt.Errorf("it belongs to another user, with uid %d", st.Uid)
}
