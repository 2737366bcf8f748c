package nix

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// Hash returns the SHA-256 and size in bytes of the NAR of what lies on disk,
// whatever the store's database says of it. See DumpNar for its errors.
func (n *Nix) Hash(ctx context.Context, path lock.StorePath) (lock.Hash, int64, error) {
	sum := &countedHash{w: sha256.New()}
	if err := n.DumpNar(ctx, sum, path); err != nil {
		return lock.Hash{}, 0, err
	}
	return lock.Hash(sum.w.Sum(nil)), sum.size, nil
}

type countedHash struct {
	w interface {
		io.Writer
		Sum([]byte) []byte
	}
	size int64
}

func (c *countedHash) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	return c.w.Write(p)
}

// OpenNar returns DumpNar's output for reading. The caller closes it, which
// ends the dump; an error of the dump comes from Read.
func (n *Nix) OpenNar(ctx context.Context, path lock.StorePath) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(n.DumpNar(ctx, w, path)) }()
	return r
}

// DumpNar writes what lies on disk at a store path as a NAR, as
// `nix-store --dump` does. No link is followed, and memory does not grow with
// the path. The database is not asked whether the path is valid.
//
// An error that says fs.ErrNotExist means that nothing is there. Others name
// the file: one that cannot be read, is neither file, folder nor link, changed
// while it was read, or lies more than 64 deep, which Nix since 2.34 refuses as
// well. Errors of w and ctx are returned as they are. What was written before
// an error is worth nothing.
// Nix: src/libutil/archive.cc, SourceAccessor::dumpPath.
func (n *Nix) DumpNar(ctx context.Context, w io.Writer, path lock.StorePath) error {
	if _, err := bincache.ParseStorePath(string(path)); err != nil {
		return err
	}
	store, err := os.OpenRoot(filepath.Join(n.Root, n.storeDir()))
	if err != nil {
		// Not wrapped: a store that is not there does not lack the path.
		return fmt.Errorf("the store could not be opened: %v", err)
	}
	defer store.Close()
	d := &dumper{ctx: ctx, w: w, buf: make([]byte, 128<<10)}
	if err := d.text("nix-archive-1"); err != nil {
		return err
	}
	if err := d.node(store, string(path), string(path), 0); err != nil {
		return err
	}
	return d.flush()
}

const maxDumpDepth = 64

var errChanged = errors.New("it changed while it was read")

// A dumper gathers what is small in buf, so that w gets large pieces.
type dumper struct {
	ctx context.Context
	w   io.Writer
	buf []byte
	n   int // bytes of buf that wait
}

func (d *dumper) flush() error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	_, err := d.w.Write(d.buf[:d.n])
	d.n = 0
	return err
}

// text writes strings, each with its length before it and zeros behind it up to
// a multiple of eight bytes.
func (d *dumper) text(parts ...string) error {
	for _, s := range parts {
		if err := d.number(uint64(len(s))); err != nil {
			return err
		}
		for rest := s; rest != ""; {
			if err := d.room(1); err != nil {
				return err
			}
			m := copy(d.buf[d.n:], rest)
			d.n += m
			rest = rest[m:]
		}
		if err := d.padding(uint64(len(s))); err != nil {
			return err
		}
	}
	return nil
}

func (d *dumper) number(n uint64) error {
	if err := d.room(8); err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(d.buf[d.n:], n)
	d.n += 8
	return nil
}

func (d *dumper) padding(size uint64) error {
	if err := d.room(8); err != nil {
		return err
	}
	pad := int((8 - size%8) % 8)
	clear(d.buf[d.n : d.n+pad])
	d.n += pad
	return nil
}

func (d *dumper) room(n int) error {
	if len(d.buf)-d.n >= n {
		return nil
	}
	return d.flush()
}

// node writes the entry name of dir; path is for messages.
func (d *dumper) node(dir *os.Root, name, path string, depth int) error {
	if depth >= maxDumpDepth {
		return fmt.Errorf("%s lies more than %d folders deep, which a NAR cannot have", path, maxDumpDepth)
	}
	info, err := dir.Lstat(name)
	if err != nil {
		return because(path, err)
	}
	if err := d.text("(", "type"); err != nil {
		return err
	}
	switch info.Mode().Type() {
	case 0:
		err = d.file(dir, name, path, info)
	case fs.ModeDir:
		err = d.folder(dir, name, path, info, depth)
	case fs.ModeSymlink:
		var target string
		if target, err = dir.Readlink(name); err != nil {
			return because(path, err)
		}
		err = d.text("symlink", "target", target)
	default:
		return fmt.Errorf("%s is neither a file nor a folder nor a link, and cannot be in a store", path)
	}
	if err != nil {
		return err
	}
	return d.text(")")
}

func (d *dumper) file(dir *os.Root, name, path string, before fs.FileInfo) error {
	// Were a pipe to take the file's place now, opening it would wait for ever.
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return because(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return because(path, err)
	}
	if !os.SameFile(before, info) || !info.Mode().IsRegular() {
		return because(path, errChanged)
	}
	if err := d.text("regular"); err != nil {
		return err
	}
	if info.Mode()&0o100 != 0 {
		if err := d.text("executable", ""); err != nil {
			return err
		}
	}
	if err := d.text("contents"); err != nil {
		return err
	}
	size := uint64(info.Size())
	if err := d.number(size); err != nil {
		return err
	}
	if err := d.contents(f, path, size); err != nil {
		return err
	}
	return d.padding(size)
}

func (d *dumper) contents(f *os.File, path string, size uint64) error {
	for left := size; left > 0; {
		if err := d.room(int(min(left, uint64(len(d.buf)/4)))); err != nil {
			return err
		}
		space := d.buf[d.n:]
		m, err := f.Read(space[:min(left, uint64(len(space)))])
		d.n += m
		left -= uint64(m)
		if err == io.EOF {
			err = errChanged
		}
		if err != nil {
			return because(path, err)
		}
	}
	if m, _ := f.Read(make([]byte, 1)); m > 0 {
		return because(path, errChanged)
	}
	return nil
}

func (d *dumper) folder(dir *os.Root, name, path string, before fs.FileInfo, depth int) error {
	sub, err := dir.OpenRoot(name)
	if err != nil {
		return because(path, err)
	}
	defer sub.Close()
	names, err := namesIn(sub, before)
	if err != nil {
		return because(path, err)
	}
	if err := d.text("directory"); err != nil {
		return err
	}
	for _, entry := range names {
		if err := d.text("entry", "(", "name", entry, "node"); err != nil {
			return err
		}
		if err := d.node(sub, entry, path+"/"+entry, depth+1); err != nil {
			return err
		}
		if err := d.text(")"); err != nil {
			return err
		}
	}
	return nil
}

// namesIn lists a folder, sorted by bytes as NARs are.
func namesIn(dir *os.Root, before fs.FileInfo) ([]string, error) {
	f, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !os.SameFile(before, info) {
		return nil, errChanged
	}
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// because names the file once: the errors of package os have names within the
// folder that was opened.
func because(path string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}
