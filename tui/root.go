package tui

import (
	"context"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/spinner"
	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// The smallest terminal that is drawn on.
const (
	minWidth  = 40
	minHeight = 10
)

// root is the only tea.Model. It owns the size, the theme, the screens, what
// lies over them, and the reading of data.
type root struct {
	opt  Options
	jobs *jobs
	spin spinner.Model
	view view
	keys []binding

	dark    bool
	w, h    int
	screens []screen
	loaded  []int // for each screen, the version of the view it has
	version int   // of the view: it changes with the report and the theme
	active  int

	caches   *caches
	locks    *locks
	grants   *grants
	journal  *journal
	store    *store
	ages     ages
	changes  changes
	popup    *text
	question *question // asked in the popup, nil for none
	input    *input
	toast    *toast
	toasts   int // how many there were: the id of the last

	err         error     // why the last reading failed
	read        time.Time // when what is shown was read
	took        time.Duration
	interrupted bool
}

func newRoot(ctx context.Context, o Options, now func() time.Time) *root {
	m := &root{
		opt:  o,
		keys: bindings(),
		jobs: &jobs{ctx: ctx, backend: o.Backend, now: now},
		dark: true,
	}
	b, _ := o.Backend.(LockBackend)
	c, _ := o.Backend.(ChangeBackend)
	g, _ := o.Backend.(GateBackend)
	in := func(name string) lane { return lane{ctx: ctx, now: now, name: name} }
	p, _ := o.Backend.(ProbeBackend)
	m.caches = newCaches(p, in("probes"), in("probing"))
	m.locks = newLocks(b, in("reading"), in("work"), &m.ages)
	m.changes = changes{backend: c, plan: in("plan"), write: in("write")}
	m.grants, m.journal = newGrants(c, g, in("grants"), in("gates"), in("fetch")), newJournal(c, in("journal"), in("entry"))
	st, _ := o.Backend.(StoreBackend)
	m.store = newStore(st, in("audit"), in("roots"), &m.ages)
	m.screens = []screen{newOverview(o.Flake), m.caches, newAnswers(), newSettings(), m.locks, m.grants, m.journal, m.store, newFindings()}
	m.loaded = make([]int, len(m.screens))
	m.view = view{theme: newTheme(true, o.ASCII), home: o.Home, now: now}
	m.spin = spinner.New(spinner.WithSpinner(m.view.theme.spinner))
	return m
}

func (m *root) screen() screen { return m.screens[m.active] }

// Init starts the first reading and asks the terminal for its background.
func (m *root) Init() tea.Cmd {
	return tea.Batch(m.jobs.start(), tea.RequestBackgroundColor)
}

// Update takes one message. It does no reading or writing itself.
func (m *root) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.take(msg)
	m.refill()
	if s, ok := m.screen().(interface{ wanted() tea.Cmd }); ok {
		cmd = tea.Batch(cmd, s.wanted())
	}
	m.layout()
	return m, cmd
}

func (m *root) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.w, m.h = msg.Width, msg.Height
	case tea.EnvMsg:
		// Some terminals say it here and do not answer the question.
		if colours := strings.Split(msg.Getenv("COLORFGBG"), ";"); len(colours) > 1 {
			back := colours[len(colours)-1]
			m.background(back != "7" && back != "15")
		}
	case tea.BackgroundColorMsg:
		m.background(msg.IsDark())
	case snapshotMsg:
		return m.snapshot(msg)
	case slowMsg:
		if m.jobs.going(msg.gen) {
			m.jobs.current.slow = true
			if !m.opt.NoMotion {
				return m.spin.Tick
			}
		}
	case spinner.TickMsg:
		if m.jobs.current != nil && m.jobs.current.slow { // else it stands still
			var cmd tea.Cmd
			m.spin, cmd = m.spin.Update(msg)
			return cmd
		}
	case ageMsg:
		if msg.gen == m.jobs.gen && m.err != nil {
			return ageTick(msg.gen)
		}
	case taskMsg:
		cmd := m.lane(msg.lane).finish(msg)
		if m.changes.leaving && m.changes.write.current == nil {
			return tea.Quit
		}
		return cmd
	case taskTick:
		return m.lane(msg.lane).tick(msg)
	case agedMsg:
		for _, s := range m.screens {
			s.board().detail.renew()
		}
		m.caches.fill()
		m.locks.fill()
		m.grants.fill()
		return ageSoon()
	case toastMsg:
		if m.toast != nil && m.toast.id == msg.id {
			m.toast = nil
		}
	case tea.KeyPressMsg:
		return m.press(msg)
	case tea.PasteMsg:
		switch {
		case m.input != nil && m.input.byHand:
			m.input.note = "it has to be typed"
		case m.input != nil:
			m.input.typed(msg.Content)
		}
	case tea.MouseWheelMsg:
		return m.wheel(msg.Mouse())
	case tea.MouseClickMsg:
		return m.click(msg.Mouse())
	}
	return nil
}

