package grants

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf/flake"
)

// An Identity names one flake, whatever becomes of its content: it is the same
// in each worktree of a repository and after each update of an input, and
// another for every other flake, fork and folder. "" is no identity, and equals
// that of no flake.
//
// It is one of
//
//	git:/PATH/OF/.git[?dir=DIR]  a folder in a Git work tree, by the repository's common folder
//	path:/FOLDER                 any other folder
//	github:OWNER/REPO[?…]        a flake elsewhere, as flake.Ref.Identity has it, without the revision
//
// Identity alone never admits anything. What is moved to the same place has the
// same identity, and then the digest of the accepted lock is what tells it apart.
type Identity string

// maxIdentity is the longest identity, in bytes.
const maxIdentity = 4096

// A Place is a folder with a flake.nix, as Locate found it. All paths are
// absolute and without symbolic links.
type Place struct {
	Folder string
	Top    string // of the Git work tree that Folder is in; "" when it is in none
	Common string // the repository's folder, which all worktrees share
}

// Identity returns the identity of the flake in the folder.
func (p Place) Identity() (Identity, error) {
	for _, s := range []string{p.Folder, p.Top, p.Common} {
		if s != "" && (!path.IsAbs(s) || path.Clean(s) != s) {
			return "", fmt.Errorf("%q is not an absolute path in its plain form", s)
		}
	}
	if p.Folder == "" {
		return "", errors.New("no folder was given")
	}
	id := "path:" + escapePath(p.Folder)
	if p.Top != "" && p.Common != "" {
		dir, inside := below(p.Folder, p.Top)
		if !inside {
			return "", fmt.Errorf("the folder %q is not inside of %q", p.Folder, p.Top)
		}
		id = "git:" + escapePath(p.Common)
		if dir != "" {
			id += "?dir=" + url.QueryEscape(dir)
		}
	}
	if len(id) > maxIdentity {
		return "", fmt.Errorf("the path of the flake is longer than %d bytes", maxIdentity)
	}
	return Identity(id), nil
}

// OfRef returns the identity of a flake that is not a folder of this machine.
// The revision, the hash and the dates do not count, and neither does who logs
// in: an update keeps the identity. A branch or tag does count.
func OfRef(r flake.Ref) (Identity, error) {
	switch {
	case r.Type == "indirect":
		return "", fmt.Errorf("flake:%s means what a registry says today; name the flake itself", r.Attrs["id"])
	case r.Path() != "" || r.Type == "path":
		return "", errors.New("a folder of this machine is named by its place")
	}
	plain := flake.Ref{Type: r.Type, Dir: r.Dir, Attrs: map[string]string{}}
	for k, v := range r.Attrs {
		if k != "rev" {
			plain.Attrs[k] = v
		}
	}
	if address, ok := plain.Attrs["url"]; ok {
		u, err := url.Parse(address)
		switch {
		case err != nil || u.Opaque != "" || u.Host == "":
			return "", errors.New("the address of the flake cannot be read")
		case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
			return "", errors.New("the address of the flake has parameters of its own, which may be secrets and cannot be a part of its name; clone it and name the folder")
		}
		plain.Attrs["url"] = anonymous(u)
	}
	return ParseIdentity(plain.Identity())
}

// anonymous is an address without a password, and without a user where the
// user does not tell which repository is meant.
func anonymous(u *url.URL) string {
	a := *u
	switch {
	case u.User == nil:
	case u.Scheme == "ssh":
		a.User = url.User(u.User.Username())
	default:
		a.User = nil
	}
	return a.String()
}

// OfInput returns the identity of a locked input: that of the reference the
// flake's author wrote, which an update leaves as it is, or of the locked one
// where a registry stood between.
func OfInput(n *flake.Node) (Identity, error) {
	if n == nil || n.Parent != nil {
		return "", errors.New("the input lies in another flake's source, and has no name of its own")
	}
	if n.Original.Type != "" && n.Original.Type != "indirect" {
		return OfRef(n.Original)
	}
	return OfRef(n.Locked)
}

// ParseIdentity reads an identity in its one spelling.
func ParseIdentity(s string) (Identity, error) {
	bad := func(why string) (Identity, error) {
		return "", fmt.Errorf("%q is not the identity of a flake: %s", clip(s), why)
	}
	if s == "" || len(s) > maxIdentity {
		return bad(fmt.Sprintf("it has 1 to %d bytes", maxIdentity))
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == '"' || s[i] == '\\' {
			return bad("other characters than printable ASCII are written with %")
		}
	}
	kind, rest, _ := strings.Cut(s, ":")
	if kind == "path" || kind == "git" {
		return parsePlace(s, kind, rest, bad)
	}
	r, err := flake.ParseRef(s)
	if err != nil {
		return bad("it is no reference")
	}
	if r.Attrs["rev"] != "" || r.Type == "indirect" || r.Path() != "" {
		return bad("a revision, a name in a registry and a file: URL are none")
	}
	if u, err := url.Parse(r.Attrs["url"]); r.Attrs["url"] != "" && (err != nil || u.Host == "" || u.RawQuery != "" || anonymous(u) != r.Attrs["url"]) {
		return bad("its address has a user, a password or parameters")
	}
	if r.Identity() != s {
		return bad(fmt.Sprintf("its one spelling is %q", clip(r.Identity())))
	}
	return Identity(s), nil
}

func parsePlace(s, kind, rest string, bad func(string) (Identity, error)) (Identity, error) {
	escaped, query, has := strings.Cut(rest, "?")
	p, err := url.PathUnescape(escaped)
	if err != nil || !path.IsAbs(p) || path.Clean(p) != p || escapePath(p) != escaped || strings.ContainsRune(p, 0) {
		return bad("its path is not absolute and in its plain form")
	}
	if !has {
		return Identity(s), nil
	}
	value, ok := strings.CutPrefix(query, "dir=")
	dir, err := url.QueryUnescape(value)
	if kind != "git" || !ok || err != nil || dir == "" || path.Clean("/" + dir)[1:] != dir || url.QueryEscape(dir) != value || strings.ContainsRune(dir, 0) {
		return bad("what is behind the ? is not dir=FOLDER in its plain form")
	}
	return Identity(s), nil
}

// Path is the folder that a local identity names: the flake's own, or the
// repository's. It is "" for one that is not of this machine.
func (id Identity) Path() string {
	kind, rest, _ := strings.Cut(string(id), ":")
	if kind != "path" && kind != "git" {
		return ""
	}
	escaped, _, _ := strings.Cut(rest, "?")
	p, err := url.PathUnescape(escaped)
	if err != nil || !path.IsAbs(p) {
		return ""
	}
	return p
}

// escapePath writes a path for an identity. A question mark and what is not
// ASCII are written with %.
func escapePath(p string) string {
	s := (&url.URL{Path: p}).EscapedPath()
	return strings.NewReplacer(`"`, "%22", `\`, "%5C").Replace(s)
}

// below returns the rest of a path below a folder, "" for the folder itself.
func below(p, top string) (rest string, ok bool) {
	if p == top {
		return "", true
	}
	if top != "/" {
		top += "/"
	}
	return strings.CutPrefix(p, top)
}

func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}
