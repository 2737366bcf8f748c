package tui

import (
	"context"
	"sync"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A trace is what keeps some paths from the garbage collector. In a large store
// it takes a while to find, so it is looked for when it is to be shown.
type trace struct {
	id    string  // of what is selected, "" before the first
	paths []int32 // that it is about, the largest first
	roots []int   // indexes of the report's
	err   error
}

// A tracer looks for roots, for one at a time.
type tracer struct{ mu sync.Mutex }

// toTrace is what the selection asks for: an id, "" for nothing, and the paths.
// It is called in the program's loop, and what it returns outside.
func (s *store) toTrace() (id string, paths func() []int32) {
	st, g := s.stock, s.group()
	switch {
	case st == nil || g == nil:
		return "", nil
	case s.onPaths():
		i := s.path()
		return "path " + st.id(i), func() []int32 { return []int32{i} }
	case g.kind == groupKey:
		return g.id(st), func() []int32 { return st.aloneOf(g.signer.Key) }
	case g.kind == groupClass && !g.class.Vouched():
		return g.id(st), func() []int32 { return st.Of(g.class) }
	case g.kind == groupClaim:
		return g.id(st), func() []int32 { return g.claim.Paths }
	}
	return "", nil
}

// aloneOf are the paths that rest on a key alone, the largest first.
func (s *stock) aloneOf(key int) (out []int32) {
	for _, i := range s.order[orderSize] {
		if s.Alone(i, key) {
			out = append(out, i)
		}
	}
	return out
}

// follows looks for what keeps the selected paths, unless that is known.
func (s *store) follows() tea.Cmd {
	id, paths := s.toTrace()
	if id == s.trace.id {
		return nil
	}
	s.trace = trace{id: id}
	s.tracing.cancel()
	if id == "" {
		return nil
	}
	st := s.stock
	return begin(&s.tracing, "looking for roots", safetext.S{}, func(ctx context.Context, _ progress) (trace, error) {
		st.mu.Lock()
		defer st.mu.Unlock()
		if ctx.Err() != nil { // another one was selected meanwhile
			return trace{}, ctx.Err()
		}
		t := trace{id: id, paths: paths()}
		t.roots = st.KeptBy(t.paths)
		return t, nil
	}, func(t trace, err error) tea.Cmd {
		t.id, t.err = id, err
		s.trace = t
		s.b.detail.renew()
		return nil
	})
}

// tracedNow is what keeps the selected paths; ok is false while it is looked for.
func (s *store) tracedNow() (t trace, ok bool) {
	return s.trace, s.trace.id != "" && s.tracing.current == nil && s.trace.err == nil
}

// keptBy tells what keeps some paths, and what could not be seen.
func (s *store) keptBy(d *doc, title string) {
	t, ok := s.tracedNow()
	d.title(title)
	switch {
	case t.err != nil:
		d.para(explain.Unsure, safetext.Text("It could not be found out: "+t.err.Error()))
		return
	case !ok:
		d.para(explain.Faint, safetext.Line("looking for roots…"))
		return
	}
	for n, k := range t.roots {
		if n == s.most() {
			d.para(explain.Faint, safetext.Line("and "+itoa(len(t.roots)-n)+" more roots"))
			break
		}
		root := s.stock.Roots.List[k]
		d.para(explain.Plain, s.rootText(root))
		d.note(explain.Faint, pathText(root.Path))
	}
	switch complete := s.stock.Roots.Complete(); {
	case len(t.roots) == 0 && complete:
		d.para(explain.Plain, safetext.Line("No root keeps any of it."))
	case len(t.roots) == 0:
		d.para(explain.Unsure, safetext.Line("No root that could be seen keeps any of it."))
	case !complete:
		d.para(explain.Unsure, safetext.Line("Not every root could be seen."))
	}
}

// rootText is where a root is.
func (s *store) rootText(r audit.Root) safetext.S {
	from := s.style(0).Path(r.From)
	if r.Kind == audit.RootTemporary {
		return safetext.Join(from, safetext.Line("(for the moment)"))
	}
	return from
}

// most is how many entries of a list a detail shows.
func (s *store) most() int {
	if s.brief {
		return 8
	}
	return mostShown
}