// lanes are all that tasks run in.
func (m *root) lanes() []*lane {
	return []*lane{&m.caches.probes.reading, &m.caches.probes.work, &m.locks.reading, &m.locks.work, &m.grants.reading, &m.grants.fetching, &m.journal.reading, &m.journal.opening, &m.changes.plan, &m.changes.write, m.grants.looking(), &m.store.reading, &m.store.tracing}
}

// lane returns the lane of tasks with a name.
func (m *root) lane(name string) *lane {
	lanes := m.lanes()
	return lanes[slices.IndexFunc(lanes, func(l *lane) bool { return l.name == name })]
}

// going is the task that a key started and that goes on, nil for none.
func (m *root) going() *task {
	for _, l := range []*lane{&m.changes.write, &m.changes.plan, &m.locks.work, &m.grants.fetching, &m.caches.probes.work, &m.store.reading} {
		if l.current != nil {
			return l.current
		}
	}
	return nil
}

// background changes the theme to the terminal's background.
func (m *root) background(dark bool) {
	if dark == m.dark {
		return
	}
	m.dark = dark
	m.view.theme = newTheme(dark, m.opt.ASCII)
	m.version++
}

// snapshot takes the end of a reading. A result that is no longer waited for
// is dropped; a failure leaves what is shown.
func (m *root) snapshot(msg snapshotMsg) tea.Cmd {
	if !m.jobs.finish(msg.gen) {
		return nil
	}
	m.took = msg.took
	if msg.err != nil {
		m.err = msg.err
		return ageTick(msg.gen)
	}
	first := m.view.report == nil
	m.err = nil
	m.read = m.jobs.now()
	m.view.report = msg.report
	if m.opt.Home == "" {
		m.view.home = msg.report.User.Home
	}
	m.version++
	if o := m.screens[0].(*overview); first && m.opt.Flake != "" {
		m.refill()
		if !o.found() {
			return m.say(explain.Caution, safetext.Join(safetext.Line("No flake like this was found:"), safetext.Text(m.opt.Flake)))
		}
	}
	if slices.ContainsFunc(msg.report.Caches, func(c trust.CacheReport) bool { return c.Probed.Reach != trust.NotProbed }) {
		return m.ages.keep() // ages are shown
	}
	return nil
}

// refill gives the active screen what has changed since it was last shown.
func (m *root) refill() {
	if m.view.report == nil {
		return
	}
	s := m.screen()
	if m.loaded[m.active] != m.version {
		m.loaded[m.active] = m.version
		s.board().detail.renew()
		s.load(&m.view)
	}
	s.follow()
}

func ageTick(gen int) tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return ageMsg{gen} })
}

// press hands a key to what has it: a text being typed, else a binding.
func (m *root) press(msg tea.KeyPressMsg) tea.Cmd {
	if m.w < minWidth || m.h < minHeight { // nothing is shown that a key could be meant for
		switch msg.String() {
		case "q", "esc":
			return m.quit()
		case "ctrl+c":
			return m.interrupt()
		}
		return nil
	}
	defer m.hush()
	b, ok := m.lookup(msg)
	if !ok {
		if m.input != nil && msg.Text != "" {
			m.input.typed(msg.Text)
		}
		return nil
	}
	if b.why != nil {
		if why := b.why(m); why != "" {
			return m.say(explain.Faint, safetext.Line(why))
		}
	}
	return b.do(m)
}

// layout gives every visible part its size.
func (m *root) layout() {
	if m.w < minWidth || m.h < minHeight {
		return
	}
	head, body := m.headRows(), m.bodyRows()
	b := m.screen().board()
	if brief := !b.zoom && m.w >= stackFrom; brief != m.view.brief {
		m.view.brief = brief
		b.detail.renew()
	}
	b.resize(m.w, body)
	if m.popup != nil {
		p := m.popupPlace(head, body)
		m.popup.resize(p.inner())
		if m.question != nil {
			m.question.look()
		}
	}
}

// View draws the frame.
func (m *root) View() tea.View {
	v := tea.NewView(m.frame())
	v.AltScreen = true
	v.WindowTitle = "nix-trust"
	if m.opt.Demo {
		v.WindowTitle = "nix-trust demo"
	}
	if t := m.going(); t != nil && t.slow && t.all.Load() > 0 {
		v.ProgressBar = tea.NewProgressBar(tea.ProgressBarDefault, int(100*t.done.Load()/t.all.Load()))
	}
	if !m.opt.NoMouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	return v
}
