package flake

import (
	"fmt"
	"net/url"
	"path"
	"sort"
	"strings"
)

// A Ref is a flake reference: where a flake's source is fetched from.
//
// Nix: src/libflake/flakeref.cc and the input schemes of src/libfetchers.
type Ref struct {
	Type  string            // "path", "git", "github", "gitlab", "sourcehut", "tarball", "file", "hg", "indirect"
	Attrs map[string]string // the other attributes, as lock files name them: owner, repo, rev, ref, url, path, id, narHash, …
	Dir   string            // the folder of flake.nix inside the source, "" at its top
}

// refFromJSON reads the attribute form of lock files and registries. The
// attributes of more, which may be nil, win.
func refFromJSON(f *jsonFile, v, more *jsonValue) (Ref, error) {
	r := Ref{Attrs: make(map[string]string, len(v.keys))}
	for _, src := range []*jsonValue{v, more} {
		if src == nil {
			continue
		}
		if src.kind != jsonObject {
			return Ref{}, f.errorf(src, "a reference is an object, this is %v", src.kind)
		}
		for i, key := range src.keys {
			switch src.list[i].kind {
			case jsonString, jsonBool, jsonNumber:
				r.Attrs[key] = src.list[i].text
			default:
				return Ref{}, f.errorf(&src.list[i], "the attribute '%s' of a reference is %v", key, src.list[i].kind)
			}
		}
	}
	r.Type, r.Dir = r.Attrs["type"], r.Attrs["dir"]
	delete(r.Attrs, "type")
	delete(r.Attrs, "dir")
	if r.Type == "" {
		return Ref{}, f.errorf(v, "the reference has no attribute 'type'")
	}
	return r, nil
}

// refParams are the query parameters that are attributes of their own; others
// belong to the URL.
var refParams = map[string]bool{
	"ref": true, "rev": true, "narHash": true, "lastModified": true, "revCount": true, "host": true, "submodules": true,
	"shallow": true, "allRefs": true, "lfs": true, "exportIgnore": true, "unpack": true, "name": true,
}

// ParseRef reads a reference as a person writes it: "nixpkgs",
// "nixpkgs/nixos-25.05", "github:o/r/ref?dir=d", "git+https://…",
// "git+file:///x", "path:/x", "/x", "./x", "https://….tar.gz". A fragment
// ("#attr") is an error.
func ParseRef(s string) (Ref, error) {
	bad := func(format string, args ...any) (Ref, error) {
		return Ref{}, &FormatError{Message: fmt.Sprintf("%q is not a flake reference: ", s) + fmt.Sprintf(format, args...)}
	}
	rest, fragment, has := strings.Cut(s, "#")
	if has && fragment != "" {
		return bad("leave out the fragment %q", fragment)
	}
	if strings.ContainsFunc(rest, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return bad("it holds a control character")
	}
	if rest == "" {
		return bad("it is empty")
	}
	if isID, parts := flakeID(rest); isID {
		r := Ref{Type: "indirect", Attrs: map[string]string{"id": parts[0]}}
		addRefAndRev(r.Attrs, parts[1:])
		return r, nil
	}
	scheme, body, isURL := strings.Cut(rest, ":")
	if !isURL || !isScheme(scheme) {
		scheme, body = "path", rest
	}
	body, rawQuery, _ := strings.Cut(body, "?")
	query, err := url.ParseQuery(strings.ReplaceAll(rawQuery, "+", "%2B"))
	if err != nil {
		return bad("its parameters are malformed: %v", err)
	}
	r := Ref{Attrs: map[string]string{}, Dir: query.Get("dir")}
	query.Del("dir")
	for key := range query {
		if refParams[key] {
			r.Attrs[key] = query.Get(key)
			query.Del(key)
		}
	}
	decoded := body
	if isURL {
		if decoded, err = url.PathUnescape(body); err != nil {
			return bad("its path is malformed: %v", err)
		}
	}
	address := func(scheme string) string {
		u := scheme + ":" + body
		if len(query) > 0 {
			u += "?" + query.Encode()
		}
		return u
	}
	transport, over, layered := strings.Cut(scheme, "+")
	switch {
	case scheme == "path":
		r.Type, r.Attrs["path"] = "path", localPath(decoded)
	case scheme == "flake":
		isID, parts := flakeID(decoded)
		if !isID {
			return bad("%q is not a name that a registry can have", decoded)
		}
		r.Type, r.Attrs["id"] = "indirect", parts[0]
		addRefAndRev(r.Attrs, parts[1:])
	case scheme == "github" || scheme == "gitlab" || scheme == "sourcehut":
		// A %2F belongs to a name: GitLab has groups in groups. Before 2.34 Nix took
		// it for a separator.
		parts := strings.SplitN(body, "/", 3)
		for i := range parts {
			parts[i], _ = url.PathUnescape(parts[i]) // body was unescaped above
		}
		if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
			return bad("it is written %s:OWNER/REPO", scheme)
		}
		r.Type, r.Attrs["owner"], r.Attrs["repo"] = scheme, parts[0], parts[1]
		if len(parts) == 3 {
			addRefAndRev(r.Attrs, []string{parts[2]})
		}
	case scheme == "git":
		r.Type, r.Attrs["url"] = "git", address("git")
	case layered && (transport == "git" || transport == "hg"):
		r.Type, r.Attrs["url"] = transport, address(over)
		if over == "file" {
			r.Attrs["url"] = "file:" + body
		}
	case layered && (transport == "tarball" || transport == "file"):
		r.Type, r.Attrs["url"] = transport, address(over)
	case scheme == "http" || scheme == "https" || scheme == "file":
		r.Type, r.Attrs["url"] = "tarball", address(scheme)
	default:
		return bad("Nix knows no scheme %q", scheme)
	}
	return r, nil
}

