package bincache

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Bounds of the NAR format. Nix 2.34: src/libutil/archive.cc; older versions
// have none of them, and nothing that such a version wrote goes past them.
const (
	narStart     = "\x0d\x00\x00\x00\x00\x00\x00\x00nix-archive-1\x00\x00\x00"
	narMaxDepth  = 64
	narMaxTag    = 32
	narMaxName   = 255
	narMaxTarget = 4095
)

// An Entry is one thing in a NAR.
type Entry struct {
	Path       string // relative to the root, "bin/hello"; the root itself is ""
	Type       EntryType
	Executable bool
	Size       uint64 // of a file
	SHA256     Hash   // of a file's contents
	Target     string // of a link
}

// An EntryType is what an entry is.
type EntryType uint8

const (
	RegularFile EntryType = iota + 1
	Directory
	Symlink
)

// A narReader checks a NAR while it reads it, with memory that does not grow
// with the NAR: no more than a name for each of at most 64 levels.
type narReader struct {
	in     *bufio.Reader
	visit  func(Entry) error              // may be nil: then contents are not hashed one by one
	open   func(Entry) (io.Writer, error) // takes the contents of files; may be nil
	at     uint64                         // bytes read
	buf    []byte
	sum    hash.Hash
	single *singleFile
}

// A singleFile takes the contents of a NAR that is nothing but one file.
type singleFile struct {
	sum   hash.Hash
	found bool // whether the NAR is one, and not executable
}

// ReadNar reads one NAR from its first to its last byte and calls visit for
// each entry in the NAR's order, a folder before what is in it. It is as strict
// as Nix 2.34: tags in order, sorted unique names, zero padding, no names such
// as "..", links and names of bounded length. With a nil visit the contents
// are skipped over without being hashed.
//
// A broken NAR is an *Error of kind Misbehaved; errors of r and visit are
// returned as they are. Bytes behind the NAR's end are not looked at; a
// *bufio.Reader is left standing there, other readers are read ahead.
func ReadNar(r io.Reader, visit func(Entry) error) error { return readNar(r, visit, nil) }

// ReadNarFiles is ReadNar that hands over the contents of files, too: open is
// called with a file's Path, Executable and Size, what it returns gets the
// contents, and then visit is called, for files without their SHA256. The errors
// of both, and of the writer, are returned as they are.
func ReadNarFiles(r io.Reader, open func(Entry) (io.Writer, error), visit func(Entry) error) error {
	return newNarReader(r, visit, open, nil).read()
}

// readNar also fills single, which may be nil.
func readNar(r io.Reader, visit func(Entry) error, single *singleFile) error {
	return newNarReader(r, visit, nil, single).read()
}

func newNarReader(r io.Reader, visit func(Entry) error, open func(Entry) (io.Writer, error), single *singleFile) *narReader {
	in, ok := r.(*bufio.Reader)
	if !ok {
		in = bufio.NewReaderSize(r, 64<<10)
	}
	return &narReader{in: in, visit: visit, open: open, buf: make([]byte, 64<<10), sum: sha256.New(), single: single}
}

func (n *narReader) read() error {
	start := n.buf[:len(narStart)]
	if err := n.full(start); err != nil {
		return err
	}
	if string(start) != narStart {
		n.at = 0
		return n.bad("it does not start as a NAR does")
	}
	return n.node("", 0)
}

func (n *narReader) bad(format string, args ...any) error {
	return failf(Misbehaved, "the NAR is broken at byte %d: %s", n.at, fmt.Sprintf(format, args...))
}

// full fills p. Only the reader's own end makes the NAR too short; an answer
// that broke off says nothing about the NAR.
func (n *narReader) full(p []byte) error {
	for len(p) > 0 {
		m, err := n.in.Read(p)
		n.at += uint64(m)
		p = p[m:]
		switch {
		case len(p) == 0:
		case err == io.EOF:
			return n.bad("it ends too early")
		case err != nil:
			return err
		}
	}
	return nil
}

func (n *narReader) number() (uint64, error) {
	if err := n.full(n.buf[:8]); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(n.buf), nil
}

func (n *narReader) str(limit int) (string, error) {
	size, err := n.number()
	if err != nil {
		return "", err
	}
	if size > uint64(limit) {
		return "", n.bad("a text of %d bytes where at most %d are allowed", size, limit)
	}
	if err := n.full(n.buf[:size]); err != nil {
		return "", err
	}
	s := string(n.buf[:size])
	return s, n.padding(size)
}

