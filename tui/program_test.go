package tui

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"go.uber.org/goleak"

	"github.com/nix-trust/nix-trust/trust"
)

// play runs the real program on pipes: it types once a text is on the screen.
func playProgram(t *testing.T, ctx context.Context, o Options, wait, keys string) (*root, string, error) {
	t.Helper()
	m := newRoot(ctx, o, time.Now)
	in, typing := io.Pipe()
	out := &screenBuffer{wait: []byte(wait), seen: make(chan struct{})}
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithWindowSize(80, 24),
		tea.WithEnvironment([]string{"TERM=xterm-256color"}))
	go func() {
		select {
		case <-out.seen:
			_, _ = io.WriteString(typing, keys)
		case <-ctx.Done():
		}
	}()
	_, err := p.Run()
	typing.Close()
	m.giveUp()
	return m, out.all.String(), err
}

// A screenBuffer keeps what a program draws and says when a text was drawn.
type screenBuffer struct {
	all  bytes.Buffer
	wait []byte
	seen chan struct{}
	done bool
}

func (b *screenBuffer) Write(p []byte) (int, error) {
	n, err := b.all.Write(p)
	if !b.done && bytes.Contains(b.all.Bytes(), b.wait) {
		b.done = true
		close(b.seen)
	}
	return n, err
}

func TestProgramDrawsQuitsAndLeavesNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	m, screen, err := playProgram(t, ctx, Options{Backend: &backend{report: fixture()}, Home: home}, "hypr-config", "q")
	if err != nil || m.interrupted {
		t.Errorf("q: interrupted %v, error %v", m.interrupted, err)
	}
	for _, want := range []string{"\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"} { // the screen is taken and given back
		if !bytes.Contains([]byte(screen), []byte(want)) {
			t.Errorf("%q was not sent", want)
		}
	}
	// The ticks of the first reading end by themselves.
	time.Sleep(slowAfter + 50*time.Millisecond)
}

// blocked is a backend that answers when its context ends, and no sooner.
type blocked struct{ ended chan struct{} }

func (b blocked) Snapshot(ctx context.Context) (*trust.Report, error) {
	<-ctx.Done()
	close(b.ended)
	return nil, ctx.Err()
}

func TestQuitStopsAReadingThatNeverEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	b := blocked{ended: make(chan struct{})}
	m, _, err := playProgram(t, ctx, Options{Backend: b}, "reading", "\x03")
	if err != nil || !m.interrupted {
		t.Errorf("ctrl+c: interrupted %v, error %v", m.interrupted, err)
	}
	select {
	case <-b.ended:
	case <-time.After(5 * time.Second):
		t.Error("the reading goes on after the program ended")
	}
}

func BenchmarkFirstFrame(b *testing.B) {
	r := fixture()
	for b.Loop() {
		m := newRoot(context.Background(), Options{Backend: &backend{report: r}}, time.Now)
		m.jobs.start()
		m.Update(tea.WindowSizeMsg{Width: 120, Height: 36})
		m.Update(snapshotMsg{gen: m.jobs.gen, report: r})
		m.View()
	}
}

func BenchmarkFrame(b *testing.B) {
	r := fixture()
	m := newRoot(context.Background(), Options{Backend: &backend{report: r}}, time.Now)
	m.jobs.start()
	m.Update(tea.WindowSizeMsg{Width: 160, Height: 50})
	m.Update(snapshotMsg{gen: m.jobs.gen, report: r})
	for b.Loop() {
		m.Update(nil)
		m.View()
	}
}

func BenchmarkFirstFrameOfManyFlakes(b *testing.B) {
	r := fixture()
	for range 10_000 {
		r.Flakes = append(r.Flakes, flakeAt("some/where/deep/project", "registry user"))
	}
	for b.Loop() {
		m := newRoot(context.Background(), Options{Backend: &backend{report: r}}, time.Now)
		m.jobs.start()
		m.Update(tea.WindowSizeMsg{Width: 120, Height: 36})
		m.Update(snapshotMsg{gen: m.jobs.gen, report: r})
		m.View()
	}
}
