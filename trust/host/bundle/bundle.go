// Package bundle keeps what one look at a machine went by in one file, for
// somebody else to look at again: the files that were looked at, as far as they
// were read, and what else was asked and answered. What is secret in it is
// covered. What was not looked at is not known there, and never taken for absent.
// docs/bundle.md describes the file.
package bundle

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host"
)

// Limits on what a bundle holds.
const (
	maxEntries  = 100_000  // paths
	maxContents = 64 << 20 // bytes of files
	maxManifest = 32 << 20
	maxStream   = 256 << 20 // bytes of the archive, unpacked
	maxPath     = 4096
)

// ErrTooMuch says that what was looked at does not fit.
var ErrTooMuch = errors.New("what was looked at is more than a bundle holds")

// A Bundle is what one look went by.
type Bundle struct {
	manifest manifest
	text     []byte // the manifest's
	tree     tree
	kinds    map[string]kind
	failed   map[string]string // files that are left out though they are of a kind
}

// Options say what a bundle is made of beside the look.
type Options struct {
	Made    time.Time
	By      string // the program and its version
	Beside  *Beside
	Sources bool // flake.nix go in whole, and not just what Nix reads of them before it evaluates
}

// Make makes a bundle of a recording of files, of what else was recorded, and of
// the facts that came of both.
func Make(r *Recording, rec host.Record, f *trust.Facts, o Options) (*Bundle, error) {
	c := &copier{facts: f, sources: o.Sources}
	if id := rec.Identity; id != nil {
		c.ids = append([]uint32{id.GID}, id.Groups...)
	}
	b := &Bundle{
		manifest: manifest{Version: version, Made: o.Made.UTC().Truncate(time.Second), By: o.By, User: f.User.Name, Beside: o.Beside, Owners: r.tree.owners},
		tree:     tree{nodes: map[string]*node{}, owners: r.tree.owners},
		kinds:    r.kinds(rec, f), failed: map[string]string{},
	}
	b.manifest.Look = c.look(rec)
	contents := 0
	b.tree.nodes["/"] = &node{mode: fs.ModeDir | 0o755}
	for _, p := range slices.Sorted(maps.Keys(r.tree.nodes)) {
		n := *r.tree.nodes[p]
		up := b.tree.nodes[path.Dir(p)]
		if !cleanPath(p) || !cleanPath(n.link) || up == nil || !up.mode.IsDir() {
			continue // in its place is what is not known
		}
		n.mode &= fs.ModeType | fs.ModePerm
		if n.read {
			c.count = 0
			data, err := c.file(b.kinds[p], p, n.data)
			if err != nil {
				b.failed[p] = err.Error()
				n.data, n.read, n.leftOut = nil, false, true
			} else {
				n.data, n.size = data, int64(len(data))
				contents += len(data)
			}
			if c.count > 0 && n.read {
				b.manifest.Redacted = append(b.manifest.Redacted, Redaction{p, c.count})
			}
		}
		if n.listed {
			n.entries, n.omitted = r.listed(p, n.entries)
		}
		b.tree.nodes[p] = &n
	}
	if contents > maxContents || len(b.tree.nodes) > maxEntries {
		return nil, ErrTooMuch
	}
	b.describe()
	text, err := b.manifest.write(&c.cover)
	b.text = text
	if err == nil && len(text) > maxManifest {
		err = ErrTooMuch
	}
	return b, err
}

// listed are the entries of a folder without the files that nobody looked at: of
// those the number is enough.
func (r *Recording) listed(dir string, all []entry) (kept []entry, omitted int) {
	for _, e := range all {
		if e.kind == 0 && r.tree.nodes[path.Join(dir, e.name)] == nil || !cleanPath(e.name) {
			omitted++
			continue
		}
		kept = append(kept, e)
	}
	return kept, omitted
}

// look covers what is secret in what was told beside the files.
func (c *copier) look(rec host.Record) host.Record {
	rec.Environment, rec.Daemon.Environment = c.variables(rec.Environment), c.variables(rec.Daemon.Environment)
	programs := slices.Clone(rec.Programs)
	for i, p := range programs {
		switch {
		case len(p.Command) == 3 && p.Command[0] == "getent" && p.Command[1] == "passwd":
			p.Output = string(c.users([]byte(p.Output)))
		case len(p.Command) == 3 && p.Command[0] == "getent" && p.Command[1] == "group":
			p.Output = string(c.groups([]byte(p.Output)))
		case len(p.Command) == 2 && p.Command[1] == "--version":
			p.Output, _, _ = strings.Cut(p.Output, "\n")
		default:
			p.Output = ""
		}
		programs[i] = p
	}
	rec.Programs = programs
	return rec
}

