package host

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf/flake"
)

// maxClimb is how many folders above a GC root's link a flake is looked for.
const maxClimb = 5

// candidate is one flake that was found, before it is read.
type candidate struct {
	ref     string
	folder  string // "" when its source is not on this machine
	reasons []string
	err     string
}

// finder collects candidates in the order in which they are found. A folder that
// is found twice, through whatever links, is one flake with two reasons.
type finder struct {
	*look
	list     []candidate
	byFolder map[string]int
	byRef    map[string]int
	flakeAt  map[string]string // folder → the flake folder at or above it, for GC roots
	hidden   int               // folders of GC roots that may not be searched
}

// discover finds flakes where people keep them, without crawling the disk.
func (l *look) discover() []candidate {
	f := &finder{look: l, byFolder: map[string]int{}, byRef: map[string]int{}, flakeAt: map[string]string{}}
	registries := f.registries()
	if l.o.Flake != "" {
		f.named(l.o.Flake, registries)
	}
	if l.o.Cwd != "" {
		if folder, _ := f.above(l.o.Cwd); folder != "" {
			f.folder(folder, "current folder")
		}
	}
	home := l.user.passwdHome
	if l.places.home != "" {
		home = l.places.home
	}
	config := l.userConfig()
	for _, at := range []struct{ folder, reason string }{
		{"/etc/nixos", "NixOS configuration"},
		{"/etc/nix-darwin", "nix-darwin configuration"},
		{"/etc/nixpkgs", "nix-darwin configuration"},
		{config + "/home-manager", "home-manager configuration"},
		{config + "/nixpkgs", "home-manager configuration"},
		{config + "/nix-darwin", "nix-darwin configuration"},
		{home + "/.nixpkgs", "nix-darwin configuration"},
	} {
		if path.IsAbs(at.folder) && f.isFlake(at.folder) {
			f.folder(at.folder, at.reason)
		}
	}
	for _, r := range registries {
		f.registryEntries(r)
	}
	f.profiles(home)
	f.gcRoots(home)
	f.configRoots(home, config)
	return f.list
}

// userConfig is the folder of the user's configuration files, "" without a home.
func (l *look) userConfig() string {
	if dir := l.get("XDG_CONFIG_HOME"); path.IsAbs(dir) {
		return dir
	}
	if home := l.places.home; path.IsAbs(home) {
		return path.Join(home, ".config")
	}
	return ""
}

// isFlake says whether a folder has a flake.nix. A folder that may not be
// searched is noted: it may hide one.
func (f *finder) isFlake(folder string) bool {
	there, err := f.m.files.Exists(folder + "/flake.nix")
	if err != nil {
		f.noteErr(folder, err, "a flake there is not known")
	}
	return there && err == nil
}

// above climbs from a folder to the one that has a flake.nix, as Nix does: not
// past the top of a Git work tree. It returns "" when there is none, with an error
// when one on the way could not be seen.
// Nix: src/libflake/flakeref.cc, parsePathFlakeRefWithFragment.
func (f *finder) above(folder string) (at string, unseen error) {
	for folder = path.Clean(folder); ; folder = path.Dir(folder) {
		there, err := f.m.files.Exists(folder + "/flake.nix")
		if there && err == nil {
			return folder, nil
		}
		unseen = cmp.Or(unseen, err)
		if folder == "/" || f.there(folder+"/.git") {
			return "", unseen
		}
	}
}

// folder adds a flake's folder.
func (f *finder) folder(folder, reason string) {
	at, err := f.m.files.Resolve(folder)
	if err != nil {
		at = path.Clean(folder)
	}
	if i, ok := f.byFolder[at]; ok {
		f.because(i, reason)
		return
	}
	f.byFolder[at] = len(f.list)
	f.list = append(f.list, candidate{ref: f.refOf(at), folder: at, reasons: []string{reason}})
}

// reference adds a flake that is known by its reference. Tree is its source in
// the store, "" when that is not known.
func (f *finder) reference(r flake.Ref, tree, reason string) {
	if p := r.Path(); path.IsAbs(p) {
		f.folder(p, reason)
		return
	}
	id := r.Identity()
	if i, ok := f.byRef[id]; ok {
		f.because(i, reason)
		if f.list[i].folder == "" {
			f.list[i].folder = tree
		}
		return
	}
	f.byRef[id] = len(f.list)
	f.list = append(f.list, candidate{ref: r.String(), folder: tree, reasons: []string{reason}})
}

func (f *finder) because(i int, reason string) {
	for _, r := range f.list[i].reasons {
		if r == reason {
			return
		}
	}
	f.list[i].reasons = append(f.list[i].reasons, reason)
}

// refOf is how Nix calls the flake in a folder: by its Git work tree if it is in
// one, else by its path.
func (f *finder) refOf(folder string) string {
	if strings.HasPrefix(folder, f.places.store+"/") {
		return "path:" + escapePath(folder)
	}
	for top := folder; top != "/"; top = path.Dir(top) {
		if f.there(top + "/.git") {
			ref := "git+file://" + escapePath(top)
			if top != folder {
				ref += "?dir=" + percentEncode(folder[len(top)+1:], ":@/?")
			}
			return ref
		}
	}
	return "path:" + escapePath(folder)
}

// percentEncode writes a path or a query's value as Nix does in references.
// Nix: src/libutil/url.cc, percentEncode, allowedInPath and allowedInQuery.
func percentEncode(s, keep string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 || strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func escapePath(p string) string { return percentEncode(p, ":@/") }

// named adds the flake that the user asked about.
func (f *finder) named(spec string, registries []registry) {
	const reason = "named on the command line"
	fail := func(why string) {
		f.list = append(f.list, candidate{ref: spec, reasons: []string{reason}, err: why})
	}
	r, err := flake.ParseRef(spec)
	if err != nil {
		fail("It is no flake reference: " + err.Error() + ".")
		return
	}
	if r.Type == "path" && !strings.HasPrefix(spec, "path:") {
		// A folder as it is typed, not a reference: the flake may be above it.
		at := strings.TrimSuffix(r.Path(), "/flake.nix")
		if !path.IsAbs(at) {
			at = path.Join("/", f.o.Cwd, at)
		}
		there, unseen := f.m.files.Exists(at)
		folder := ""
		if there && unseen == nil {
			folder, unseen = f.above(at)
		}
		switch {
		case folder != "":
			f.folder(folder, reason)
		case unseen != nil:
			fail("Whether there is a flake at " + at + " could not be seen: " + plain(unseen) + ".")
		case !there:
			fail("There is no " + at + ".")
		default:
			fail("There is no flake.nix in " + at + " or in a folder above it.")
		}
		return
	}
	if r.Type == "indirect" {
		r = resolveID(r, registries)
	}
	if p := r.Path(); p != "" && !path.IsAbs(p) {
		f.folder(path.Join("/", f.o.Cwd, p), reason)
		return
	}
	f.reference(r, "", reason)
}
