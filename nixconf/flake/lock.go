package flake

import (
	"fmt"
	"path"
	"sort"
	"strconv"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
)

// A Lock is a flake.lock of version 5, 6 or 7, with every follows resolved.
//
// Nix: src/libflake/lockfile.cc, LockFile::LockFile.
type Lock struct {
	Version int
	Root    *Node
}

// A Node is one locked flake or source tree. The root node has only inputs.
type Node struct {
	Key      string // its name in the file: "nixpkgs_2"
	Inputs   []Edge // sorted by name
	Locked   Ref
	Original Ref
	IsFlake  bool
	// Parent is the node that a relative path ("./sub") starts from; nil when the
	// node has a source of its own. Since Nix 2.26.
	Parent *Node
	Pos    nixconf.Pos
	parent []string
}

// An Edge is one input of a node.
type Edge struct {
	Name    string
	Node    *Node    // what it means, follows resolved
	Follows []string // the path from the root that it follows; nil when the edge is direct
	Pos     nixconf.Pos
}

// A LockedInput is one distinct node of a lock, under its shortest name.
type LockedInput struct {
	Name    string // "nixpkgs", "home-manager/nixpkgs"
	Node    *Node
	Ref     string // for a person: "github:NixOS/nixpkgs/<rev>"
	NarHash string // of the tree that it lies in; "" when the lock has none
	IsFlake bool
	Dir     string // where flake.nix is inside the tree, "" at its top
	// InRoot says that it lies in the source of the locked flake itself, and Dir
	// is relative to the folder of that flake's lock file.
	InRoot bool
}

// ParseLock reads a flake.lock. Every error is a *FormatError that names the
// file and the place. Only nodes that can be reached from the root count, as in
// Nix.
func ParseLock(name string, data []byte) (*Lock, error) {
	f, err := parseJSON(name, data)
	if err != nil {
		return nil, err
	}
	if f.root.kind != jsonObject {
		return nil, f.errorf(&f.root, "a lock file is a JSON object, this is %v", f.root.kind)
	}
	version := 0
	v := f.root.get("version")
	if v != nil {
		version, _ = strconv.Atoi(v.text)
	}
	if version < 5 || version > 7 {
		return nil, f.errorf(v, "this lock file has version %d; Nix reads 5, 6 and 7. Lock again with `nix flake lock`", version)
	}
	root := f.root.get("root")
	if root == nil || root.kind != jsonString {
		return nil, f.errorf(root, "the lock file does not name its root node")
	}
	nodes := f.root.get("nodes")
	if nodes == nil || nodes.kind != jsonObject {
		return nil, f.errorf(nodes, "the lock file has no nodes")
	}
	r := lockReader{f: f, nodes: map[string]*jsonValue{}, seen: map[string]*Node{}}
	for i, key := range nodes.keys {
		r.nodes[key] = &nodes.list[i] // of a key that comes twice the last counts
	}
	l := &Lock{Version: version, Root: &Node{Key: root.text, IsFlake: true}}
	r.root, r.seen[root.text] = l.Root, l.Root
	if src := r.nodes[root.text]; src != nil {
		l.Root.Pos = f.pos(src)
		r.todo = append(r.todo, pending{l.Root, src})
	}
	for len(r.todo) > 0 {
		next := r.todo[len(r.todo)-1]
		r.todo = r.todo[:len(r.todo)-1]
		if err := r.inputs(next.node, next.src); err != nil {
			return nil, err
		}
	}
	if err := r.resolve(); err != nil {
		return nil, err
	}
	return l, nil
}

type lockReader struct {
	f       *jsonFile
	root    *Node
	nodes   map[string]*jsonValue
	seen    map[string]*Node
	todo    []pending
	follows []follow
	// children have a parent that is still to be found.
	children []*Node
}

type pending struct {
	node *Node
	src  *jsonValue
}

// A follow is an edge that is still to be resolved.
type follow struct {
	node *Node
	edge int
}

func (r *lockReader) inputs(node *Node, src *jsonValue) error {
	inputs := src.get("inputs")
	if inputs == nil {
		return nil
	}
	if inputs.kind != jsonObject {
		return r.f.errorf(inputs, "the inputs of node %q are %v, not an object", node.Key, inputs.kind)
	}
	names := append([]string(nil), inputs.keys...)
	sort.Strings(names)
	for i, name := range names {
		if i > 0 && names[i-1] == name {
			continue
		}
		v := inputs.get(name)
		edge := Edge{Name: name, Pos: r.f.pos(v)}
		switch v.kind {
		case jsonString:
			if edge.Node = r.seen[v.text]; edge.Node == r.root {
				return r.f.errorf(v, "the input %q of node %q is the root node, which Nix refuses: \"lock file contains cycle to root node\"", name, node.Key)
			}
			if edge.Node == nil {
				n, err := r.node(v)
				if err != nil {
					return err
				}
				edge.Node = n
			}
		case jsonArray:
			edge.Follows = []string{}
			for i := range v.list {
				if v.list[i].kind != jsonString {
					return r.f.errorf(&v.list[i], "the follows path of input %q of node %q holds %v, not a name", name, node.Key, v.list[i].kind)
				}
				edge.Follows = append(edge.Follows, v.list[i].text)
			}
			r.follows = append(r.follows, follow{node, len(node.Inputs)})
		default:
			return r.f.errorf(v, "the input %q of node %q is %v, neither a node's name nor a follows path", name, node.Key, v.kind)
		}
		node.Inputs = append(node.Inputs, edge)
	}
	return nil
}

