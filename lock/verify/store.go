package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"sync"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
)

// LocalStore is the name of the local store in an Answer's Cache.
const LocalStore = "local store"

// A Store is the local store; *nix.Nix is the real one.
type Store interface {
	// Info says what the database has; a path that is not valid is left out.
	Info(ctx context.Context, paths []lock.StorePath, closure bool) (map[lock.StorePath]nix.Info, error)
	// DumpNar writes what lies on disk.
	DumpNar(ctx context.Context, w io.Writer, path lock.StorePath) error
}

// A localStore holds the store's copies against the pins: what its database
// says of them, and what their files are.
type localStore struct {
	store Store
	dir   string            // of the store; it is part of what a signature covers
	ring  *bincache.Keyring // every key of the lock
	known []bincache.PublicKey

	infos map[lock.StorePath]nix.Info
	err   error // nothing is known

	mu    sync.Mutex
	files map[lock.StorePath]dump
}

// A dump is what the files of a path are.
type dump struct {
	hash lock.Hash
	size int64
	err  error
}

func (s *localStore) ask(ctx context.Context, paths []lock.StorePath) {
	s.files = map[lock.StorePath]dump{}
	s.infos, s.err = s.store.Info(ctx, paths, false)
}

func (s *localStore) has(path lock.StorePath) bool {
	_, ok := s.infos[path]
	return ok && s.err == nil
}

func (s *localStore) hash(ctx context.Context, path lock.StorePath, w io.Writer) {
	sum := &sized{Hash: sha256.New()}
	d := dump{err: s.store.DumpNar(ctx, io.MultiWriter(sum, w), path)}
	if d.err == nil {
		d.hash, d.size = lock.Hash(sum.Sum(nil)), sum.size
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path] = d
}

type sized struct {
	hash.Hash
	size int64
}

func (s *sized) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	return s.Hash.Write(p)
}

// judge says what the store's copy is worth. The files decide: what is not as
// pinned there or in the database is a Mismatch, whoever signed it. A
// signature in the database is told, and never makes the copy bad, as Nix keeps
// those of every cache that it came from.
func (s *localStore) judge(path lock.StorePath, pin lock.Pin) Answer {
	a := Answer{Cache: LocalStore}
	info, ok := s.infos[path]
	switch {
	case s.err != nil:
		a.Text = s.err.Error()
		return a
	case !ok:
		a.Verdict, a.Text = Absent, "it is not in the store"
		return a
	}
	file, ok := s.files[path]
	switch {
	case !ok:
		a.Text = "its files were not read"
		return a
	case errors.Is(file.err, fs.ErrNotExist):
		a.Text = fmt.Sprintf("the store's database has it and its files are gone or not whole (%v); `nix-store --repair-path` gets them again", file.err)
		return a
	case file.err != nil:
		a.Text = fmt.Sprintf("its files could not be read: %v", file.err)
		return a
	}
	n := s.narInfo(path, info, file)
	check := bincache.CheckSignatures(n, s.ring, s.known...)
	a.Signed, a.By = ofSignatures(check.Verdict), check.By
	database, files := Compare(pin, n), compareFiles(pin, file)
	a.Differences = append(database, files...)
	a.Verdict = Mismatch
	switch {
	case len(database) > 0 && len(files) == 0:
		a.Text = "the files are those pinned, and the store's database says something else of them"
	case len(database) > 0 && file.hash == info.NAR:
		a.Text = "the store has something else than is pinned"
	case len(database) > 0:
		a.Text = "the store's database has something else than is pinned, and the files are neither"
	case len(files) > 0:
		a.Text = "the files were changed after they came into the store, whose database has what is pinned; `nix-store --repair-path` gets them again"
	default:
		a.Contents, a.Verdict = true, a.Signed
		if a.Verdict.Bad() || a.Verdict == Unknown {
			a.Verdict = UnknownSigner
		}
		if a.Verdict != Verified && proveNAR(n, bincache.Contents{}) == nil {
			a.Verdict, a.Addressed = Verified, true
		}
		a.Text = "the files and the store's database are as pinned"
	}
	a.Text += "; " + originOf(info, check)
	return a
}

// narInfo is what a cache would say that had what the database says. A database
// written by a very old Nix has no size.
func (s *localStore) narInfo(path lock.StorePath, info nix.Info, file dump) *bincache.NarInfo {
	n := &bincache.NarInfo{StoreDir: s.dir, Path: path, NarHash: info.NAR, NarSize: uint64(info.Size), References: info.Refs,
		Signatures: info.Signatures, CA: info.CA}
	if info.Size == 0 {
		n.NarSize = uint64(file.size)
	}
	return n
}

func compareFiles(pin lock.Pin, file dump) (ds []Difference) {
	if file.hash != pin.NAR {
		ds = append(ds, Difference{"contents narHash", pin.NAR.String(), file.hash.String()})
	}
	if file.size != pin.Size {
		ds = append(ds, Difference{"contents narSize", fmt.Sprint(pin.Size), fmt.Sprint(file.size)})
	}
	return ds
}

// originOf says how the path came into the store, as far as it is known.
func originOf(info nix.Info, check bincache.SignatureCheck) string {
	text := check.Text
	if info.Ultimate {
		text = "it was built on this machine; " + text
	}
	if info.CA != "" {
		text += "; its content address is " + info.CA
	}
	return text
}
