package bundle

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/trust/host"
)

// The archive's first entry, and the folder of its tree.
const (
	manifestName = "nix-trust-bundle.json"
	rootName     = "root"
)

// Write writes the archive: gzip, and in it tar. The same bundle gives the same
// bytes.
func (b *Bundle) Write(w io.Writer) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	put := func(h tar.Header, data []byte) error {
		h.Format, h.Size = tar.FormatPAX, int64(len(data))
		if err := t.WriteHeader(&h); err != nil {
			return err
		}
		_, err := t.Write(data)
		return err
	}
	if err := put(tar.Header{Typeflag: tar.TypeReg, Name: manifestName, Mode: 0o644}, b.text); err != nil {
		return err
	}
	for _, p := range slices.Sorted(maps.Keys(b.tree.nodes)) {
		n := b.tree.nodes[p]
		if !n.archived() {
			continue
		}
		h := tar.Header{Name: rootName + p, Mode: int64(n.mode.Perm()), Uid: int(n.uid), Gid: int(n.gid), ModTime: n.modified}
		var data []byte
		switch n.mode.Type() {
		case fs.ModeDir:
			h.Typeflag, h.Name = tar.TypeDir, strings.TrimSuffix(h.Name, "/")+"/"
		case fs.ModeSymlink:
			h.Typeflag, h.Linkname = tar.TypeSymlink, n.link
		default:
			h.Typeflag, data = tar.TypeReg, n.data
		}
		if err := put(h, data); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

// Read reads an archive that Write wrote, and nothing else. It is held in memory,
// and no path of this machine is looked at for it.
func Read(r io.Reader) (*Bundle, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, errors.New("it is no archive that was compressed with gzip")
	}
	limited := &io.LimitedReader{R: z, N: maxStream}
	b, err := readTar(tar.NewReader(limited))
	if err == nil {
		_, err = io.Copy(io.Discard, limited) // to where gzip has its checksum
	}
	switch {
	case err == nil && limited.N > 0:
		return b, nil
	case limited.N <= 0:
		return nil, fmt.Errorf("it has more than %d MiB unpacked", maxStream>>20)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return nil, errors.New("it is cut off, or was changed")
	}
	return nil, err
}

func readTar(t *tar.Reader) (*Bundle, error) {
	b := &Bundle{tree: tree{nodes: map[string]*node{}}, kinds: map[string]kind{}, failed: map[string]string{}}
	contents := 0
	for count := 0; ; count++ {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("it is no archive that reads: %w", err)
		}
		if count > maxEntries {
			return nil, fmt.Errorf("it has more than %d paths", maxEntries)
		}
		if count == 0 {
			if err := b.readManifest(h, t); err != nil {
				return nil, err
			}
			continue
		}
		n, p, err := readEntry(h, t)
		if err != nil {
			return nil, err
		}
		if contents += len(n.data); contents > maxContents {
			return nil, fmt.Errorf("its files have more than %d MiB", maxContents>>20)
		}
		if err := b.add(p, n); err != nil {
			return nil, err
		}
	}
	if b.text == nil {
		return nil, errors.New("it is empty")
	}
	return b, b.rest()
}

func (b *Bundle) readManifest(h *tar.Header, t io.Reader) error {
	if h.Name != manifestName || h.Typeflag != tar.TypeReg {
		return fmt.Errorf("it is no bundle: its first file is %q, and not %s", h.Name, manifestName)
	}
	text, err := io.ReadAll(io.LimitReader(t, maxManifest+1))
	if err != nil {
		return err
	}
	if len(text) > maxManifest {
		return fmt.Errorf("its manifest has more than %d MiB", maxManifest>>20)
	}
	m, err := readManifest(text)
	if err != nil {
		return err
	}
	b.manifest, b.text, b.tree.owners = *m, text, m.Owners
	return nil
}

