package bincache

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"time"
)

// Contents is what a NAR was found to be, when it is what its narinfo says.
type Contents struct {
	NarHash Hash
	NarSize uint64
	// Addressed says that the contents have the hash of the narinfo's content
	// address, of which the name is computed as far as ProveContent says so. It
	// stays false without such an address.
	Addressed bool
}

// A Mismatch is the cause of an Error of kind Misbehaved: what a narinfo says
// and what the file is.
type Mismatch struct{ Field, Want, Got string }

func (m *Mismatch) Error() string {
	return fmt.Sprintf("%s should be %s and is %s", m.Field, m.Want, m.Got)
}

func mismatch(field string, want, got any) error {
	m := &Mismatch{field, fmt.Sprint(want), fmt.Sprint(got)}
	return &Error{Kind: Misbehaved, Text: fmt.Sprintf("the file is not what the narinfo says: %v; it is damaged or was replaced", m), Err: m}
}

// Contents gets the NAR of a narinfo and checks it while it comes: unpacking
// ends at NarSize, the NAR must be whole and strict, nothing may follow it, and
// size and hash must be the narinfo's. Memory does not grow with the NAR. visit
// is called for every entry as in ReadNar, before anything is known to be true;
// it may be nil, and is then faster.
func (k *Cache) Contents(ctx context.Context, n *NarInfo, visit func(Entry) error) (Contents, error) {
	return k.ContentsTo(ctx, n, visit, io.Discard)
}

// ContentsTo is Contents that also writes the NAR to w while it comes, before
// anything is known to be true. Errors of w are returned as they are.
func (k *Cache) ContentsTo(ctx context.Context, n *NarInfo, visit func(Entry) error, w io.Writer) (Contents, error) {
	c, err := k.contents(ctx, n, visit, w)
	return c, about(err, k.shown, quote(n.URL))
}

func (k *Cache) contents(ctx context.Context, n *NarInfo, visit func(Entry) error, w io.Writer) (Contents, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	file, err := k.openNar(ctx, n, cancel)
	if err != nil {
		return Contents{}, err
	}
	defer file.Close()
	c, err := checkNar(file, n, visit, w, k.client.limits)
	if err != nil {
		return Contents{}, broke(ctx, err)
	}
	return c, nil
}

// OpenNar gets the NAR's file as the cache has it, still compressed, and its
// length (-1: not told). It is cut off when it comes too slowly; nothing of it
// is checked. The caller closes it.
func (k *Cache) OpenNar(ctx context.Context, n *NarInfo) (io.ReadCloser, int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	file, err := k.openNar(ctx, n, cancel)
	if err != nil {
		cancel(nil)
		return nil, 0, about(err, k.shown, quote(n.URL))
	}
	return file, file.length, nil
}

func (k *Cache) openNar(ctx context.Context, n *NarInfo, cancel context.CancelCauseFunc) (*narFile, error) {
	l := k.client.limits
	if n.NarSize > l.NarSize {
		return nil, failf(Unsupported, "it unpacks to %d bytes, more than the limit of %d", n.NarSize, l.NarSize)
	}
	u, err := k.resolve(n.URL)
	if err != nil {
		return nil, err
	}
	clock := time.AfterFunc(l.Request, func() {
		cancel(failf(Unreachable, "no answer within %v; the cache is slow or down", l.Request))
	})
	a, err := k.open(ctx, u, func() { clock.Reset(l.Request) })
	clock.Stop()
	if err != nil {
		return nil, err
	}
	f := &narFile{answer: a, ctx: ctx, cancel: cancel, stall: l.Stall, trickle: l.Trickle}
	f.left = f.stall
	f.clock = time.AfterFunc(f.left, f.tooSlow)
	f.clock.Stop()
	return f, nil
}

// A narFile is cut off when less than trickle bytes come in a span of stall
// spent waiting for them. Time that the reader takes is not counted.
type narFile struct {
	*answer
	ctx     context.Context
	cancel  context.CancelCauseFunc
	clock   *time.Timer
	stall   time.Duration
	left    time.Duration // of the span
	trickle int64
	got     int64 // bytes in the span
}

