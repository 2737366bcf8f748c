// Package storedb reads the database of a Nix store: which paths are valid, what
// is said of each, and what they refer to (Nix: src/libstore/local-store.cc and
// schema.sql). Reading it changes nothing and needs no daemon: see package
// dbfile. The schema is that of version 10, the one of every Nix 2.
//
// Nothing in a database is proved by standing there. Any user may add a
// signature to a path, so what one is worth is for others to check.
package storedb

import (
	"errors"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/dbfile"
)

// File is the database's place below Nix's state folder, such as /nix/var/nix.
const File = "db/db.sqlite"

// ErrSchema says that the tables are not those that Nix makes.
var ErrSchema = errors.New("its tables are not those of Nix's store")

// ErrBusy says that somebody wrote each time the database was read.
var ErrBusy = dbfile.ErrBusy

// A Row is one valid path.
type Row struct {
	// Path is "" when the row is damaged in a way that leaves it without one.
	Path       bincache.StorePath
	NarHash    bincache.Hash
	NarSize    int64 // 0: not recorded, as by a very old Nix
	Registered int64 // seconds since 1970
	Deriver    bincache.StorePath
	// Ultimate says that this machine built it.
	Ultimate   bool
	Signatures string // as written, separated by spaces
	CA         string // the content address as written; "" without one
	// Refs are what it refers to, itself included, and Outputs what a derivation
	// is known to make, as far as it is valid; both are indexes of rows, in the
	// order of the paths.
	Refs, Outputs []int32
	// Damage is why the row cannot be believed to say anything, "" for a sound
	// one. Text is what stands there for the path; it may be anything.
	Damage, Text string
}

// A Store is the content of a database, as it was at one moment.
type Store struct {
	Dir  string // the store's folder, "/nix/store"
	Rows []Row  // in the order of their registration
	Told *Told  // nil when the database itself was read

	byPath map[bincache.StorePath]int32
}

// Told says that a daemon told what its database says, and why that was not read.
type Told struct {
	Socket  string
	Version string // of the daemon, as it says
	Why     string // the database could not be read
}

// New returns a store of rows that are from elsewhere than a database. A path
// that stands there twice is damaged.
func New(dir string, rows []Row) *Store {
	s := &Store{Dir: dir, Rows: rows, byPath: make(map[bincache.StorePath]int32, len(rows))}
	for i := range rows {
		s.index(int32(i))
	}
	s.spread()
	return s
}

// index makes a row known by its path.
func (s *Store) index(i int32) {
	row := &s.Rows[i]
	if row.Path == "" {
		return
	}
	first, twice := s.byPath[row.Path]
	if !twice {
		s.byPath[row.Path] = i
		return
	}
	row.damage("the path stands there twice")
	s.Rows[first].damage("the path stands there twice")
}

// Find returns the index of a path's row.
func (s *Store) Find(p bincache.StorePath) (int32, bool) {
	i, ok := s.byPath[p]
	return i, ok
}

// Info is a row in the form in which signatures and content addresses are
// checked. A damaged row gives one of which nothing can be proved.
func (s *Store) Info(i int32) *bincache.NarInfo {
	n := new(bincache.NarInfo)
	s.InfoIn(n, i)
	return n
}

// InfoIn is Info in the room of n.
func (s *Store) InfoIn(n *bincache.NarInfo, i int32) {
	r, refs := &s.Rows[i], n.References[:0]
	*n = bincache.NarInfo{StoreDir: s.Dir}
	if r.Damage != "" {
		return
	}
	for _, j := range r.Refs {
		refs = append(refs, s.Rows[j].Path)
	}
	n.Path, n.NarHash, n.NarSize, n.References, n.Deriver, n.CA = r.Path, r.NarHash, uint64(r.NarSize), refs, r.Deriver, r.CA
}