// readEntry reads one path of the tree.
func readEntry(h *tar.Header, t io.Reader) (*node, string, error) {
	bad := func(format string, args ...any) (*node, string, error) {
		return nil, "", fmt.Errorf("its path %.200q "+format, append([]any{h.Name}, args...)...)
	}
	p, inside := strings.CutPrefix(h.Name, rootName+"/")
	if !inside {
		return bad("is not in the folder %s", rootName)
	}
	p = "/" + p
	if h.Typeflag == tar.TypeDir && p != "/" {
		p = strings.TrimSuffix(p, "/")
	}
	if !plainPath(p) {
		return bad("is not one that a bundle has")
	}
	if h.Mode < 0 || h.Mode > 0o777 || h.Uid < 0 || h.Gid < 0 || int64(h.Uid) > 1<<32-1 || int64(h.Gid) > 1<<32-1 {
		return bad("has a mode or an owner that no file has")
	}
	n := &node{mode: fs.FileMode(h.Mode), uid: uint32(h.Uid), gid: uint32(h.Gid), modified: modified(h.ModTime)}
	switch h.Typeflag {
	case tar.TypeDir:
		n.mode |= fs.ModeDir
	case tar.TypeSymlink:
		n.mode |= fs.ModeSymlink
		if n.link = h.Linkname; n.link == "" || len(n.link) > maxPath || strings.ContainsRune(n.link, 0) {
			return bad("is a link to nothing that a path could be")
		}
	case tar.TypeReg:
		if h.Size < 0 || h.Size > host.MaxFile {
			return bad("has more than %d MiB", host.MaxFile>>20)
		}
		data, err := io.ReadAll(io.LimitReader(t, host.MaxFile+1))
		if err != nil {
			return nil, "", err
		}
		n.data, n.read, n.size = data, true, int64(len(data))
	default:
		return bad("is no file, folder or symbolic link")
	}
	return n, p, nil
}

// modified is a time as it was before it was written: none is written as 1970.
func modified(at time.Time) time.Time {
	if at.Equal(time.Unix(0, 0)) {
		return time.Time{}
	}
	return at
}

// plainPath reports whether a path is one of a tree without links: absolute,
// without "." and "..", and not longer than paths are.
func plainPath(p string) bool {
	return strings.HasPrefix(p, "/") && path.Clean(p) == p && len(p) <= maxPath && !strings.ContainsRune(p, 0)
}

// add adds a path to the tree. Each is there once.
func (b *Bundle) add(p string, n *node) error {
	if !plainPath(p) {
		return fmt.Errorf("its path %.200q is not one that a bundle has", p)
	}
	if b.tree.nodes[p] != nil {
		return fmt.Errorf("it has the path %q twice", p)
	}
	if len(b.tree.nodes) >= maxEntries {
		return fmt.Errorf("it has more than %d paths", maxEntries)
	}
	b.tree.nodes[p] = n
	return nil
}

// rest adds what the manifest has of paths, and looks whether all of them hold
// together.
func (b *Bundle) rest() error {
	m := &b.manifest
	for _, p := range m.Absent {
		if err := b.add(p, &node{absent: true}); err != nil {
			return err
		}
	}
	for _, u := range m.Unseen {
		if u.Err == "" {
			return fmt.Errorf("it does not say why %q could not be looked at", u.Path)
		}
		if err := b.add(u.Path, &node{unseen: u.Err}); err != nil {
			return err
		}
	}
	for _, s := range m.Special {
		mode, ok := modeOf(s.Kind)
		if !ok || mode == 0 || mode == fs.ModeDir || mode == fs.ModeSymlink {
			return fmt.Errorf("its path %q is a %q, which is unknown", s.Path, s.Kind)
		}
		if err := b.add(s.Path, s.node(mode)); err != nil {
			return err
		}
	}
	for _, u := range m.Unread {
		n := u.node(0)
		n.size, n.unread, n.leftOut = u.Size, u.Err, u.LeftOut
		if u.Size < 0 {
			return fmt.Errorf("its path %q has less than no bytes", u.Path)
		}
		if err := b.add(u.Path, n); err != nil {
			return err
		}
	}
	for _, l := range m.Listings {
		n := b.tree.nodes[l.Path]
		if n == nil || !n.mode.IsDir() || n.listed || n.unlisted != "" {
			return fmt.Errorf("it lists %q, which is no folder, or does so twice", l.Path)
		}
		n.listed, n.unlisted, n.omitted = l.Err == "", l.Err, l.Omitted
		for _, e := range l.Entries {
			mode, ok := modeOf(e.Kind)
			if !ok || !plainPath("/"+e.Name) || strings.Contains(e.Name, "/") || e.Name == "" {
				return fmt.Errorf("it lists %.200q in %q, which nothing can be called", e.Name, l.Path)
			}
			n.entries = append(n.entries, entry{e.Name, mode})
		}
	}
	for p := range b.tree.nodes {
		if up := b.tree.nodes[path.Dir(p)]; up == nil || !up.mode.IsDir() {
			return fmt.Errorf("its path %q is in no folder of it", p)
		}
	}
	_, _, err := b.Machine()
	return err
}

// node is what is known of a file.
func (m metadata) node(kind fs.FileMode) *node {
	return &node{mode: kind | fs.FileMode(m.Mode)&fs.ModePerm, uid: m.UID, gid: m.GID, modified: m.Modified}
}
