package flake

import (
	"fmt"
	"path"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/nix-trust/nix-trust/nixconf"
)

// ReadConfig reads the nixConfig of a flake.nix, with the rules of one version
// of Nix, and evaluates nothing. The settings come in the order in which Nix
// applies them, the byte order of their names; there are none when the flake
// has no nixConfig. What Nix would refuse is a Rejection.
//
// features are the experimental features in force that change the language:
// "pipe-operators", "no-url-literals".
//
// Whether a flake's inputs can be fetched is not looked at; of their URLs only
// the scheme and the fragment are. Nix refuses some flakes for such a URL that
// are read here.
//
// Nix: src/libflake/flake.cc, readFlake.
func ReadConfig(name string, src []byte, v nixconf.Version, features ...string) ([]Setting, *Rejection) {
	if len(src) > maxFileSize {
		return nil, &Rejection{Pos: nixconf.Pos{File: name}, Unsure: true,
			Message: fmt.Sprintf("the file has %d bytes; nix-trust reads up to %d", len(src), maxFileSize)}
	}
	p := parsers.Get().(*parser)
	defer parsers.Put(p)
	// Nothing keeps the string: what is returned is cloned.
	text := unsafe.String(unsafe.SliceData(src), len(src))
	r := p.parse(name, text, v, true, features)
	var settings []Setting
	if r == nil {
		settings, r = p.flake()
	}
	if r == nil {
		return settings, nil
	}
	out := &Rejection{Pos: nixconf.Pos{File: strings.Clone(name)}, Message: strings.Clone(r.message), Unsure: r.unsure}
	if r.off >= 0 {
		out.Pos = position(name, src, r.off)
	}
	return nil, out
}

// A parser's memory is worth keeping: a status reads thousands of files.
var parsers = sync.Pool{New: func() any { return new(parser) }}

func refuse(off uint32, format string, args ...any) *refusal {
	return &refusal{off: int(off), message: fmt.Sprintf(format, args...)}
}

// flake looks at a parsed flake.nix.
func (p *parser) flake() ([]Setting, *refusal) {
	root := p.nodes[p.root]
	if root.kind != nSet {
		return nil, refuse(root.off, "file '%s' must be an attribute set", p.name)
	}
	top := &value{kind: vSet, node: p.root}
	p.open(top)
	if r := p.dynamic(top); r != nil {
		return nil, r
	}
	if m := p.member(top, "description"); m != nil {
		if r := p.want(vString, m.value, m.off); r != nil {
			return nil, r
		}
	}
	if m := p.member(top, "inputs"); m != nil {
		if r := p.inputs(m.value, m.off, true); r != nil {
			return nil, r
		}
	}
	m := p.member(top, "outputs")
	if m == nil {
		return nil, refuse(root.off, "flake lacks attribute 'outputs'")
	}
	if r := p.want(vFunction, m.value, m.off); r != nil {
		return nil, r
	}
	if r := p.arguments(m.value); r != nil {
		return nil, r
	}
	var settings []Setting
	if m := p.member(top, "nixConfig"); m != nil {
		if r := p.want(vSet, m.value, m.off); r != nil {
			return nil, r
		}
		if m.value.node < 0 {
			return nil, refuse(m.off, "flake configuration setting 'path' is the built-in function 'path'")
		}
		for _, a := range m.value.attrs {
			s, r := p.setting(a)
			if r != nil {
				return nil, r
			}
			settings = append(settings, s)
		}
	}
	for _, m := range top.attrs {
		switch name := p.names[m.sym]; name {
		case "description", "inputs", "outputs", "nixConfig":
		default:
			return nil, refuse(m.off, "flake has an unsupported attribute '%s'", p.quoted(m.sym))
		}
	}
	sort.Slice(settings, func(i, k int) bool { return settings[i].Name < settings[k].Name })
	p.place(settings)
	return settings, nil
}

// want is Nix's expectType.
func (p *parser) want(kind valueKind, v *value, off uint32) *refusal {
	p.force(v)
	if v.kind != kind {
		return refuse(off, "expected %s but got %s", kind, v.kind)
	}
	return nil
}

// dynamic adds the top level's attributes with computed names, which Nix does
// compute. Here only those are known that are made of literals.
func (p *parser) dynamic(top *value) *refusal {
	root := p.nodes[p.root]
	for _, d := range p.sets[root.a].dyn {
		name, known := p.concat(d.name)
		if !known || p.sets[root.a].rec {
			return &refusal{off: int(d.off), unsure: true,
				message: "the name of an attribute at the top of the flake is computed; only Nix knows what it is"}
		}
		sym := p.intern(name)
		if m := p.member(top, name); m != nil {
			at := position(p.name, []byte(p.src), int(m.off))
			return refuse(d.off, "dynamic attribute '%s' already defined at %s:%d:%d", p.quoted(sym), at.File, at.Line, at.Col)
		}
		top.attrs = append(top.attrs, member{sym, p.value(d.node, nil), d.off, d.off})
	}
	return nil
}

