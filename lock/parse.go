package lock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/nix-trust/nix-trust/nixconf"
)

// Limits of what is read. They leave room for a lock of a million paths, and
// keep a hostile file from taking the memory of the machine.
const (
	MaxBytes   = 256 << 20 // of the whole file
	MaxLine    = 4 << 20   // of one line; each of its values takes 70 bytes while it is read
	maxSystems = 64
	maxCaches  = 256
	maxKeys    = 64    // of one cache
	maxRefs    = 16000 // of one path: with the longest names they fit into a line
)

// Read reads a lock. name is for messages: the path of the file. A failure to
// read is returned as it is; what is wrong with the content is an *Error.
func Read(name string, r io.Reader) (*Lock, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	return Parse(name, data)
}

// Parse reads the content of a lock. The error is an *Error with the place of
// the first thing that is wrong; there is no lock then.
//
// The layout is free where TOML leaves it free, as long as each statement has a
// line of its own: Print brings it into the one canonical form.
func Parse(name string, data []byte) (*Lock, error) {
	r := &reader{
		name: name, lock: &Lock{Systems: map[string]*Section{}},
		places: map[string]int{}, keys: map[string]keyPlace{}, seen: map[string]int32{},
	}
	if err := r.read(data); err != nil {
		return nil, err
	}
	return r.lock, nil
}

// A reader reads a lock line by line. Feeding the TOML parser one line at a
// time bounds its memory, and places every mistake.
type reader struct {
	name   string
	text   string // the whole file; what is read are parts of it
	line   int    // from 1
	start  int    // of the line, in text
	parser unstable.Parser

	lock    *Lock
	table   table
	system  string
	section *Section
	cache   cachePlaces

	places  map[string]int      // the line of each table, URL, output and key of the current table
	keys    map[string]keyPlace // by the name of the key
	entries []entry             // every pin read
	seen    map[string]int32    // the first of entries with a hash part
	refs    []StorePath         // room for references, cut into slices
	names   []string            // and for names of keys
}

type table int

const (
	tableTop table = iota
	tableCache
	tableOutputs
	tablePaths
)

// cachePlaces has the lines of the current [[cache]], 0 for what it lacks.
type cachePlaces struct{ header, url, keys int }

type keyPlace struct {
	key  string
	line int
}

type entry struct {
	path   StorePath
	system string
	line   int
}

func (r *reader) read(data []byte) error {
	if len(data) > MaxBytes {
		return &Error{Kind: KindLimit, Pos: nixconf.Pos{File: r.name}, Text: fmt.Sprintf("the file has more than %d MiB, which no lock has", MaxBytes>>20)}
	}
	if err := findMarkers(r.name, data); err != nil {
		return err
	}
	if len(data) == 0 {
		return &Error{Kind: KindVersion, Pos: nixconf.Pos{File: r.name}, Text: "the file is empty", Hint: "a lock begins with the line: version = 1"}
	}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return r.at(1, 1, KindSyntax, "the file begins with a byte order mark, which no lock has")
	}
	r.text = string(data)
	for r.start < len(data) {
		r.line++
		n := bytes.IndexByte(data[r.start:], '\n')
		if n < 0 {
			e := r.at(r.line, len(data)-r.start+1, KindSyntax, "the last line does not end in a newline: the file may have been cut off")
			e.Hint = "get the file again, or make it again with `nix-trust lock`"
			return e
		}
		line := data[r.start : r.start+n]
		if err := r.readLine(line); err != nil {
			return err
		}
		r.start += n + 1
	}
	if r.lock.Version == 0 {
		return r.at(r.line, 1, KindVersion, "the file says no version; a lock begins with the line: version = 1")
	}
	if err := r.endCache(); err != nil {
		return err
	}
	r.lock.sortCaches()
	return nil
}

func (r *reader) readLine(line []byte) error {
	if len(line) > MaxLine {
		return r.at(r.line, 1, KindLimit, fmt.Sprintf("the line has more than %d MiB, which no lock has", MaxLine>>20))
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		e := r.at(r.line, n, KindSyntax, "the line ends in a carriage return; lines of a lock end in a newline alone")
		e.Hint = "tell git to leave the file as it is: flake.cache-lock -text in .gitattributes"
		return e
	}
	r.parser.Reset(line)
	if !r.parser.NextExpression() {
		if err := r.parser.Error(); err != nil {
			return r.notTOML(line, err)
		}
		return nil // empty, or a comment
	}
	e := r.parser.Expression()
	if r.lock.Version == 0 {
		return r.readVersion(e)
	}
	switch e.Kind {
	case unstable.Table, unstable.ArrayTable:
		return r.readHeader(e)
	default:
		return r.readKeyValue(e)
	}
}

// notTOML says where the line stops being TOML.
func (r *reader) notTOML(line []byte, err error) error {
	col, text := 1, err.Error()
	var pe *unstable.ParserError
	if errors.As(err, &pe) {
		text = pe.Message
		// A part of the line ends where the line's backing array ends.
		col = 1 + min(max(cap(line)-cap(pe.Highlight), 0), len(line))
	}
	e := r.at(r.line, col, KindSyntax, "this is not one statement of TOML: "+text)
	e.Hint = "each statement has a line of its own, from its first to its last character"
	return e
}

