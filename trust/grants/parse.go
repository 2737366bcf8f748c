package grants

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf"
)

// Parse reads a grants.toml. The error is an *Error with the place of the first
// thing that is wrong; nothing in the file counts then.
//
// The file is a person's own, and may be generated: TOML's comments, order and
// layout are free, and are lost when nix-trust writes the file. What a key may
// be and have is not.
func Parse(name string, data []byte) (*File, error) {
	r := &reader{name: name, data: data, file: &File{}, flakes: map[string]int{}}
	if err := r.read(); err != nil {
		return nil, err
	}
	r.file.sort()
	return r.file, nil
}

// A reader reads the file statement by statement.
type reader struct {
	name string
	data []byte
	at   int // where the current statement begins

	file      *File
	versionAt int
	table     table
	flakes    map[string]int // where each grant and denial of a flake is, by "grant ID"
	entry     entry          // the [[grant]] or [[deny]]
	cache     entry          // the [[grant.cache]]
}

type table int

const (
	tableTop table = iota
	tableGrant
	tableCache
	tableDeny
)

// An entry is a table with what was said in it, each with its place.
type entry struct {
	open bool
	at   int
	keys map[string]int
}

func (e *entry) begin(at int) { *e = entry{open: true, at: at, keys: map[string]int{}} }

func (r *reader) read() error {
	if len(r.data) > MaxBytes {
		return &Error{Kind: KindLimit, Pos: nixconf.Pos{File: r.name}, Text: fmt.Sprintf("the file has more than %d MiB, which no list of grants has", MaxBytes>>20)}
	}
	if err := r.markers(); err != nil {
		return err
	}
	if !utf8.Valid(r.data) {
		n := 0
		for n < len(r.data) {
			c, size := utf8.DecodeRune(r.data[n:])
			if c == utf8.RuneError && size == 1 {
				break
			}
			n += size
		}
		return r.errorAt(n, KindSyntax, "this is not UTF-8")
	}
	if bytes.HasPrefix(r.data, []byte("\xef\xbb\xbf")) {
		return r.errorAt(0, KindSyntax, "the file begins with a byte order mark")
	}
	var p unstable.Parser
	p.Reset(r.data)
	for p.NextExpression() {
		if err := r.statement(p.Expression()); err != nil {
			return err
		}
	}
	if err := p.Error(); err != nil {
		return r.notTOML(err)
	}
	if r.file.Version == 0 {
		e := r.errorAt(0, KindVersion, "the file says no version")
		e.Hint = "the first statement of the file is: version = 1"
		return e
	}
	return r.end()
}

// markers finds what git puts around a merge that was not settled.
func (r *reader) markers() error {
	at := 0
	for line := range bytes.Lines(r.data) {
		for _, m := range []string{"<<<<<<<", "|||||||", "=======", ">>>>>>>"} {
			if bytes.HasPrefix(line, []byte(m)) {
				e := r.errorAt(at, KindConflict, "the file has an unsettled merge conflict, the first mark of it here")
				e.Hint = "keep one side of each and delete the lines of markers; read what you keep, as it is what you trust"
				return e
			}
		}
		at += len(line)
	}
	return nil
}

func (r *reader) notTOML(err error) error {
	at, text := len(r.data), err.Error()
	var pe *unstable.ParserError
	if errors.As(err, &pe) {
		// A part of the text ends where the text's backing array ends.
		at, text = min(max(cap(r.data)-cap(pe.Highlight), 0), len(r.data)), pe.Message
	}
	return r.errorAt(at, KindSyntax, "this is not TOML: "+text)
}

func (r *reader) statement(e *unstable.Node) error {
	var parts []string
	first := -1
	for it := e.Key(); it.Next(); {
		if first < 0 {
			first = int(it.Node().Raw.Offset)
		}
		parts = append(parts, string(it.Node().Data))
	}
	r.at = max(first, 0)
	if e.Kind == unstable.Table || e.Kind == unstable.ArrayTable {
		return r.header(e.Kind, strings.Join(parts, "."), len(parts))
	}
	if len(parts) != 1 {
		return r.errorf(KindUnknown, "a key of this file has one part; tables are written [[grant]], [[grant.cache]] and [[deny]]")
	}
	return r.keyValue(parts[0], e.Value())
}

// header begins a table.
func (r *reader) header(kind unstable.Kind, name string, parts int) error {
	if r.file.Version == 0 {
		return r.noVersion()
	}
	if kind != unstable.ArrayTable || name == "grant.cache" && parts != 2 {
		return r.notATable()
	}
	if name == "grant.cache" {
		if !r.entry.open || r.table == tableDeny {
			return r.errorf(KindUnknown, "a [[grant.cache]] belongs below its [[grant]]")
		}
		if err := r.endCache(); err != nil {
			return err
		}
		g := r.grant()
		if len(g.Caches) == maxCaches {
			return r.errorf(KindLimit, "a grant has at most %d caches", maxCaches)
		}
		g.Caches = append(g.Caches, lock.Cache{})
		r.table = tableCache
		r.cache.begin(r.at)
		return nil
	}
	if err := r.end(); err != nil {
		return err
	}
	switch name {
	case "grant":
		r.table = tableGrant
		r.file.Grants = append(r.file.Grants, Grant{})
	case "deny":
		r.table = tableDeny
		r.file.Denies = append(r.file.Denies, Deny{})
	default:
		return r.notATable()
	}
	if len(r.file.Grants) > maxEntries || len(r.file.Denies) > maxEntries {
		return r.errorf(KindLimit, "there are at most %d grants and as many denials", maxEntries)
	}
	r.entry.begin(r.at)
	return nil
}

