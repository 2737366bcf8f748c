package demo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nix-community/go-nix/pkg/nar"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// A Fetched is what came of a fetch.
type Fetched struct {
	Paths   []lock.StorePath // that arrived, references before what refers to them
	Had     int              // that were there before
	Bytes   int64            // of what arrived, as NARs
	Refused []Refused        // what did not arrive, in the same order
}

// A Refused is a path that did not arrive.
type Refused struct {
	Path lock.StorePath
	Err  error
}

// Fetch gets paths and all that they refer to through the gate, as Nix would: it
// believes the gate's key and nothing else. A path is put into the scratch folder
// once it was checked whole, and after all that it refers to. progress may be nil.
func (g *Gate) Fetch(ctx context.Context, roots []lock.StorePath, progress func(done, all int)) (Fetched, error) {
	g.fetching.Lock() // one at a time: they put things into the same folder
	defer g.fetching.Unlock()
	if progress == nil {
		progress = func(int, int) {}
	}
	var out Fetched
	from, err := g.client.Cache(g.URL())
	if err != nil {
		return out, err
	}
	c := closure{gate: g, from: from, infos: map[lock.StorePath]*bincache.NarInfo{}, bad: map[lock.StorePath]error{}}
	for _, p := range roots {
		if err := c.add(ctx, p, 0); err != nil {
			return out, err
		}
	}
	for i, p := range c.order {
		progress(i, len(c.order))
		err := c.bad[p]
		if err == nil {
			err = c.missing(p)
		}
		had := false
		if err == nil {
			had, err = g.fetch(ctx, from, c.infos[p])
		}
		switch {
		case ctx.Err() != nil:
			return out, ctx.Err()
		case err != nil:
			c.bad[p] = err
			out.Refused = append(out.Refused, Refused{p, err})
		case had:
			out.Had++
		default:
			out.Paths = append(out.Paths, p)
			out.Bytes += int64(c.infos[p].NarSize)
		}
	}
	progress(len(c.order), len(c.order))
	return out, nil
}

// A closure is what is to be fetched.
type closure struct {
	gate  *Gate
	from  *bincache.Cache
	infos map[lock.StorePath]*bincache.NarInfo
	bad   map[lock.StorePath]error
	order []lock.StorePath // references first
}

// maxDepth bounds a chain of references.
const maxDepth = 1000

var errTooLarge = errors.New("its closure is larger than the demo takes")

// add asks the gate for a path and what it refers to. The error is for what
// keeps all of it from being fetched.
func (c *closure) add(ctx context.Context, p lock.StorePath, depth int) error {
	if _, known := c.infos[p]; known {
		return nil
	}
	if len(c.infos) >= mostPaths || depth >= maxDepth {
		return errTooLarge
	}
	info, err := c.gate.info(ctx, c.from, p)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.infos[p] = info // nil when there is none
	if err != nil {
		c.bad[p] = err
	} else {
		for _, ref := range info.References {
			if ref == p {
				continue
			}
			if err := c.add(ctx, ref, depth+1); err != nil {
				return err
			}
		}
	}
	c.order = append(c.order, p)
	return nil
}

// missing says which reference of a path did not arrive.
func (c *closure) missing(p lock.StorePath) error {
	for _, ref := range c.infos[p].References {
		if ref != p && c.bad[ref] != nil {
			return fmt.Errorf("it needs %s, which did not arrive", ref.Name())
		}
	}
	return nil
}

// ErrNotServed says that the gate serves nothing under a path's name.
var ErrNotServed = errors.New("the gate does not serve it")

// errNotDelivered is the gate's answer when no cache has the pinned bytes.
var errNotDelivered = errors.New("the gate refused it: no cache delivered the bytes that are pinned")

// info asks the gate for a narinfo and checks its signature.
func (g *Gate) info(ctx context.Context, from *bincache.Cache, p lock.StorePath) (*bincache.NarInfo, error) {
	n, err := from.NarInfo(ctx, p)
	switch {
	case errors.Is(err, bincache.Absent):
		return nil, ErrNotServed
	case err != nil:
		return nil, err
	case n.Path != p:
		return nil, fmt.Errorf("the gate answered with %s", n.Path)
	}
	if check := bincache.CheckSignatures(n, g.ring); check.Verdict != bincache.Verified {
		return nil, fmt.Errorf("the gate's narinfo is not signed by the gate's key: %s", check.Text)
	}
	return n, nil
}

// fetch puts one path into the scratch folder.
func (g *Gate) fetch(ctx context.Context, from *bincache.Cache, n *bincache.NarInfo) (had bool, err error) {
	dir, err := os.OpenRoot(g.Dir)
	if err != nil {
		return false, err
	}
	defer dir.Close()
	name := storeIn + "/" + string(n.Path)
	if _, err := dir.Lstat(name); err == nil { // it was checked when it was put there
		return true, nil
	}
	const packed, unpacked = workIn + "/nar", workIn + "/path"
	defer func() { err = errors.Join(err, dir.RemoveAll(packed), dir.RemoveAll(unpacked)) }()
	f, err := dir.OpenFile(packed, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if _, err := from.ContentsTo(ctx, n, nil, f); err != nil {
		if errors.Is(err, bincache.Absent) {
			err = errNotDelivered
		}
		return false, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	if err := unpack(f, dir, unpacked); err != nil {
		return false, err
	}
	return false, dir.Rename(unpacked, name)
}

// Has reports whether a path lies in the scratch folder.
func (g *Gate) Has(p lock.StorePath) bool {
	_, err := os.Lstat(g.At(p))
	return err == nil
}

// At is where a path lies in the scratch folder.
func (g *Gate) At(p lock.StorePath) string { return filepath.Join(g.Dir, storeIn, string(p)) }

// Reread packs again what lies in the scratch folder and returns its hash and
// size as a lock would pin them.
func (g *Gate) Reread(p lock.StorePath) (lock.Hash, int64, error) {
	sum, size := sha256.New(), counter(0)
	if err := nar.DumpPath(io.MultiWriter(sum, &size), g.At(p)); err != nil {
		return lock.Hash{}, 0, err
	}
	return lock.Hash(sum.Sum(nil)), int64(size), nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
