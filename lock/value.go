package lock

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
)

// str returns the text of a string or key: a part of the file where it can be,
// so that a hundred thousand paths do not take a million allocations.
func (r *reader) str(n *unstable.Node) string {
	off := r.start + int(n.Raw.Offset)
	switch int(n.Raw.Length) - len(n.Data) {
	case 0: // a bare key
	case 2: // in quotes, most likely without an escape
		off++
	default:
		return string(n.Data)
	}
	if s := r.text[off : off+len(n.Data)]; s == string(n.Data) {
		return s
	}
	return string(n.Data)
}

func (r *reader) string(n *unstable.Node, what string) (string, error) {
	if n.Kind != unstable.String {
		return "", r.atNode(n, KindValue, what+" is a string in quotes")
	}
	return r.str(n), nil
}

func (r *reader) hash(n *unstable.Node, h *Hash) error {
	s, err := r.string(n, "a hash")
	if err != nil {
		return err
	}
	if *h, err = ParseHash(s); err != nil {
		return r.atNode(n, KindValue, err.Error())
	}
	return nil
}

// readCacheKey reads a line of a [[cache]].
func (r *reader) readCacheKey(key string, at, v *unstable.Node) error {
	c := &r.lock.Caches[len(r.lock.Caches)-1]
	place := &r.cache.url
	switch key {
	case "url":
	case "keys":
		place = &r.cache.keys
	default:
		return r.atNode(at, KindUnknown, fmt.Sprintf("a cache has the keys url and keys, and no %q", clip(key)))
	}
	if *place != 0 {
		e := r.atNode(at, KindDuplicate, key+" is there twice in one cache")
		e.Other = nixconf.Pos{File: r.name, Line: *place, Col: 1}
		return e
	}
	*place = r.line
	if key == "keys" {
		return r.readKeys(c, v)
	}
	u, err := r.string(v, "the URL of a cache")
	if err != nil {
		return err
	}
	if err := CheckURL(u); err != nil {
		return r.atNode(v, KindValue, err.Error())
	}
	c.URL = u
	return r.once("url "+u, "the cache "+u, v)
}

func (r *reader) readKeys(c *Cache, v *unstable.Node) error {
	if v.Kind != unstable.Array {
		return r.atNode(v, KindValue, `the keys of a cache are a list: keys = ["NAME:BASE64"]`)
	}
	for it := v.Children(); it.Next(); {
		n := it.Node()
		k, err := r.string(n, "a key")
		if err != nil {
			return err
		}
		name, err := checkKey(k)
		if err != nil {
			return r.atNode(n, KindValue, err.Error())
		}
		if len(c.Keys) == maxKeys {
			return r.atNode(n, KindLimit, fmt.Sprintf("a cache has at most %d keys", maxKeys))
		}
		if slices.Contains(c.Keys, k) {
			return r.atNode(n, KindDuplicate, "the key is there twice in one cache")
		}
		c.Keys = append(c.Keys, k)
		before, known := r.keys[name]
		if known && before.key != k {
			e := r.atNode(n, KindDuplicate, fmt.Sprintf("two different keys are called %s, and Nix would try only one of them", name))
			e.Other = nixconf.Pos{File: r.name, Line: before.line, Col: 1}
			return e
		}
		if !known {
			r.keys[name] = keyPlace{k, r.line}
		}
	}
	return nil
}

// endCache looks at whether the cache read last is whole.
func (r *reader) endCache() error {
	c := r.cache
	r.cache = cachePlaces{}
	switch {
	case c.header == 0:
		return nil
	case c.url == 0:
		return r.at(c.header, 1, KindValue, "this cache has no url")
	case c.keys == 0:
		return r.at(c.header, 1, KindValue, "this cache has no keys; where none sign for it, say: keys = []")
	}
	return nil
}

// readOutput reads a line of [outputs.SYSTEM].
func (r *reader) readOutput(name string, at, v *unstable.Node) error {
	if err := checkOutput(name); err != nil {
		return r.atNode(at, KindValue, err.Error())
	}
	text, err := r.string(v, "the store path of an output")
	if err != nil {
		return err
	}
	path := StorePath(text)
	if err := checkPath(path); err != nil {
		return r.atNode(v, KindValue, err.Error())
	}
	if err := r.once("output "+r.system+" "+name, "the output "+clip(name), at); err != nil {
		return err
	}
	r.section.Outputs[name] = path
	return nil
}

// readPath reads a line of [paths.SYSTEM].
func (r *reader) readPath(path StorePath, at, v *unstable.Node) error {
	if err := checkPath(path); err != nil {
		return r.atNode(at, KindValue, err.Error())
	}
	pin, err := r.readPin(at, v)
	if err != nil {
		return err
	}
	e := entry{path, r.system, r.line}
	first, known := r.seen[path.Digest()]
	if known {
		if err := r.clash(e, pin, r.entries[first], at); err != nil {
			return err
		}
	} else {
		r.seen[path.Digest()] = int32(len(r.entries))
	}
	r.entries = append(r.entries, e)
	r.section.Paths[path] = pin
	return nil
}

// clash compares a line with the first one about a path with its hash part.
func (r *reader) clash(e entry, pin Pin, first entry, at *unstable.Node) error {
	err := r.atNode(at, KindTwoPins, "")
	err.Other = nixconf.Pos{File: r.name, Line: first.line, Col: 1}
	switch {
	case e.path != first.path:
		err.Text = fmt.Sprintf("%s has the hash part of %s, and a cache has only one path under it", e.path, first.path)
	case !pin.Same(r.lock.Systems[first.system].Paths[first.path]):
		err.Text = string(e.path) + " has two pins that differ"
		err.Hint = "find out which one is right before anything is trusted: `nix-trust challenge` asks every cache"
	default:
		// The same pin for another system is fine, and for the same one is not.
		same := func(o entry) bool { return o.path == e.path && o.system == e.system }
		if _, twice := r.section.Paths[e.path]; !twice {
			return nil
		}
		err.Kind, err.Text = KindDuplicate, string(e.path)+" is there twice in one table"
		err.Other.Line = r.entries[slices.IndexFunc(r.entries, same)].line
	}
	return err
}

