package flake

// A nodeKind tells literals from what has to be computed. Nothing is computed
// here, so everything that is no literal is one kind: a thunk with the parts in
// which names are looked up.
type nodeKind uint8

const (
	nThunk  nodeKind = iota // kids a … a+b
	nConcat                 // "…${…}…": kids a … a+b
	nString                 // the source from a to b, still escaped
	nURI                    // the source from a to b
	nIndent                 // ''…'': parts a … a+b
	nInt                    // the source from a to b
	nFloat
	nPath   // the source from a to b
	nVar    // symbol a
	nList   // kids a … a+b
	nSet    // set a
	nLambda // lambda a
	nLet    // set a, body b
	nWith   // set expression a, body b
)

// A node is an expression. off is its place.
type node struct {
	kind nodeKind
	off  uint32
	a, b int32
}

type attrKind uint8

const (
	attrPlain     attrKind = iota
	attrInherited          // inherit x: looked up outside
	attrFrom               // inherit (e) x
)

// An attr is one attribute of a set with a name that is known.
type attr struct {
	kind attrKind
	sym  int32
	node int32
	off  uint32 // where Nix says it is: the beginning of its path
	name uint32 // where its own name is
}

// A dynAttr is an attribute whose name is computed.
type dynAttr struct {
	name, node int32
	off        uint32
}

// A set is the body of { }, rec { } or let.
type set struct {
	off   uint32
	open  uint32 // the end of what opens it
	rec   bool
	attrs []attr // in the order of the source
	dyn   []dynAttr
	froms []int32 // the expressions of inherit (e)
	index map[int32]int32
}

// find returns the index of the attribute, or -1.
func (s *set) find(sym int32) int {
	if s.index != nil {
		if i, ok := s.index[sym]; ok {
			return int(i)
		}
		return -1
	}
	for i := range s.attrs {
		if s.attrs[i].sym == sym {
			return i
		}
	}
	return -1
}

func (s *set) add(a attr) {
	const few = 12 // up to here a search is as fast as a map
	s.attrs = append(s.attrs, a)
	switch n := len(s.attrs); {
	case s.index != nil:
		s.index[a.sym] = int32(n - 1)
	case n > few:
		s.index = make(map[int32]int32, 4*few)
		for i := range s.attrs {
			s.index[s.attrs[i].sym] = int32(i)
		}
	}
}

type formal struct {
	sym, def int32 // def is -1 when it has no default
	off      uint32
}

// A lambda is a function. arg is -1 when only its formals have names.
type lambda struct {
	arg     int32
	set     bool // it takes a set
	formals []formal
	body    int32
}

// An indToken is a piece of an indented string in the tree.
type indToken struct {
	kind     partKind
	off, end uint32
	node     int32
}

// A tree is a parsed file.
type tree struct {
	src   string
	root  int32
	nodes []node
	kids  []int32
	sets  []set
	funs  []lambda
	parts []indToken
	names []string // of the symbols
	syms  map[string]int32
}

func (t *tree) reset(src string) {
	t.src = src
	t.nodes, t.kids, t.parts = t.nodes[:0], t.kids[:0], t.parts[:0]
	t.names, t.funs = t.names[:0], t.funs[:0]
	for i := range t.sets {
		s := &t.sets[i]
		*s = set{attrs: s.attrs[:0], dyn: s.dyn[:0]}
	}
	t.sets = t.sets[:0]
	if len(t.syms) > 1<<12 {
		t.syms = nil
	}
	if t.syms == nil {
		t.syms = make(map[string]int32, 512)
	}
	clear(t.syms)
}

func (t *tree) intern(name string) int32 {
	if sym, ok := t.syms[name]; ok {
		return sym
	}
	sym := int32(len(t.names))
	t.syms[name] = sym
	t.names = append(t.names, name)
	return sym
}

func (t *tree) add(n node) int32 {
	t.nodes = append(t.nodes, n)
	return int32(len(t.nodes) - 1)
}

func (t *tree) newSet(off uint32) int32 {
	if n := len(t.sets); n < cap(t.sets) {
		t.sets = t.sets[:n+1] // keeps the slices of an earlier file
		t.sets[n].off = off
	} else {
		t.sets = append(t.sets, set{off: off})
	}
	return int32(len(t.sets) - 1)
}
