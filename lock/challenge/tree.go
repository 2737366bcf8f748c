package challenge

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// A Tree is the bytes that one voter has for a path. Each call of Open reads
// them anew, as a NAR: those of a cache are what its vote says only when Read
// ends with io.EOF, and those of this machine are what lies on disk now. The
// caller closes it.
type Tree struct {
	Voter string
	Size  int64 // of the NAR, as the voter says
	Open  func(context.Context) io.ReadCloser
}

// Tree returns the bytes behind a vote; ok is false where there are none, as
// of a pin. The options must be those that the report was made with.
func (r *Report) Tree(o Options, item Item, voter int) (t Tree, ok bool) {
	v := item.Votes[voter]
	if v.Answer != Said {
		return Tree{}, false
	}
	t = Tree{Voter: r.Voters[voter].Name, Size: v.Size}
	switch r.Voters[voter].Kind {
	case Cache:
		t.Open = func(ctx context.Context) io.ReadCloser { return openCached(ctx, v.cache, v.info) }
		return t, v.cache != nil && v.info != nil
	case Store:
		t.Open = func(ctx context.Context) io.ReadCloser { return o.Store.OpenNar(ctx, item.Path) }
		return t, o.Store != nil
	case Rebuild:
		path := v.Kept
		if path == "" {
			return Tree{}, false
		}
		t.Open = func(ctx context.Context) io.ReadCloser { return o.Store.OpenNar(ctx, path) }
		return t, o.Store != nil
	}
	return Tree{}, false
}

// openCached returns a cache's NAR, unpacked and checked while it comes.
func openCached(ctx context.Context, k *bincache.Cache, n *bincache.NarInfo) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(copyChecked(ctx, w, k, n)) }()
	return r
}

func copyChecked(ctx context.Context, w io.Writer, k *bincache.Cache, n *bincache.NarInfo) error {
	file, _, err := k.OpenNar(ctx, n)
	if err != nil {
		return err
	}
	defer file.Close()
	limits := bincache.DefaultLimits()
	// As in bincache.CheckNar, which here sees the NAR unpacked already.
	packed := &io.LimitedReader{R: file, N: int64(min(n.NarSize, limits.NarSize)/16*17) + 64<<10}
	plain, err := bincache.Decompress(n.Compression, packed, n.NarSize, limits)
	if err != nil {
		return err
	}
	defer plain.Close()
	bare := *n
	bare.Compression = "none"
	_, err = bincache.CheckNar(io.TeeReader(plain, w), &bare, nil, limits)
	return err
}

// A piece is the start of an entry, or some of the contents of the file that
// started last. data is good until the next piece is asked for.
type piece struct {
	entry bincache.Entry
	data  []byte // nil: the start of an entry
	err   error  // the end, other than a good one
}

var errStopped = errors.New("stopped")

// pieces reads a tree from its start to its checked end.
func pieces(ctx context.Context, t Tree) iter.Seq[piece] {
	return func(yield func(piece) bool) {
		in := t.Open(ctx)
		defer in.Close()
		p := &puller{yield: yield}
		err := bincache.ReadNarFiles(in, p.open, p.visit)
		if err == nil {
			// What the bytes are is known only at their end.
			_, err = io.Copy(io.Discard, in)
		}
		if err != nil && err != errStopped {
			yield(piece{err: err})
		}
	}
}

type puller struct{ yield func(piece) bool }

func (p *puller) open(e bincache.Entry) (io.Writer, error) {
	return p, p.visitAny(e)
}

func (p *puller) visit(e bincache.Entry) error {
	if e.Type == bincache.RegularFile {
		return nil // told when it started
	}
	return p.visitAny(e)
}

func (p *puller) visitAny(e bincache.Entry) error {
	if !p.yield(piece{entry: e}) {
		return errStopped
	}
	return nil
}

// Write takes contents.
func (p *puller) Write(data []byte) (int, error) {
	if len(data) > 0 && !p.yield(piece{data: data}) {
		return 0, errStopped
	}
	return len(data), nil
}
