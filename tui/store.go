package tui

import (
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// store shows what vouches for each path of the machine's store: by class, by
// signer, and path by path. The store is read when the screen is first opened,
// and again when everything is.
type store struct {
	b      board
	groups *list
	paths  *list
	*view

	backend StoreBackend // nil when no store can be read here
	reading lane         // of the store
	tracing lane         // of what keeps the selected paths
	now     func() time.Time
	ages    *ages
	readOf  *trust.Report // the report that the reading belongs to
	stock   *stock        // nil until it was read
	err     error         // why it was not read the last time

	byGroup, byPath order
	shown           []group // the rows of the first list
	version         int     // of what the lists are made from
	listed          storeListing
	trace           trace
	key             string // the key to select once it is there, "NAME:BASE64"
}

// A storeListing says what the list of paths was made from.
type storeListing struct {
	group   string
	version int
	order   order
}

func newStore(b StoreBackend, reading, tracing lane, a *ages) *store {
	s := &store{backend: b, reading: reading, tracing: tracing, now: reading.now, ages: a}
	s.groups = &list{
		cols: []column{{title: "state", min: 14}, {title: "what vouches", min: 17, give: 1, keep: keepEnds}, {title: "share", min: barCells, drop: 1},
			{title: "size", min: 8, right: true}, {title: "paths", min: 5, drop: 2, right: true}, {title: "kept", min: 4, spare: true, right: true}},
	}
	s.paths = &list{cols: []column{{title: "vouched", min: 12}, {title: "path", min: 16, give: 1}, {title: "size", min: 8, right: true}, {title: "collector", min: 10, drop: 1}}}
	s.b = board{lists: []*list{s.groups, s.paths}, detail: &text{title: "Store"}, shape: listsLeft, steps: true}
	return s
}

func (s *store) name() string  { return "Store" }
func (s *store) board() *board { return &s.b }

var errNotAudited = errors.New("the audit was stopped before its end")

// wanted starts the audit when that was not done yet for what is shown, and
// looks for what keeps the selected paths.
func (s *store) wanted() tea.Cmd {
	if s.view == nil || s.backend == nil || s.report == nil {
		return nil
	}
	if s.readOf != s.report {
		s.readOf = s.report
		return s.read()
	}
	return s.follows()
}

// read audits the store.
func (s *store) read() tea.Cmd {
	b, now := s.backend, s.now
	cmd := begin(&s.reading, "auditing the store", safetext.S{}, func(ctx ctx, p progress) (*stock, error) {
		v, err := b.Store(ctx, p)
		switch {
		case err != nil:
			return nil, err
		case v == nil || v.Report == nil || v.Store == nil:
			return nil, errNothing
		}
		return stockOf(v, now()), nil
	}, func(st *stock, err error) tea.Cmd {
		if s.err = err; err == nil {
			s.stock, s.trace = st, trace{}
		}
		s.fill()
		return s.ages.keep()
	})
	s.fill()
	return cmd
}

// stop gives the audit up. What was found out before stays.
func (s *store) stop() {
	s.reading.cancel()
	s.err = errNotAudited
	s.fill()
}

func (s *store) load(v *view) {
	s.view = v
	s.fill()
}

// fill lists the groups anew.
func (s *store) fill() {
	if s.view == nil {
		return // nothing was shown yet
	}
	s.version++
	s.b.detail.renew()
	switch {
	case s.backend == nil:
		s.groups.empty = []string{"The store cannot be audited here."}
	case s.reading.current != nil || s.readOf != s.report:
		s.groups.empty = []string{"auditing the store…", "Every signature in its database is checked. Nothing is changed, and no network is touched."}
	case s.err != nil:
		s.groups.empty = []string{"The store was not audited: " + s.err.Error(), "Press r to try again. What is in the store is unknown."}
	default:
		s.groups.empty = []string{"There is nothing to show."}
	}
	s.paths.empty = []string{"There is no path to list."}
	s.list()
	s.follow()
}

// list lists the groups of the stock.
func (s *store) list() {
	s.groups.title = "By signer, " + s.byGroup.groups()
	s.paths.title = "Paths, " + s.byPath.paths()
	if s.shown = nil; s.stock == nil {
		s.groups.set(nil)
		return
	}
	s.shown = s.stock.sorted(s.byGroup)
	rows := make([]row, len(s.shown))
	for i := range s.shown {
		rows[i] = s.groupRow(&s.shown[i])
	}
	s.groups.set(rows)
	s.seek()
}

// seek selects the key that another screen asked for.
func (s *store) seek() {
	if s.key == "" {
		return
	}
	for i := range s.shown {
		if g := &s.shown[i]; g.kind == groupKey && s.stock.Keys[g.signer.Key].String() == s.key {
			s.groups.choose(i)
			s.b.focusOn(0)
		}
	}
	s.key = ""
}

// group is the selected row of the first list, nil for none.
func (s *store) group() *group {
	if i := s.groups.selected(); i >= 0 && i < len(s.shown) {
		return &s.shown[i]
	}
	return nil
}

// path is the selected row of the second list, as an index of the store's, -1
// for none.
func (s *store) path() int32 {
	if m, ok := s.paths.many.(*members); ok {
		if i := s.paths.selected(); i >= 0 {
			return m.at[i]
		}
	}
	return -1
}

// onPaths reports whether the detail is about a path.
func (s *store) onPaths() bool { return s.b.last == 1 && s.path() >= 0 }

func (s *store) follow() {
	g := s.group()
	if g == nil {
		s.listed = storeListing{}
		s.paths.set(nil)
		if s.b.last == 1 && !s.b.zoom {
			s.b.focusOn(0)
		}
		s.b.detail.show("", "Store", s.nothingText)
		return
	}
	if at := (storeListing{g.id(s.stock), s.version, s.byPath}); at != s.listed {
		if at.group != s.listed.group {
			s.paths.filter = ""
			s.paths.at, s.paths.offset = 0, 0
		}
		s.listed = at
		s.paths.setMany(s.membersOf(g))
	}
	if i := s.path(); s.onPaths() {
		s.b.detail.show("path "+s.stock.id(i), "Path", func(w int) []string { return s.pathText(i, w) })
		return
	}
	s.b.detail.show(g.id(s.stock), g.title(), func(w int) []string { return s.groupText(g, w) })
}

// nothingText stands where there is nothing to tell of.
func (s *store) nothingText(w int) []string {
	d := newDoc(s.view, w)
	if s.backend != nil {
		d.para(explain.Faint, safetext.Line("This screen says what vouches for each path of the store: a signature that verifies, this machine that built it, its own name, or nothing; and what would have to be doubted if a key were stolen."))
	}
	return d.lines
}

func (s *store) value() (what, text string) {
	g := s.group()
	switch {
	case g == nil:
		return "", ""
	case s.onPaths():
		return "store path", s.stock.pathOf(s.path())
	}
	return "command that lists its paths", g.command(s.stock)
}