// variables covers what is secret in an environment. That a proxy is set counts,
// and which one does not.
func (c *copier) variables(env map[string]string) map[string]string {
	if env == nil {
		return nil
	}
	out := map[string]string{}
	for name, v := range env {
		switch {
		case strings.HasSuffix(name, "_proxy"):
			v = "http://proxy.invalid/"
		case name == "NIX_CONFIG":
			v = string(c.config("NIX_CONFIG", []byte(v)))
		}
		out[name] = v
	}
	return out
}

// describe writes into the manifest what the tree of the archive cannot say.
func (b *Bundle) describe() {
	m := &b.manifest
	for _, p := range slices.Sorted(maps.Keys(b.tree.nodes)) {
		n := b.tree.nodes[p]
		meta := metadata{uint32(n.mode.Perm()), n.uid, n.gid, n.modified}
		switch {
		case n.absent:
			m.Absent = append(m.Absent, p)
		case n.unseen != "":
			m.Unseen = append(m.Unseen, unseenPath{p, n.unseen})
		case !n.archived() && n.mode.IsRegular():
			m.Unread = append(m.Unread, unreadFile{p, n.size, meta, n.unread, n.leftOut})
		case !n.archived():
			m.Special = append(m.Special, specialFile{p, kindOf(n.mode), meta})
		}
		if n.listed || n.unlisted != "" {
			l := listing{Path: p, Omitted: n.omitted, Err: n.unlisted}
			for _, e := range n.entries {
				l.Entries = append(l.Entries, listedEntry{e.name, kindOf(e.kind)})
			}
			m.Listings = append(m.Listings, l)
		}
	}
}

// archived reports whether a node is in the archive's tree.
func (n *node) archived() bool {
	return n.there() && (n.mode.IsDir() || n.mode.Type() == fs.ModeSymlink || n.mode.IsRegular() && n.read)
}

// fileKinds are the words for what is at a path.
var fileKinds = []struct {
	word string
	mode fs.FileMode
}{
	{"file", 0}, {"folder", fs.ModeDir}, {"link", fs.ModeSymlink}, {"socket", fs.ModeSocket}, {"pipe", fs.ModeNamedPipe},
	{"device", fs.ModeDevice}, {"character-device", fs.ModeDevice | fs.ModeCharDevice}, {"other", fs.ModeIrregular},
}

func kindOf(mode fs.FileMode) string {
	for _, k := range fileKinds {
		if k.mode == mode.Type() {
			return k.word
		}
	}
	return "other"
}

func modeOf(word string) (fs.FileMode, bool) {
	for _, k := range fileKinds {
		if k.word == word {
			return k.mode, true
		}
	}
	return 0, false
}

// Machine is the machine that the bundle is of, and how it was looked at.
func (b *Bundle) Machine() (*host.Machine, host.Options, error) {
	return host.Replay(b.Files(), b.manifest.Look)
}

// Files are the bundle's.
func (b *Bundle) Files() host.Files { return host.In(&b.tree) }

// Made is when the bundle was made, and By the program that made it.
func (b *Bundle) Made() time.Time { return b.manifest.Made }
func (b *Bundle) By() string      { return b.manifest.By }

// User is whose view the bundle has, by name.
func (b *Bundle) User() string { return b.manifest.User }

// Beside is what was found out beside the look, nil when nothing was.
func (b *Bundle) Beside() *Beside { return b.manifest.Beside }

// Differs are the parts that the bundle shows otherwise than the machine did.
func (b *Bundle) Differs() []string { return b.manifest.Differs }

// NoteDifferences has the bundle say in which parts it differs from the machine.
func (b *Bundle) NoteDifferences(parts []string) error {
	b.manifest.Differs = parts
	text, err := b.manifest.write(&cover{})
	if err == nil {
		b.text = text
	}
	return err
}

// Redacted are the files in which secrets were covered.
func (b *Bundle) Redacted() []Redaction { return b.manifest.Redacted }

// An Item is a file that was read, as a list for a person has it.
type Item struct {
	Path    string `json:"path"`
	Kind    string `json:"kind"`    // what it is; "" for what is unknown, which is left out
	Size    int64  `json:"size"`    // bytes that go in
	Covered int    `json:"covered"` // secrets that were covered in it
	LeftOut string `json:"leftOut"` // why nothing of its text goes in, "" otherwise
}

// Items are the files that were read, by their paths.
func (b *Bundle) Items() []Item {
	var out []Item
	for p, n := range b.tree.nodes {
		if !n.mode.IsRegular() || !n.read && !n.leftOut {
			continue
		}
		it := Item{Path: p, Kind: string(b.kinds[p]), Size: n.size, LeftOut: b.failed[p]}
		if n.leftOut {
			it.Size = 0
		}
		for _, r := range b.manifest.Redacted {
			if r.Path == p {
				it.Covered = r.Count
			}
		}
		out = append(out, it)
	}
	slices.SortFunc(out, func(a, b Item) int { return cmp.Compare(a.Path, b.Path) })
	return out
}

// Paths counts the paths that are in the bundle, those where nothing was too.
func (b *Bundle) Paths() int { return len(b.tree.nodes) }