func (f *narFile) tooSlow() {
	f.cancel(failf(Unreachable, "fewer than %d bytes came in %v; the cache is too slow to use, or keeps connections open on purpose", f.trickle, f.stall))
}

func (f *narFile) Read(p []byte) (int, error) {
	start := time.Now()
	f.clock.Reset(f.left)
	n, err := f.answer.Read(p)
	f.clock.Stop()
	f.left -= time.Since(start)
	if f.got += int64(n); f.got >= f.trickle {
		f.left, f.got = f.stall, 0
	}
	f.left = max(f.left, time.Millisecond)
	if err != nil && err != io.EOF && f.ctx.Err() != nil {
		err = context.Cause(f.ctx)
	}
	return n, err
}

func (f *narFile) Close() error {
	f.clock.Stop()
	f.close()
	f.cancel(nil)
	return nil
}

// CheckNar reads a compressed NAR to its end and compares it with its narinfo;
// see Cache.Contents. Errors of r are returned as they are.
func CheckNar(r io.Reader, n *NarInfo, visit func(Entry) error, limits Limits) (Contents, error) {
	return checkNar(r, n, visit, io.Discard, limits)
}

func checkNar(r io.Reader, n *NarInfo, visit func(Entry) error, w io.Writer, limits Limits) (Contents, error) {
	limits = limits.orDefault()
	// No format makes contents much longer; what does holds padding, empty
	// blocks or skipped frames, and need not end.
	packed := &capped{r: r, left: n.NarSize + n.NarSize/16 + 64<<10,
		over: failf(Misbehaved, "the compressed file goes on after more bytes than its %d bytes of contents can need; the cache is broken or hostile", n.NarSize)}
	out, err := Decompress(n.Compression, packed, n.NarSize, limits)
	if err != nil {
		return Contents{}, err
	}
	defer out.Close()
	plain := &capped{r: out, left: n.NarSize,
		over: &Error{Kind: Misbehaved, Text: fmt.Sprintf("the file unpacks to more than the %d bytes that the narinfo says; it was cut off there, as it may be made to fill memory or disk, or carry something behind the NAR", n.NarSize),
			Err: &Mismatch{"NarSize", fmt.Sprint(n.NarSize), "more"}}}
	sum := sha256.New()
	address := newAddressHash(n)
	hashes := address.with(sum)
	if w != io.Discard {
		hashes = io.MultiWriter(hashes, w)
	}
	in := bufio.NewReaderSize(io.TeeReader(plain, hashes), 64<<10)
	if err := readNar(in, visit, address.one); err != nil {
		return Contents{}, err
	}
	// The rest can only be bytes behind the NAR, or what the decoder has to say
	// about the end of the file.
	if extra, err := io.Copy(io.Discard, in); err != nil {
		return Contents{}, err
	} else if extra > 0 {
		return Contents{}, failf(Misbehaved, "%d bytes follow the end of the NAR; they are not part of what Nix would store", extra)
	}
	c := Contents{NarHash: Hash(sum.Sum(nil)), NarSize: n.NarSize - plain.left}
	if c.NarSize != n.NarSize {
		return Contents{}, mismatch("NarSize", n.NarSize, c.NarSize)
	}
	if c.NarHash != n.NarHash {
		return Contents{}, mismatch("NarHash", n.NarHash, c.NarHash)
	}
	c.Addressed, err = address.check()
	return c, err
}

// A capped reader fails with over at the first byte behind its bound.
type capped struct {
	r    io.Reader
	left uint64
	over error
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left == 0 {
		var one [1]byte
		n, err := io.ReadFull(c.r, one[:])
		if n > 0 {
			return 0, c.over
		}
		return 0, err
	}
	n, err := c.r.Read(p[:min(uint64(len(p)), c.left)])
	c.left -= uint64(n)
	return n, err
}