// node reads the node that an input names.
func (r *lockReader) node(name *jsonValue) (*Node, error) {
	src := r.nodes[name.text]
	if src == nil {
		return nil, r.f.errorf(name, "the lock file references the missing node %q", name.text)
	}
	if src.kind != jsonObject {
		return nil, r.f.errorf(src, "node %q is %v, not an object", name.text, src.kind)
	}
	n := &Node{Key: name.text, IsFlake: true, Pos: r.f.pos(src)}
	locked, original := src.get("locked"), src.get("original")
	for word, v := range map[string]*jsonValue{"locked": locked, "original": original} {
		if v == nil || v.kind != jsonObject {
			return nil, r.f.errorf(src, "node %q has no attribute '%s'", n.Key, word)
		}
	}
	var err error
	// Version 5 kept narHash and the like in "info".
	if n.Locked, err = refFromJSON(r.f, locked, src.get("info")); err != nil {
		return nil, err
	}
	if n.Original, err = refFromJSON(r.f, original, nil); err != nil {
		return nil, err
	}
	if flake := src.get("flake"); flake != nil {
		if flake.kind != jsonBool {
			return nil, r.f.errorf(flake, "'flake' of node %q is %v, not a Boolean", n.Key, flake.kind)
		}
		n.IsFlake = flake.text == "true"
	}
	if parent := src.get("parent"); parent != nil {
		if parent.kind != jsonArray {
			return nil, r.f.errorf(parent, "'parent' of node %q is %v, not a path of names", n.Key, parent.kind)
		}
		n.parent = []string{}
		for i := range parent.list {
			n.parent = append(n.parent, parent.list[i].text)
		}
		r.children = append(r.children, n)
	}
	r.seen[n.Key] = n
	r.todo = append(r.todo, pending{n, src})
	return n, nil
}

// resolve finds the node of every follows path.
func (r *lockReader) resolve() error {
	for _, f := range r.follows {
		if _, err := r.target(&f.node.Inputs[f.edge], nil); err != nil {
			return err
		}
	}
	for _, n := range r.children {
		// A path to nowhere is found by Nix only when it fetches the input.
		at := Edge{Name: n.Key, Follows: n.parent, Pos: n.Pos}
		parent, err := r.target(&at, nil)
		if err != nil {
			return err
		}
		n.Parent = parent
	}
	return nil
}

// target resolves one edge; path are the follows that led to it.
func (r *lockReader) target(e *Edge, path []*Edge) (*Node, error) {
	if e.Node != nil {
		return e.Node, nil
	}
	for i, p := range path {
		if p == e {
			return nil, &FormatError{e.Pos, "these follows go in a circle: " + cycle(path[i:])}
		}
	}
	path = append(path, e)
	node := r.root
	for i, name := range e.Follows {
		at := sort.Search(len(node.Inputs), func(k int) bool { return node.Inputs[k].Name >= name })
		if at == len(node.Inputs) || node.Inputs[at].Name != name {
			return nil, &FormatError{e.Pos, fmt.Sprintf("input %q follows %q, and there is no input %q", e.Name,
				strings.Join(e.Follows, "/"), strings.Join(e.Follows[:i+1], "/"))}
		}
		next, err := r.target(&node.Inputs[at], path)
		if err != nil {
			return nil, err
		}
		node = next
	}
	e.Node = node
	return node, nil
}

func cycle(path []*Edge) string {
	var b strings.Builder
	for _, e := range append(path, path[0]) {
		if b.Len() > 0 {
			b.WriteString(" -> ")
		}
		b.WriteString(strings.Join(e.Follows, "/"))
	}
	return b.String()
}

// Inputs returns every distinct node that can be reached from the root, the
// nearest first; nodes of the same distance in the order of their names.
func (l *Lock) Inputs() []LockedInput {
	var out []LockedInput
	seen := map[*Node]bool{l.Root: true}
	type place struct {
		prefix string
		node   *Node
	}
	queue := []place{{"", l.Root}}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, e := range at.node.Inputs {
			if seen[e.Node] || e.Follows != nil {
				continue // what is followed is reached directly, too
			}
			seen[e.Node] = true
			name := at.prefix + e.Name
			in := LockedInput{Name: name, Node: e.Node, Ref: e.Node.Locked.String(), IsFlake: e.Node.IsFlake}
			l.place(&in)
			out = append(out, in)
			queue = append(queue, place{name + "/", e.Node})
		}
	}
	return out
}

// place finds the tree that an input lies in, and where in it.
func (l *Lock) place(in *LockedInput) {
	n := in.Node
	in.Dir = n.Locked.Dir
	for steps := 0; n.Parent != nil && n != l.Root; steps++ {
		if steps > maxJSONDepth {
			return // parents in a circle lie nowhere
		}
		rel := n.Locked.Attrs["path"]
		if n.Locked.Type != "path" || rel == "" || path.IsAbs(rel) {
			break
		}
		n = n.Parent
		in.Dir = path.Join(n.Locked.Dir, rel, in.Dir)
	}
	if n == l.Root {
		in.InRoot = true
		return
	}
	in.NarHash = n.Locked.Attrs["narHash"]
	if strings.HasPrefix(in.Dir, "../") || in.Dir == ".." {
		in.NarHash = "" // outside of the tree
	}
}
