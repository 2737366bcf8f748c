package challenge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// MostUnpacked is how many bytes a tree may have to be unpacked: a cache can
// make a few kilobytes unpack to anything.
const MostUnpacked = 32 << 30

// Unpack writes a tree into the folder root under a new name. Nothing outside
// of root is written, whatever the tree has: no name of a NAR has a slash or is
// "..", nothing is written through a link, and nothing that is there already
// is opened. Links are made as they are, wherever they lead. The executable bit
// is kept, and nothing else of a mode.
//
// On an error what was written so far stays. The tree is what its voter said
// only without an error.
func Unpack(ctx context.Context, t Tree, root *os.Root, name string) error {
	if t.Size > MostUnpacked {
		return fmt.Errorf("the files of %s have %d bytes, and more than %d are not unpacked", t.Voter, t.Size, int64(MostUnpacked))
	}
	in := t.Open(ctx)
	defer in.Close()
	u := &unpacker{root: root, name: name}
	err := bincache.ReadNarFiles(in, u.open, u.visit)
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	if closed := u.close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("the files of %s could not be unpacked: %w", t.Voter, err)
	}
	return nil
}

type unpacker struct {
	root *os.Root
	name string
	file *os.File // that is being written, or nil
}

func (u *unpacker) at(e bincache.Entry) string {
	if e.Path == "" {
		return u.name
	}
	return u.name + "/" + e.Path
}

func (u *unpacker) open(e bincache.Entry) (io.Writer, error) {
	mode := os.FileMode(0o644)
	if e.Executable {
		mode = 0o755
	}
	// O_EXCL: not through a link, and not over a name that the file system takes
	// for another one's.
	f, err := u.root.OpenFile(u.at(e), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, err
	}
	u.file = f
	return f, nil
}

func (u *unpacker) visit(e bincache.Entry) error {
	switch e.Type {
	case bincache.Directory:
		return u.root.Mkdir(u.at(e), 0o755)
	case bincache.Symlink:
		return u.root.Symlink(e.Target, u.at(e))
	}
	return u.close()
}

func (u *unpacker) close() error {
	if u.file == nil {
		return nil
	}
	f := u.file
	u.file = nil
	return f.Close()
}

// OpenEmpty opens a folder for Unpack, and makes it when it is missing. One
// that has anything in it is refused.
func OpenEmpty(dir string) (*os.Root, error) {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	d, err := root.Open(".")
	if err == nil {
		defer d.Close()
		if _, err = d.Readdirnames(1); err == nil {
			err = errors.New("the folder is not empty, and nothing is unpacked over other files")
		}
	}
	if err != io.EOF {
		root.Close()
		return nil, err
	}
	return root, nil
}