// flakeID splits "id", "id/ref", "id/rev" and "id/ref/rev".
func flakeID(s string) (bool, []string) {
	parts := strings.Split(s, "/")
	if len(parts) > 3 || !isWord(parts[0], "_-") || !letter(parts[0][0]) {
		return false, nil
	}
	for _, p := range parts[1:] {
		if !isWord(p, "_-.@") || !letter(p[0]) && (p[0] < '0' || p[0] > '9') {
			return false, nil
		}
	}
	if len(parts) == 3 && !isRev(parts[2]) {
		return false, nil
	}
	return true, parts
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isWord(s, more string) bool {
	for i := range len(s) {
		if c := s[i]; !letter(c) && (c < '0' || c > '9') && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return s != ""
}

func isScheme(s string) bool {
	return isWord(s, "+-.") && s[0] >= 'a' && s[0] <= 'z' && s == strings.ToLower(s)
}

// isRev reports whether s is a full Git or Mercurial commit hash.
func isRev(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	return strings.Trim(s, "0123456789abcdef") == ""
}

func addRefAndRev(attrs map[string]string, parts []string) {
	for _, p := range parts {
		if isRev(p) {
			attrs["rev"] = p
		} else {
			attrs["ref"] = p
		}
	}
}

// localPath cleans a path and keeps a relative one recognisable.
func localPath(p string) string {
	// An empty authority: "path:///x", "file:///x".
	if strings.HasPrefix(p, "//") {
		p = "/" + strings.TrimLeft(p, "/")
	}
	p = path.Clean(p)
	if !path.IsAbs(p) && p != "." && !strings.HasPrefix(p, "../") && p != ".." {
		p = "./" + p
	}
	return p
}

// Path returns the folder on this machine that has the flake.nix, or "" when
// the reference is to somewhere else. A relative reference gives a relative
// path. Symbolic links are not followed.
func (r Ref) Path() string {
	var top string
	switch r.Type {
	case "path":
		top = r.Attrs["path"]
	case "git", "hg":
		rest, ok := strings.CutPrefix(r.Attrs["url"], "file:")
		if !ok {
			return ""
		}
		rest, _, _ = strings.Cut(rest, "?")
		p, err := url.PathUnescape(rest)
		if err != nil {
			return ""
		}
		top = p
	}
	if top == "" {
		return ""
	}
	top = localPath(top)
	if dir := path.Clean("/" + r.Dir); dir != "/" {
		if top == "." {
			return "." + dir
		}
		if strings.HasPrefix(top, "./") {
			return "./" + path.Clean(top+dir)
		}
		return path.Clean(top + dir)
	}
	return top
}

// Identity is the same text for the same flake, however its reference is
// spelled: "/x", "path:/x", "git+file:///x", and "/x/d", "git+file:///x?dir=d".
// A reference that is pinned to a ref or a revision is another flake than one
// that is not: on some forges anybody can put a commit under a repository's
// name. The identity of a relative path holds only inside one folder.
func (r Ref) Identity() string {
	var pins []string
	for _, key := range []string{"ref", "rev", "submodules", "lfs", "exportIgnore"} {
		if v := r.Attrs[key]; v != "" && v != "0" && v != "false" {
			pins = append(pins, key+"="+url.QueryEscape(v))
		}
	}
	suffix := func(more ...string) string {
		all := append(more, pins...)
		if len(all) == 0 {
			return ""
		}
		return "?" + strings.Join(all, "&")
	}
	if p := r.Path(); p != "" {
		return "path:" + (&url.URL{Path: p}).EscapedPath() + suffix()
	}
	var dir []string
	if d := path.Clean("/" + r.Dir); d != "/" {
		dir = []string{"dir=" + url.QueryEscape(d[1:])}
	}
	switch r.Type {
	case "indirect":
		return "flake:" + r.Attrs["id"] + suffix(dir...)
	case "github", "gitlab", "sourcehut":
		owner, repo := r.Attrs["owner"], r.Attrs["repo"]
		if host := strings.ToLower(r.Attrs["host"]); host != "" && host != forgeHosts[r.Type] {
			dir = append(dir, "host="+url.QueryEscape(host))
		} else if r.Type == "github" {
			owner, repo = strings.ToLower(owner), strings.ToLower(repo)
		}
		return r.Type + ":" + url.PathEscape(owner) + "/" + url.PathEscape(repo) + suffix(dir...)
	}
	address := r.Attrs["url"]
	if u, err := url.Parse(address); err == nil {
		u.Host, u.Path = strings.ToLower(u.Host), strings.TrimRight(u.Path, "/")
		address = u.String()
	}
	return r.Type + "+" + address + suffix(dir...)
}

var forgeHosts = map[string]string{"github": "github.com", "gitlab": "gitlab.com", "sourcehut": "git.sr.ht"}

// String returns the reference for a person: as it would be typed, without
// hashes and dates. Its text is as hostile as the reference's.
func (r Ref) String() string {
	var b strings.Builder
	query := url.Values{}
	add := func(keys ...string) {
		for _, key := range keys {
			if v := r.Attrs[key]; v != "" {
				query.Set(key, v)
			}
		}
	}
	switch r.Type {
	case "indirect":
		b.WriteString("flake:" + r.Attrs["id"])
		writeRefAndRev(&b, r.Attrs)
	case "github", "gitlab", "sourcehut":
		b.WriteString(r.Type + ":" + r.Attrs["owner"] + "/" + r.Attrs["repo"])
		writeRefAndRev(&b, r.Attrs)
		add("host")
	case "path":
		b.WriteString("path:" + r.Attrs["path"])
	case "git", "hg":
		u := r.Attrs["url"]
		if !strings.HasPrefix(u, "git:") {
			b.WriteString(r.Type + "+")
		}
		b.WriteString(u)
		add("ref", "rev")
	case "tarball", "file":
		b.WriteString(r.Attrs["url"])
	default:
		keys := make([]string, 0, len(r.Attrs))
		for key := range r.Attrs {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		b.WriteString(r.Type + ":")
		add(keys...)
	}
	if r.Dir != "" {
		query.Set("dir", r.Dir)
	}
	if len(query) > 0 {
		if strings.Contains(r.Attrs["url"], "?") {
			b.WriteByte('&')
		} else {
			b.WriteByte('?')
		}
		b.WriteString(strings.ReplaceAll(query.Encode(), "%2F", "/"))
	}
	return b.String()
}

func writeRefAndRev(b *strings.Builder, attrs map[string]string) {
	switch {
	case attrs["rev"] != "":
		b.WriteString("/" + attrs["rev"])
	case attrs["ref"] != "":
		b.WriteString("/" + attrs["ref"])
	}
}