func (n *narReader) padding(size uint64) error {
	pad := n.buf[:(8-size%8)%8]
	if err := n.full(pad); err != nil {
		return err
	}
	for _, b := range pad {
		if b != 0 {
			return n.bad("padding that is not zero")
		}
	}
	return nil
}

func (n *narReader) expect(tags ...string) error {
	for _, want := range tags {
		got, err := n.str(narMaxTag)
		if err != nil {
			return err
		}
		if got != want {
			return n.bad("%s where %s is expected", quote(got), quote(want))
		}
	}
	return nil
}

func (n *narReader) node(path string, depth int) error {
	if depth >= narMaxDepth {
		return n.bad("folders nested deeper than %d", narMaxDepth)
	}
	if err := n.expect("(", "type"); err != nil {
		return err
	}
	kind, err := n.str(narMaxTag)
	if err != nil {
		return err
	}
	switch kind {
	case "regular":
		return n.file(path)
	case "directory":
		return n.folder(path, depth)
	case "symlink":
		return n.link(path)
	}
	return n.bad("the unknown kind of file %s", quote(kind))
}

func (n *narReader) file(path string) error {
	e := Entry{Path: path, Type: RegularFile}
	tag, err := n.str(narMaxTag)
	if err != nil {
		return err
	}
	if tag == "executable" {
		e.Executable = true
		if _, err := n.str(0); err != nil {
			return err
		}
		if tag, err = n.str(narMaxTag); err != nil {
			return err
		}
	}
	if tag != "contents" {
		return n.bad("%s where \"contents\" is expected", quote(tag))
	}
	if e.Size, err = n.number(); err != nil {
		return err
	}
	if err := n.contents(&e); err != nil {
		return err
	}
	if err := n.expect(")"); err != nil {
		return err
	}
	return n.tell(e)
}

func (n *narReader) contents(e *Entry) error {
	n.sum.Reset()
	single := n.single != nil && e.Path == "" && !e.Executable
	if single {
		n.single.found = true
	}
	hashed := n.visit != nil && n.open == nil // who gets the contents can hash them
	var out io.Writer
	if n.open != nil {
		var err error
		if out, err = n.open(*e); err != nil {
			return err
		}
	}
	for left := e.Size; left > 0; {
		if n.visit == nil && !single && out == nil {
			m, err := n.in.Discard(int(min(left, 1<<30)))
			n.at += uint64(m)
			left -= uint64(m)
			if err == io.EOF {
				return n.bad("it ends too early")
			} else if err != nil {
				return err
			}
			continue
		}
		p := n.buf[:min(left, uint64(len(n.buf)))]
		if err := n.full(p); err != nil {
			return err
		}
		left -= uint64(len(p))
		if hashed {
			n.sum.Write(p)
		}
		if single {
			n.single.sum.Write(p)
		}
		if out != nil {
			if _, err := out.Write(p); err != nil {
				return err
			}
		}
	}
	if hashed {
		n.sum.Sum(e.SHA256[:0])
	}
	return n.padding(e.Size)
}

func (n *narReader) folder(path string, depth int) error {
	if err := n.tell(Entry{Path: path, Type: Directory}); err != nil {
		return err
	}
	for previous := ""; ; {
		tag, err := n.str(narMaxTag)
		if err != nil {
			return err
		}
		if tag == ")" {
			return nil
		}
		if tag != "entry" {
			return n.bad("%s where an entry or its folder's end is expected", quote(tag))
		}
		if err := n.expect("(", "name"); err != nil {
			return err
		}
		name, err := n.str(narMaxName)
		if err != nil {
			return err
		}
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
			return n.bad("the file name %s", quote(name))
		}
		if name <= previous {
			return n.bad("the names %s and %s are out of order", quote(previous), quote(name))
		}
		previous = name
		if err := n.expect("node"); err != nil {
			return err
		}
		if path != "" {
			name = path + "/" + name
		}
		if err := n.node(name, depth+1); err != nil {
			return err
		}
		if err := n.expect(")"); err != nil {
			return err
		}
	}
}

func (n *narReader) link(path string) error {
	if err := n.expect("target"); err != nil {
		return err
	}
	target, err := n.str(narMaxTarget)
	if err != nil {
		return err
	}
	if target == "" || strings.Contains(target, "\x00") {
		return n.bad("a link to %s", quote(target))
	}
	if err := n.expect(")"); err != nil {
		return err
	}
	return n.tell(Entry{Path: path, Type: Symlink, Target: target})
}

func (n *narReader) tell(e Entry) error {
	if n.visit == nil {
		return nil
	}
	return n.visit(e)
}
