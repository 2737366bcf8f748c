package tui

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A task is one call of the backend that a key started, in progress.
type task struct {
	gen     int
	label   string     // what is done: "verifying"
	about   safetext.S // and to what
	started time.Time
	cancel  context.CancelFunc
	slow    bool // it has taken long enough to be said
	firm    bool // nothing stops it
	// done of all is how far it is; all is 0 while that is not known. The
	// task's goroutine writes them.
	done, all atomic.Int64
	run       func() tea.Msg
}

// A lane runs tasks, one at a time.
type lane struct {
	ctx     context.Context
	now     func() time.Time
	name    string // which lane a message is for
	gen     int
	current *task
}

// taskMsg is what a task ended with: take makes use of it, in the program's
// loop, and only when it is still waited for.
type taskMsg struct {
	lane string
	gen  int
	take func() tea.Cmd
}

// taskTick arrives while a task goes on.
type taskTick struct {
	lane string
	gen  int
}

// taskStep is how often the progress of a task is drawn.
const taskStep = 100 * time.Millisecond

// begin starts a task; one that goes on in the lane is given up. work runs
// outside the loop, and a panic in it becomes an error; take runs in the loop.
func begin[T any](l *lane, label string, about safetext.S, work func(ctx context.Context, progress func(done, all int)) (T, error), take func(T, error) tea.Cmd) tea.Cmd {
	l.cancel()
	l.gen++
	ctx, cancel := context.WithCancel(l.ctx)
	t := &task{gen: l.gen, label: label, about: about, started: l.now(), cancel: cancel}
	l.current = t
	name, gen := l.name, l.gen
	t.run = func() tea.Msg {
		defer cancel()
		v, err := guarded(label, func() (T, error) {
			return work(ctx, func(done, all int) {
				t.done.Store(int64(done))
				t.all.Store(int64(all))
			})
		})
		return taskMsg{name, gen, func() tea.Cmd { return take(v, err) }}
	}
	return tea.Batch(t.run, tea.Tick(slowAfter, func(time.Time) tea.Msg { return taskTick{name, gen} }))
}

// guarded makes an error of a panic: the terminal has to be restored, and what
// was shown stays.
func guarded[T any](label string, f func() (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			var none T
			v, err = none, fmt.Errorf("nix-trust has a bug: %s failed with: %v", label, r)
		}
	}()
	return f()
}

// cancel gives up the task, if there is one. Its result is dropped.
func (l *lane) cancel() {
	if l.current != nil {
		l.current.cancel()
		l.current = nil
	}
}

// finish takes a task's result, unless nobody waits for it any more.
func (l *lane) finish(msg taskMsg) tea.Cmd {
	if l.current == nil || l.current.gen != msg.gen {
		return nil
	}
	l.current = nil
	return msg.take()
}

// tick draws the progress again after a while, as long as the task goes on.
func (l *lane) tick(msg taskTick) tea.Cmd {
	if l.current == nil || l.current.gen != msg.gen {
		return nil
	}
	l.current.slow = true
	return tea.Tick(taskStep, func(time.Time) tea.Msg { return msg })
}

// line draws how far the task is, in w cells.
func (t *task) line(w int, now time.Time, th *theme, still bool) string {
	done, all := t.done.Load(), t.all.Load()
	right := "esc stops it"
	if w < stackFrom {
		right = "esc"
	}
	if t.firm {
		right = ""
	}
	var far string
	switch {
	case all > 0:
		far = fmt.Sprintf("%d of %d", min(done, all), all)
		if w >= 72 {
			const cells = 20
			full := int(min(done, all) * cells / all)
			far = "[" + strings.Repeat(th.full, full) + strings.Repeat(th.rest, cells-full) + "] " + far
		}
	case !still:
		far = max(now.Sub(t.started), 0).Truncate(time.Second).String()
	}
	left := safetext.Join(safetext.Line(t.label), t.about)
	room := w - len(right) - safetext.Line(far).Width() - 5
	text := explain.Shorten(left, max(room, 8), th.glyphs.More)
	parts := []string{th.paint(explain.Strong, text)}
	if far != "" {
		parts = append(parts, far)
	}
	if right != "" {
		parts = append(parts, th.paint(explain.Faint, right))
	}
	return pad(" "+strings.Join(parts, "  "), w)
}