// readPin reads { nar = …, size = …, refs = […], ca = …, by = […] }.
func (r *reader) readPin(at, v *unstable.Node) (Pin, error) {
	var p Pin
	if v.Kind != unstable.InlineTable {
		return p, r.atNode(at, KindValue, `a pin is written { nar = "sha256-…", size = N, refs = [] }`)
	}
	var had [5]bool
	for it := v.Children(); it.Next(); {
		kv := it.Node()
		key, node := r.key(kv)
		i := slices.Index(pinKeys[:], key)
		if node == nil || i < 0 {
			return p, r.at(r.line, int(kv.Raw.Offset)+1, KindUnknown, fmt.Sprintf("a pin has nar, size, refs, ca and by, and no %q", clip(key)))
		}
		if had[i] {
			return p, r.atNode(node, KindDuplicate, key+" is there twice in one pin")
		}
		had[i] = true
		if err := r.readPinKey(&p, key, kv.Value()); err != nil {
			return p, err
		}
	}
	for i, key := range pinKeys[:3] {
		if !had[i] {
			return p, r.atNode(at, KindValue, "the pin lacks "+key)
		}
	}
	return p, nil
}

// pinKeys are the keys of a pin in canonical order; the first three are needed.
var pinKeys = [...]string{"nar", "size", "refs", "ca", "by"}

func (r *reader) readPinKey(p *Pin, key string, v *unstable.Node) (err error) {
	switch key {
	case "nar":
		return r.hash(v, &p.NAR)
	case "size":
		p.Size, err = r.size(v)
	case "refs":
		p.Refs, err = list(r, v, "references", &r.refs, checkPath)
	case "by":
		p.By, err = list(r, v, "names of keys", &r.names, checkKeyName)
	case "ca":
		if p.CA, err = r.string(v, "a content address"); err != nil {
			return err
		}
		if err := CheckCA(p.CA); err != nil {
			return r.atNode(v, KindValue, err.Error())
		}
	}
	return err
}

func (r *reader) size(v *unstable.Node) (int64, error) {
	n, err := strconv.ParseInt(string(v.Data), 10, 64)
	if v.Kind != unstable.Integer || err != nil || n <= 0 || v.Data[0] == '+' {
		return 0, r.atNode(v, KindValue, "the size of a NAR is a decimal number above 0")
	}
	return n, nil
}

// list reads a sorted list of strings into room, and returns that part of it.
func list[S ~string](r *reader, v *unstable.Node, what string, room *[]S, check func(S) error) ([]S, error) {
	if v.Kind != unstable.Array {
		return nil, r.atNode(v, KindValue, "the "+what+" are a list of strings")
	}
	all := *room
	from, last := len(all), S("")
	for it := v.Children(); it.Next(); {
		n := it.Node()
		text, err := r.string(n, "each of the "+what)
		if err != nil {
			return nil, err
		}
		s := S(text)
		if err := check(s); err != nil {
			return nil, r.atNode(n, KindValue, err.Error())
		}
		if s <= last {
			return nil, r.atNode(n, KindValue, "the "+what+" are sorted by their bytes, each there once")
		}
		if len(all)-from == maxRefs {
			return nil, r.atNode(n, KindLimit, fmt.Sprintf("a pin has at most %d %s", maxRefs, what))
		}
		last = s
		all = append(all, s)
	}
	*room = all
	if len(all) == from {
		return nil, nil
	}
	// A later append that outgrows the room moves away and leaves this slice alone.
	return all[from:len(all):len(all)], nil
}

// CheckSystem reports what is wrong with the name of a system.
func CheckSystem(s string) error {
	ok := len(s) > 0 && len(s) <= 64
	for i := range len(s) {
		c := s[i]
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}
	if !ok {
		return errors.New("a system is up to 64 letters, digits, _ and -, such as x86_64-linux")
	}
	return nil
}

// checkOutput reports what is wrong with the name of an output. It has nothing
// that a review would not show, or would show in another order.
func checkOutput(s string) error {
	if s == "" || len(s) > 1024 || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return errors.New("the name of an output has 1 to 1024 bytes of UTF-8 without control characters and others that are not seen")
	}
	return nil
}

// checkKey reports what is wrong with a public key, or returns its name. A key
// that libsodium refuses could never verify anything; see bincache.Weak.
func checkKey(s string) (name string, err error) {
	k, err := bincache.ParsePublicKey(s)
	if err != nil {
		return "", errors.New("a key is written NAME:BASE64, and this one cannot be read: " + err.Error())
	}
	if k.String() != s {
		return "", errors.New("the key is not in its one spelling, with padding and nothing behind it")
	}
	if k.Weak() {
		return "", errors.New("no signature by this key can count: it is one that anybody can sign for, or not in its one encoding, and Nix refuses both; ask the cache's owner for the real key")
	}
	return k.Name, checkKeyName(k.Name)
}

// checkKeyName reports what is wrong with the name of a key.
func checkKeyName(s string) error {
	ok := len(s) > 0 && len(s) <= 256
	for i := range len(s) {
		ok = ok && s[i] > ' ' && s[i] < 0x7f && s[i] != ':' && s[i] != '"' && s[i] != '\\'
	}
	if !ok {
		return errors.New(`the name of a key is up to 256 characters of ASCII without spaces, colons, quotes and \`)
	}
	return nil
}
