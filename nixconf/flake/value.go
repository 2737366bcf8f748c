package flake

import "fmt"

// A valueKind is what Nix sees in a value without computing it.
type valueKind uint8

const (
	vThunk valueKind = iota
	vString
	vPath
	vInt
	vFloat
	vBool
	vNull
	vSet
	vList
	vFunction
)

// String is the kind with its article, as in Nix's messages.
func (k valueKind) String() string {
	return [...]string{"a thunk", "a string", "a path", "an integer", "a float", "a Boolean", "null", "a set", "a list", "a function"}[k]
}

// A value is an expression in its scope, looked at as Nix looks at flake.nix:
// literals are values, sets, lists and functions become values when asked for,
// and all else stays a thunk, which Nix refuses.
//
// Nix: src/libexpr/eval.cc, the maybeThunk functions; src/libflake/flake.cc,
// forceTrivialValue.
type value struct {
	kind  valueKind
	node  int32 // -1 for what Nix defines itself
	scope *scope
	name  string // of a global; __nixPath is an empty list in pure evaluation
	text  string // of a constant global
	attrs []member
	done  bool // attrs, or the list's items, are there
	items []*value
}

// A member is one attribute of a set that is a value.
type member struct {
	sym       int32
	value     *value
	off, name uint32
}

// A scope is a recursive set around an expression. While the set is being
// made, names that Nix comes to later are not there yet.
type scope struct {
	up     *scope
	set    int32
	values map[int32]*value
}

// value looks at an expression.
func (p *parser) value(n int32, in *scope) *value {
	v := &value{node: n, scope: in}
	switch x := &p.nodes[n]; x.kind {
	case nString, nURI:
		v.kind = vString
	case nIndent:
		if _, ok := p.literal(n); ok {
			v.kind = vString
		}
	case nInt:
		v.kind = vInt
	case nFloat:
		v.kind = vFloat
	case nPath:
		v.kind = vPath
	case nList:
		if x.b == 0 && p.lexer.version.AtLeast(2, 20) {
			v.kind, v.done = vList, true
		}
	case nVar:
		if found := p.variable(x.a, in); found != nil {
			return found
		}
	}
	return v
}

// variable finds what a name stands for, nil when it is not there yet.
func (p *parser) variable(sym int32, in *scope) *value {
	for s := in; s != nil; s = s.up {
		if p.sets[s.set].find(sym) >= 0 {
			return s.values[sym]
		}
	}
	g := globals[p.names[sym]]
	return &value{kind: g.kind, node: -1, name: p.names[sym], text: g.text, done: true}
}

// force turns a literal set, list or function into a value.
func (p *parser) force(v *value) {
	if v.kind != vThunk || v.node < 0 {
		return
	}
	switch x := &p.nodes[v.node]; x.kind {
	case nLambda:
		v.kind = vFunction
	case nList:
		v.kind = vList
	case nSet:
		if len(p.sets[x.a].dyn) == 0 {
			v.kind = vSet
		}
	}
	p.open(v)
}

// open fills in the parts of a set or list.
func (p *parser) open(v *value) {
	if v.done || v.kind != vSet && v.kind != vList {
		return
	}
	v.done = true
	x := p.nodes[v.node]
	if v.kind == vList {
		for _, kid := range p.kids[x.a : x.a+x.b] {
			v.items = append(v.items, p.value(kid, v.scope))
		}
		return
	}
	in := v.scope
	rec := p.sets[x.a].rec
	if rec {
		in = &scope{up: v.scope, set: x.a, values: map[int32]*value{}}
	}
	overrides := false
	if rec {
		for i := range p.sets[x.a].attrs {
			overrides = overrides || p.names[p.sets[x.a].attrs[i].sym] == "__overrides"
		}
	}
	for _, a := range p.inOrder(x.a) {
		var made *value
		switch {
		case a.kind == attrInherited:
			made = p.value(a.node, v.scope)
		case overrides:
			// Whatever it is: Nix may put something else in its place.
			made = &value{node: a.node, scope: in}
		default:
			made = p.value(a.node, in)
		}
		if rec {
			in.values[a.sym] = made
		}
		v.attrs = append(v.attrs, member{a.sym, made, a.off, a.name})
	}
}

// member returns an attribute of a set, nil when it has none of this name.
func (p *parser) member(v *value, name string) *member {
	for i := range v.attrs {
		if p.names[v.attrs[i].sym] == name {
			return &v.attrs[i]
		}
	}
	return nil
}

// text returns a string's value, or a path's source.
func (p *parser) text(v *value) string {
	if v.node < 0 {
		switch v.name {
		case "__nixVersion":
			return p.lexer.version.String()
		case "__storeDir":
			return "/nix/store"
		}
		return v.text
	}
	if v.kind == vPath {
		x := p.nodes[v.node]
		return p.src[x.a:x.b]
	}
	text, _ := p.literal(v.node)
	return text
}

// describe is what Nix calls the value in a message about a setting.
func (p *parser) describe(v *value) string {
	if v.node < 0 && v.kind == vFunction && v.name != "derivation" {
		name := v.name
		if len(name) > 2 && name[:2] == "__" {
			name = name[2:]
		}
		return fmt.Sprintf("the built-in function '%s'", name)
	}
	return v.kind.String()
}
