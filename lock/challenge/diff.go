package challenge

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// A Diff is how the files of two trees differ.
type Diff struct {
	A, B  string // the voters
	Files []FileDiff
	More  int // differences beyond those in Files
}

// A FileDiff is one file, folder or link that is not the same in two trees.
type FileDiff struct {
	Path string // in the store path, "bin/hello"; "" is the path itself
	What Difference
	A, B bincache.Entry // the zero Entry where it is missing; hashes are not filled in
	// Offset is the first byte of a file's contents that differs; where one is
	// the other's start, its size.
	Offset uint64
	// Within is how many entries a folder has that only one tree has.
	Within int
}

// A Difference is what is not the same. Several may apply to a file.
type Difference uint8

const (
	OnlyA Difference = 1 << iota
	OnlyB
	Kind       // a file here, a folder or link there
	Executable // the one permission that a NAR has
	Target     // of a link
	Contents
)

var differenceWords = []string{"removed", "added", "kind", "executable", "target", "contents"}

// String names all that applies, "executable, contents".
func (d Difference) String() string { return strings.Join(d.Words(), ", ") }

// Words returns the words for all that applies. What only A has was removed on
// the way to B.
func (d Difference) Words() (words []string) {
	for i, w := range differenceWords {
		if d&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return words
}

// Compare reads two trees at the same time, from start to end, and lists at
// most most differences, sorted as a NAR is: a folder before what is in it, the
// names of a folder by their bytes. Memory does not grow with the trees. What
// only one of them has is listed as a whole. An error means that one of the
// trees could not be read, or is not what its voter said.
func Compare(ctx context.Context, a, b Tree, most int) (*Diff, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // frees what waits to write into a tree
	most = max(0, min(most, 100_000))
	c := &comparison{d: &Diff{A: a.Voter, B: b.Voter, Files: make([]FileDiff, 0, most)}, most: most}
	var stopA, stopB func()
	c.a.next, stopA = iter.Pull(pieces(ctx, a))
	defer stopA()
	c.b.next, stopB = iter.Pull(pieces(ctx, b))
	defer stopB()
	c.a.advance()
	c.b.advance()
	for c.a.err == nil && c.b.err == nil && (c.a.more || c.b.more) {
		c.step()
	}
	for _, side := range []struct {
		of  Tree
		err error
	}{{a, c.a.err}, {b, c.b.err}} {
		if side.err != nil {
			return nil, fmt.Errorf("the files of %s: %w", side.of.Voter, side.err)
		}
	}
	return c.d, nil
}

type comparison struct {
	a, b stream
	d    *Diff // its Files never grow out of their place
	most int
	// folder is the path of the last folder that only one tree has, and counted
	// where its entries are counted.
	folder  string
	of      Difference // OnlyA or OnlyB; 0: there is no such folder
	counted *int
}

// A stream stands at the start of an entry, or at its end.
type stream struct {
	next func() (piece, bool)
	at   bincache.Entry
	more bool
	err  error
}

// advance goes to the next entry, over what is left of a file's contents.
func (s *stream) advance() {
	for s.chunk() != nil {
	}
}

// chunk returns more of the contents of the file that the stream stands at, or
// nil behind their end; then the stream stands at the next entry.
func (s *stream) chunk() []byte {
	p, ok := s.next()
	if ok && p.data != nil {
		return p.data
	}
	s.at, s.more, s.err = p.entry, ok && p.err == nil, p.err
	return nil
}

// step compares the entries that come next.
func (c *comparison) step() {
	order := 0
	switch {
	case !c.a.more:
		order = 1
	case !c.b.more:
		order = -1
	default:
		order = comparePaths(c.a.at.Path, c.b.at.Path)
	}
	a, b := c.a.at, c.b.at
	switch {
	case order < 0:
		c.add(FileDiff{Path: a.Path, What: OnlyA, A: a})
		c.a.advance()
	case order > 0:
		c.add(FileDiff{Path: b.Path, What: OnlyB, B: b})
		c.b.advance()
	default:
		c.pair(a, b)
	}
}

// pair compares two entries of the same path.
func (c *comparison) pair(a, b bincache.Entry) {
	f := FileDiff{Path: a.Path, A: a, B: b}
	switch {
	case a.Type != b.Type:
		f.What = Kind
	case a.Type == bincache.Symlink && a.Target != b.Target:
		f.What = Target
	case a.Type == bincache.RegularFile:
		if a.Executable != b.Executable {
			f.What |= Executable
		}
		var same bool
		if f.Offset, same = sameContents(&c.a, &c.b); !same {
			f.What |= Contents
		}
		if f.What != 0 {
			c.add(f)
		}
		return // the streams stand at the next entries already
	}
	if f.What != 0 {
		c.add(f)
	}
	c.a.advance()
	c.b.advance()
}

// sameContents compares the contents of two files, and leaves the streams at
// the next entries.
func sameContents(a, b *stream) (offset uint64, same bool) {
	x, y := a.chunk(), b.chunk()
	for x != nil && y != nil {
		n := min(len(x), len(y))
		if !bytes.Equal(x[:n], y[:n]) {
			for x[0] == y[0] {
				x, y, offset = x[1:], y[1:], offset+1
			}
			break
		}
		offset += uint64(n)
		if x = x[n:]; len(x) == 0 {
			x = a.chunk()
		}
		if y = y[n:]; len(y) == 0 {
			y = b.chunk()
		}
	}
	same = x == nil && y == nil
	if x != nil {
		a.advance()
	}
	if y != nil {
		b.advance()
	}
	return offset, same
}

// add keeps a difference. What lies in a folder that only one tree has is
// counted there.
func (c *comparison) add(f FileDiff) {
	if c.of != 0 && f.What == c.of && (c.folder == "" || strings.HasPrefix(f.Path, c.folder+"/")) {
		*c.counted++
		return
	}
	c.folder, c.of, c.counted = f.Path, onlyFolder(f), new(int)
	if len(c.d.Files) == c.most {
		c.d.More++
		return
	}
	c.d.Files = append(c.d.Files, f)
	c.counted = &c.d.Files[len(c.d.Files)-1].Within
}

// onlyFolder says which of the trees alone has a folder there, 0 for neither.
func onlyFolder(f FileDiff) Difference {
	switch inA, inB := f.A.Type == bincache.Directory, f.B.Type == bincache.Directory; {
	case inA && !inB:
		return OnlyA
	case inB && !inA:
		return OnlyB
	}
	return 0
}

// comparePaths orders as a NAR does: part by part, so that "a/b" comes before
// "a-b". No name has a NUL.
func comparePaths(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return cmp.Compare(rank(a[i]), rank(b[i]))
		}
	}
	return cmp.Compare(len(a), len(b))
}

func rank(c byte) byte {
	if c == '/' {
		return 0
	}
	return c
}