// concat is the value of a string in which every interpolation is a literal.
func (p *parser) concat(n int32) (string, bool) {
	if text, ok := p.literal(n); ok {
		return text, true
	}
	x := p.nodes[n]
	if x.kind != nConcat {
		return "", false
	}
	var b strings.Builder
	for _, kid := range p.kids[x.a : x.a+x.b] {
		text, ok := p.concat(kid)
		if !ok {
			return "", false
		}
		b.WriteString(text)
	}
	return b.String(), true
}

// setting turns one attribute of nixConfig into text. Positions are left as
// offsets in Col.
func (p *parser) setting(a member) (Setting, *refusal) {
	s := Setting{Name: strings.Clone(p.names[a.sym]), Pos: nixconf.Pos{Col: int(a.name)}}
	v := a.value
	p.force(v)
	switch v.kind {
	case vString:
		s.Kind, s.Value = KindString, strings.Clone(p.text(v))
	case vPath:
		s.Kind, s.Value, s.Opaque = KindPath, strings.Clone(p.text(v)), true
		if r := p.forbidden(s.Value); r != nil {
			return s, r
		}
	case vInt:
		n, err := int64(0), error(nil)
		if v.node < 0 {
			n, err = strconv.ParseInt(v.text, 10, 64)
		} else {
			x := p.nodes[v.node]
			n, err = strconv.ParseInt(p.src[x.a:x.b], 10, 64)
		}
		if err != nil {
			return s, refuse(a.off, "invalid integer")
		}
		s.Kind, s.Value = KindInt, strconv.FormatInt(n, 10)
	case vBool:
		s.Kind, s.Value = KindBool, v.text
	case vList:
		s.Kind = KindList
		s.Items, s.ItemPos = []string{}, []nixconf.Pos{}
		var joined strings.Builder
		for _, item := range v.items {
			if item.kind != vString {
				return s, refuse(a.off, "list element in flake configuration setting '%s' is a list while a string is expected", p.quoted(a.sym))
			}
			text := strings.Clone(p.text(item))
			// Nix: dropEmptyInitThenConcatStringsSep.
			if joined.Len() > 0 {
				joined.WriteByte(' ')
			}
			joined.WriteString(text)
			off := int(a.name)
			if item.node >= 0 {
				off = int(p.nodes[item.node].off)
			}
			s.Items = append(s.Items, text)
			s.ItemPos = append(s.ItemPos, nixconf.Pos{Col: off})
		}
		s.Value = joined.String()
	default:
		return s, refuse(a.off, "flake configuration setting '%s' is %s", p.quoted(a.sym), p.describe(v))
	}
	return s, nil
}

// forbidden refuses a path outside of the flake, which pure evaluation does
// not open. Whether the others exist is for the caller to see.
func (p *parser) forbidden(file string) *refusal {
	mode := "evaluation"
	switch {
	case file[0] != '/' && file[0] != '~' || strings.HasPrefix(file, "/nix/store/"):
		return nil
	case !p.lexer.version.AtLeast(2, 9):
		mode = "eval"
	case !p.lexer.version.AtLeast(2, 34):
		// It goes down from the root and stops at the first folder.
		first, _, _ := strings.Cut(path.Clean(file)[1:], "/")
		file = "/" + first
	}
	return &refusal{off: -1, message: fmt.Sprintf("access to absolute path '%s' is forbidden in pure %s mode (use '--impure' to override)", path.Clean(file), mode)}
}

// place turns the offsets of settings into lines and columns, in one pass over
// the source.
func (p *parser) place(settings []Setting) {
	var all []*nixconf.Pos
	for i := range settings {
		all = append(all, &settings[i].Pos)
		for k := range settings[i].ItemPos {
			all = append(all, &settings[i].ItemPos[k])
		}
	}
	sort.Slice(all, func(i, k int) bool { return all[i].Col < all[k].Col })
	name := strings.Clone(p.name)
	at, off := nixconf.Pos{File: name, Line: 1, Col: 1}, 0
	for _, pos := range all {
		target := pos.Col
		advance(&at, p.src[off:target])
		off = target
		*pos = at
	}
}
