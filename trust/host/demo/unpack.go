package demo

import (
	"fmt"
	"io"
	"os"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// Bounds of what the demo takes from a gate.
const (
	mostNar   = 64 << 20 // bytes of one path
	mostPaths = 10_000   // of one closure
	mostFiles = 10_000   // in one path
)

// unpack makes what a NAR has at a name in a folder, which must not have it yet.
// Nothing comes to lie outside the folder: names are those that the NAR's reader
// lets through, every file is made new, and the folder itself keeps a name from
// leading out of it over a link. Where links lead to is left as it is.
func unpack(r io.Reader, into *os.Root, name string) error {
	var open *os.File
	defer func() {
		if open != nil {
			open.Close()
		}
	}()
	at := func(e bincache.Entry) string {
		if e.Path == "" {
			return name
		}
		return name + "/" + e.Path
	}
	files := 0
	return bincache.ReadNarFiles(r, func(e bincache.Entry) (io.Writer, error) {
		mode := os.FileMode(0o644)
		if e.Executable {
			mode = 0o755
		}
		var err error
		open, err = into.OpenFile(at(e), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		return open, err
	}, func(e bincache.Entry) error {
		if files++; files > mostFiles {
			return fmt.Errorf("it has more than %d files", mostFiles)
		}
		switch e.Type {
		case bincache.RegularFile:
			f := open
			open = nil
			return f.Close()
		case bincache.Directory:
			return into.Mkdir(at(e), 0o755)
		case bincache.Symlink:
			return into.Symlink(e.Target, at(e))
		}
		return fmt.Errorf("%q is of no known kind", e.Path)
	})
}
