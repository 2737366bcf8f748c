package tui

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/trust"
)

// A reading is one call of the backend, in progress or finished.
type reading struct {
	gen     int
	started time.Time
	cancel  context.CancelFunc
	slow    bool // it has taken long enough to be said
}

// snapshotMsg is what a reading ended with.
type snapshotMsg struct {
	gen    int
	report *trust.Report
	err    error
	took   time.Duration
}

// slowMsg arrives while a reading goes on, ageMsg while what is shown is out of
// date.
type (
	slowMsg struct{ gen int }
	ageMsg  struct{ gen int }
)

const (
	slowAfter = 150 * time.Millisecond
	toastFor  = 5 * time.Second
)

// jobs runs the backend, one reading at a time.
type jobs struct {
	ctx     context.Context
	backend Backend
	now     func() time.Time
	gen     int
	current *reading
}

// start begins a reading. One that goes on is given up.
func (j *jobs) start() tea.Cmd {
	j.cancel()
	j.gen++
	ctx, cancel := context.WithCancel(j.ctx)
	r := &reading{gen: j.gen, started: j.now(), cancel: cancel}
	j.current = r
	gen, backend, now, started := j.gen, j.backend, j.now, r.started
	return tea.Batch(
		func() tea.Msg {
			defer cancel()
			report, err := snapshot(ctx, backend)
			return snapshotMsg{gen: gen, report: report, err: err, took: now().Sub(started)}
		},
		tea.Tick(slowAfter, func(time.Time) tea.Msg { return slowMsg{gen} }),
	)
}

// snapshot calls the backend. A panic in it becomes an error: the terminal has
// to be restored, and what was shown stays.
func snapshot(ctx context.Context, b Backend) (report *trust.Report, err error) {
	defer func() {
		if r := recover(); r != nil {
			report, err = nil, fmt.Errorf("nix-trust has a bug: reading the machine failed with: %v", r)
		}
	}()
	if b == nil {
		return nil, fmt.Errorf("there is nothing to read from")
	}
	report, err = b.Snapshot(ctx)
	if err == nil && report == nil {
		err = fmt.Errorf("nothing was read")
	}
	return report, err
}

// cancel gives up the current reading, if there is one. Its result is dropped.
func (j *jobs) cancel() bool {
	if j.current == nil {
		return false
	}
	j.current.cancel()
	j.current = nil
	return true
}

// finish reports whether a result is the one that is waited for.
func (j *jobs) finish(gen int) bool {
	if j.current == nil || j.current.gen != gen {
		return false
	}
	j.current = nil
	return true
}

// going reports whether the reading with this number goes on.
func (j *jobs) going(gen int) bool { return j.current != nil && j.current.gen == gen }
