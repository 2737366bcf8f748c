package nix

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// Source finds a flake and has its source tree put into the store. Every kind
// of reference is taken that `nix build` takes, without a fragment. Nothing of
// the flake is evaluated but its inputs, and its flake.lock is not written: one
// that is missing or incomplete is an error, as is an input without a hash or with
// uncommitted changes, for then nobody else evaluates the same.
func (n *Nix) Source(ctx context.Context, ref string) (*Source, error) {
	text := fmt.Sprintf("the flake %q could not be read", clip(redact(ref)))
	if err := checkRef(ref); err != nil {
		return nil, &Error{Text: text + ": " + err.Error()}
	}
	abs, err := absolute(ref)
	if err != nil {
		return nil, &Error{Text: text + ": " + err.Error()}
	}
	// Without --no-update-lock-file an incomplete lock would be written; with
	// --no-write-lock-file beside it, completed in memory.
	out, err := n.run(ctx, text, nil, "flake", "metadata", "--json", "--no-update-lock-file", abs)
	if err != nil {
		return nil, hint(err, abs)
	}
	var m metadata
	if err := json.Unmarshal(out, &m); err != nil {
		return nil, &Error{Text: text + ": what nix says of it is not understood: " + err.Error()}
	}
	src, err := n.source(abs, &m)
	if err != nil {
		return nil, &Error{Text: text + ": " + err.Error()}
	}
	if name := m.Locks.unlocked(); name != "" {
		return nil, &Error{
			Text: fmt.Sprintf("%s: its input %q is not locked to what it is now", text, clip(name)),
			Hint: "commit the changes in the input's repository if it has any, then run: nix flake update",
		}
	}
	return src, nil
}

// metadata is the output of `nix flake metadata --json`. Unknown keys are those
// of other versions.
type metadata struct {
	Path        string
	URL         string // of what is locked
	ResolvedURL string `json:"resolvedUrl"`
	Resolved    treeRef
	Locked      treeRef
	Locks       lockFile
}

// A treeRef is a reference's attributes.
type treeRef struct {
	Type, Path, URL, Dir, Ref, Rev, NarHash, DirtyRev string
	RevCount, LastModified                            int64
}

// A lockFile is a flake.lock as it is, or would have to be.
type lockFile struct {
	Root  string
	Nodes map[string]struct{ Locked treeRef }
}

// unlocked returns an input that another evaluation may find changed, or "".
// Nix takes one with changes when it writes no lock file.
func (l lockFile) unlocked() string {
	for name, node := range l.Nodes {
		if name == l.Root {
			continue
		}
		t := node.Locked
		repository := t.Type == "git" || t.Type == "hg"
		inTree := t.Type == "path" && !filepath.IsAbs(t.Path) // of its parent, which is locked
		if t.DirtyRev != "" || repository && t.Rev == "" || t.NarHash == "" && !inTree {
			return name
		}
	}
	return ""
}

func (n *Nix) source(ref string, m *metadata) (*Source, error) {
	path, err := bincache.ParseStorePathIn(n.storeDir(), m.Path)
	if err != nil {
		return nil, err
	}
	hash, err := bincache.ParseHash(m.Locked.NarHash)
	if err != nil {
		return nil, fmt.Errorf("nix does not say what its tree's hash is: %w", err)
	}
	l := m.Locked
	dir := filepath.Clean("/" + l.Dir)[1:]
	src := &Source{
		Ref: ref, Path: path, NarHash: lock.Hash(hash), Dir: dir, Rev: l.Rev,
		revCount: l.RevCount, lastModified: l.LastModified,
		commits: l.Rev != "" || l.Type == "git" || l.Type == "hg",
	}
	if l.DirtyRev != "" {
		src.dirty = m.ResolvedURL
	}
	if l.Type != "path" && (l.Rev != "" || l.Type == "tarball") {
		src.fixed = m.URL
	}
	if top := m.Resolved.folder(); top != "" && !strings.HasPrefix(top, n.storeDir()+"/") {
		src.Folder = filepath.Join(top, dir)
	}
	return src, nil
}

// folder returns the folder of a tree on this machine whose files, as they are
// now, are the flake's.
func (t treeRef) folder() string {
	switch {
	case t.Rev != "" || t.Ref != "":
		return "" // another commit than the one that lies there, perhaps
	case t.Type == "path" && filepath.IsAbs(t.Path):
		return filepath.Clean(t.Path)
	case t.Type == "git":
		u, err := url.Parse(t.URL)
		if err == nil && u.Scheme == "file" && u.Host == "" && filepath.IsAbs(u.Path) {
			return filepath.Clean(u.Path)
		}
	}
	return ""
}

func checkRef(ref string) error {
	switch {
	case ref == "":
		return fmt.Errorf("the reference is empty; %q is the flake in the current folder", ".")
	case strings.HasPrefix(ref, "-"):
		return fmt.Errorf("a reference does not begin with a dash")
	case strings.Contains(ref, "#"):
		return fmt.Errorf("the reference has a fragment; say which attributes are meant beside it")
	case strings.ContainsFunc(ref, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("the reference has control characters")
	}
	return nil
}

// absolute makes a reference to a relative path one to an absolute path.
func absolute(ref string) (string, error) {
	scheme, path := "", ref
	for _, s := range []string{"path:", "git+file:"} {
		if rest, ok := strings.CutPrefix(ref, s); ok {
			scheme, path = s, rest
		}
	}
	if path == "" || path[0] != '.' {
		return ref, nil
	}
	path, query, hasQuery := strings.Cut(path, "?")
	if scheme != "" {
		p, err := url.PathUnescape(path)
		if err != nil {
			return "", err
		}
		path = p
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	switch scheme {
	case "git+file:":
		path = "git+file://" + escapePath(path)
	case "path:":
		path = scheme + escapePath(path)
	}
	if hasQuery {
		path += "?" + query
	}
	return path, nil
}

func escapePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

func escapeQuery(s string) string { return url.QueryEscape(s) }

// hint adds what to do about an error of reading a flake.
func hint(err error, ref string) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	switch {
	case strings.Contains(e.Said, "lock file"):
		e.Text += ": its flake.lock is missing or does not fit its inputs"
		e.Hint = "run: nix flake lock " + redact(ref)
	case strings.Contains(e.Said, "flake.nix") && !strings.Contains(e.Said, "flake.nix:"): // with a line it was found
		e.Hint = "Nix sees only the files that git tracks; if it is there, run: git add flake.nix"
	}
	return e
}

// locked returns a reference to the tree in the store with all that a flake is
// told of it. Nix: src/libfetchers/path.cc takes these attributes of the tree as
// they are given, and holds the hash against it. Before 2.26 it takes no folder
// in such a tree; then the tree is read once more where it came from.
func (s *Source) locked(storeDir string) string {
	if s.Dir != "" && s.fixed != "" {
		return s.fixed
	}
	q := url.Values{"narHash": {s.NarHash.String()}}
	if s.Rev != "" {
		q.Set("rev", s.Rev)
	}
	if s.revCount > 0 {
		q.Set("revCount", fmt.Sprint(s.revCount))
	}
	if s.lastModified > 0 {
		q.Set("lastModified", fmt.Sprint(s.lastModified))
	}
	if s.Dir != "" {
		q.Set("dir", s.Dir)
	}
	return "path:" + s.Path.In(storeDir) + "?" + q.Encode()
}