// readVersion reads the first statement, on which the meaning of all others hangs.
func (r *reader) readVersion(e *unstable.Node) error {
	if e.Kind != unstable.KeyValue || r.keyOf(e) != "version" {
		return r.at(r.line, 1, KindVersion, "the first statement of a lock is its version: version = 1")
	}
	v := e.Value()
	if v.Kind != unstable.Integer || string(v.Data) != "1" {
		err := r.atNode(v, KindVersion, "this program reads version 1 of the format, and this file says another")
		err.Hint = "a newer nix-trust may read it"
		return err
	}
	r.lock.Version = Version
	r.places["version"] = r.line
	return nil
}

// readHeader begins a table.
func (r *reader) readHeader(e *unstable.Node) error {
	if err := r.endCache(); err != nil {
		return err
	}
	var parts []string
	var last *unstable.Node
	for it := e.Key(); it.Next(); {
		last = it.Node()
		parts = append(parts, r.str(last))
		if len(parts) > 2 {
			break
		}
	}
	switch {
	case e.Kind == unstable.ArrayTable && len(parts) == 1 && parts[0] == "cache":
		if len(r.lock.Caches) == maxCaches {
			return r.at(r.line, 1, KindLimit, fmt.Sprintf("a lock has at most %d caches", maxCaches))
		}
		r.lock.Caches = append(r.lock.Caches, Cache{})
		r.table, r.cache = tableCache, cachePlaces{header: r.line}
		return nil
	case e.Kind == unstable.Table && len(parts) == 2 && (parts[0] == "outputs" || parts[0] == "paths"):
		return r.beginSection(parts[0], parts[1], last)
	}
	return r.at(r.line, 1, KindUnknown, "a lock has the tables [[cache]], [outputs.SYSTEM] and [paths.SYSTEM], and no other")
}

func (r *reader) beginSection(kind, system string, at *unstable.Node) error {
	if err := CheckSystem(system); err != nil {
		return r.atNode(at, KindValue, err.Error())
	}
	if err := r.once("["+kind+"."+system, "the table ["+kind+"."+system+"]", at); err != nil {
		return err
	}
	r.system, r.section = system, r.lock.Section(system)
	if len(r.lock.Systems) > maxSystems {
		return r.atNode(at, KindLimit, fmt.Sprintf("a lock has at most %d systems", maxSystems))
	}
	if kind == "outputs" {
		r.table = tableOutputs
		return nil
	}
	r.table = tablePaths
	// No line of this table is shorter than that, so the room is bounded by the file.
	rows := min(strings.Count(r.tableText(), "\n"), len(r.tableText())/minPathLine)
	r.section.Paths = make(map[StorePath]Pin, rows)
	if len(r.entries) == 0 {
		r.seen = make(map[string]int32, rows)
		r.entries = make([]entry, 0, rows)
	}
	return nil
}

// minPathLine is below the length of the shortest line with a pin.
const minPathLine = 100

// tableText returns the text from the current line to the next table.
func (r *reader) tableText() string {
	text := r.text[r.start:]
	if end := strings.Index(text, "\n["); end >= 0 {
		return text[:end]
	}
	return text
}

// once notes that something is said here, and refuses what was said before.
func (r *reader) once(id, what string, at *unstable.Node) error {
	if line := r.places[id]; line != 0 {
		e := r.atNode(at, KindDuplicate, what+" is there twice")
		e.Other = nixconf.Pos{File: r.name, Line: line, Col: 1}
		return e
	}
	r.places[id] = r.line
	return nil
}

func (r *reader) readKeyValue(e *unstable.Node) error {
	key, node := r.key(e)
	if node == nil {
		return r.at(r.line, 1, KindUnknown, "a key of a lock has one part: dots belong between quotes")
	}
	switch r.table {
	case tableCache:
		return r.readCacheKey(key, node, e.Value())
	case tableOutputs:
		return r.readOutput(key, node, e.Value())
	case tablePaths:
		return r.readPath(StorePath(key), node, e.Value())
	}
	if key != "source" && key != "version" {
		return r.atNode(node, KindUnknown, fmt.Sprintf("a lock has no key %q; it begins with version, and source where it is detached", clip(key)))
	}
	if err := r.once(key, key, node); err != nil {
		return err
	}
	return r.hash(e.Value(), &r.lock.Source)
}

// key returns the key of a statement, and no node when it is a dotted one.
func (r *reader) key(kv *unstable.Node) (string, *unstable.Node) {
	it := kv.Key()
	if !it.Next() {
		return "", nil
	}
	n := it.Node()
	if it.Next() {
		return "", nil
	}
	return r.str(n), n
}

func (r *reader) keyOf(kv *unstable.Node) string {
	k, _ := r.key(kv)
	return k
}

func (r *reader) at(line, col int, k Kind, text string) *Error {
	return &Error{Kind: k, Pos: nixconf.Pos{File: r.name, Line: line, Col: col}, Text: text}
}

// atNode is an error at a part of the current line.
func (r *reader) atNode(n *unstable.Node, k Kind, text string) *Error {
	return r.at(r.line, int(n.Raw.Offset)+1, k, text)
}

// clip shortens what a message quotes from the file.
func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}