func (r *reader) notATable() error {
	return r.errorf(KindUnknown, "the tables of this file are [[grant]], [[grant.cache]] and [[deny]], and no other")
}

func (r *reader) noVersion() error {
	e := r.errorf(KindVersion, "the first statement of the file is its version: version = 1")
	return e
}

// keyValue reads one line of the current table.
func (r *reader) keyValue(key string, v *unstable.Node) error {
	if r.table == tableTop {
		switch {
		case key != "version" && r.file.Version == 0:
			return r.noVersion()
		case key != "version":
			return r.errorf(KindUnknown, "the file has no key %q; it belongs to no grant", clip(key))
		case r.file.Version != 0:
			e := r.errorf(KindDuplicate, "version is there twice")
			e.Other = r.pos(r.versionAt)
			return e
		case v.Kind != unstable.Integer || string(v.Data) != "1":
			e := r.errorIn(v, KindVersion, "this program reads version 1 of the file, and this says another")
			e.Hint = "a newer nix-trust may read it; until then nothing in it counts"
			return e
		}
		r.file.Version, r.versionAt = Version, r.at
		return nil
	}
	in, known, what := &r.entry, grantKeys, "a grant"
	switch r.table {
	case tableCache:
		in, known, what = &r.cache, cacheKeys, "a cache"
	case tableDeny:
		known, what = denyKeys, "a denial"
	}
	if !slices.Contains(known, key) {
		return r.errorf(KindUnknown, "%s has the keys %s, and no %q", what, strings.Join(known, ", "), clip(key))
	}
	if other, twice := in.keys[key]; twice {
		e := r.errorf(KindDuplicate, "%s is there twice in %s", key, what)
		e.Other = r.pos(other)
		return e
	}
	in.keys[key] = r.at
	return r.value(key, v)
}

// end looks at whether what was read last is whole.
func (r *reader) end() error {
	if err := r.endCache(); err != nil {
		return err
	}
	e := r.entry
	r.entry = entry{}
	if !e.open {
		return nil
	}
	kind, needed, id := "grant", grantNeeds, Identity("")
	if r.table == tableDeny {
		kind, needed, id = "deny", denyNeeds, r.deny().Flake
	} else {
		id = r.grant().Flake
	}
	for _, key := range needed {
		if _, has := e.keys[key]; !has {
			return r.errorAt(e.at, KindValue, fmt.Sprintf("this [[%s]] has no %s", kind, key))
		}
	}
	if other, twice := r.flakes[kind+" "+string(id)]; twice {
		err := r.errorAt(e.keys["flake"], KindDuplicate, fmt.Sprintf("the flake has two [[%s]], and one has to go", kind))
		err.Other = r.pos(other)
		return err
	}
	r.flakes[kind+" "+string(id)] = e.keys["flake"]
	var err error
	if kind == "deny" {
		err = r.deny().check()
	} else if err = r.grant().check(); len(r.grant().Caches) == 0 {
		err = errors.New("this [[grant]] has no [[grant.cache]]")
	}
	if err != nil {
		return r.errorAt(e.at, KindValue, err.Error())
	}
	return nil
}

func (r *reader) endCache() error {
	c := r.cache
	r.cache = entry{}
	if !c.open {
		return nil
	}
	for _, key := range cacheKeys {
		if _, has := c.keys[key]; !has {
			return r.errorAt(c.at, KindValue, "this cache has no "+key)
		}
	}
	return nil
}

func (r *reader) grant() *Grant { return &r.file.Grants[len(r.file.Grants)-1] }
func (r *reader) deny() *Deny   { return &r.file.Denies[len(r.file.Denies)-1] }

func (r *reader) pos(at int) nixconf.Pos {
	before := r.data[:at]
	return nixconf.Pos{File: r.name, Line: 1 + bytes.Count(before, []byte{'\n'}), Col: at - bytes.LastIndexByte(before, '\n')}
}

func (r *reader) errorAt(at int, k Kind, text string) *Error {
	return &Error{Kind: k, Pos: r.pos(at), Text: text}
}

// errorf is an error at the current statement.
func (r *reader) errorf(k Kind, format string, args ...any) *Error {
	return r.errorAt(r.at, k, fmt.Sprintf(format, args...))
}

// errorIn is an error at a value. The parser gives no place for some kinds.
func (r *reader) errorIn(v *unstable.Node, k Kind, text string) *Error {
	if v.Raw.Length == 0 {
		return r.errorAt(r.at, k, text)
	}
	return r.errorAt(int(v.Raw.Offset), k, text)
}
