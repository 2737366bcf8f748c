package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"

	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// drawEvery bounds how often the progress is drawn.
const drawEvery = 100 * time.Millisecond

// A progressLine is one line on a terminal that is written over and over. Its
// methods are called by one goroutine at a time.
type progressLine struct {
	w     io.Writer
	width func() int // of the terminal, in columns; nil: nothing is drawn
	now   func() time.Time

	last  time.Time // when it was drawn
	begun time.Time // the first bytes
	stood int       // columns of what stands there
}

// progress draws nothing unless stderr is a terminal on which things may move.
func (a *app) progress() *progressLine {
	p := &progressLine{w: a.err, now: time.Now}
	if f, ok := a.err.(*os.File); ok && term.IsTerminal(f.Fd()) && !a.noMotion && !a.plain {
		p.width = func() int {
			w, _, err := term.GetSize(f.Fd())
			if err != nil || w <= 0 {
				return 80
			}
			return w
		}
	}
	return p
}

// due reports whether it is time to draw.
func (p *progressLine) due() bool { return p.width != nil && p.now().Sub(p.last) >= drawEvery }

// show draws how many of all paths are done.
func (p *progressLine) show(done, all int) {
	if p.due() {
		p.draw(float64(done)/float64(max(all, 1)), fmt.Sprintf("%d of %d paths", done, all))
	}
}

// bytes draws how many of all bytes are done, how fast, and what is left.
func (p *progressLine) bytes(done, all int64) {
	if p.begun.IsZero() {
		p.begun = p.now()
	}
	if !p.due() {
		return
	}
	parts := []string{byteText(done) + " of " + byteText(all)}
	if took := p.now().Sub(p.begun); took >= time.Second && done > 0 {
		rate := float64(done) / took.Seconds()
		parts = append(parts, byteText(int64(rate))+"/s", clockText(float64(all-done)/rate)+" left")
	}
	p.draw(float64(done)/float64(max(all, 1)), parts...)
}

// draw writes a bar and as many of the parts as fit beside it.
func (p *progressLine) draw(share float64, parts ...string) {
	room := p.width() - 1 // the last column would move some terminals on
	text := parts[0]
	for _, more := range parts[1:] {
		if len(text)+2+len(more) > room {
			break
		}
		text += ", " + more
	}
	if bar := min(room-len(text)-3, 30); bar >= 5 {
		full := min(max(int(share*float64(bar)), 0), bar)
		text = "[" + strings.Repeat("#", full) + strings.Repeat(" ", bar-full) + "] " + text
	}
	text = text[:max(min(len(text), room), 0)]
	// Where the terminal got narrower, the old line is on two and stays.
	behind := max(min(p.stood, room)-len(text), 0)
	fmt.Fprint(p.w, "\r"+text+strings.Repeat(" ", behind))
	p.last, p.stood = p.now(), len(text)
}

// clear leaves the line as it was.
func (p *progressLine) clear() {
	if p.stood > 0 {
		fmt.Fprint(p.w, "\r"+strings.Repeat(" ", max(min(p.stood, p.width()-1), 0))+"\r")
		p.stood = 0
	}
}

// byteText writes a number of bytes with three digits.
func byteText(n int64) string { return explain.Size(n) }

// clockText writes seconds as 0:07 or 1:02:03.
func clockText(seconds float64) string {
	if !(seconds < 100*3600) {
		return "days"
	}
	s := int(max(seconds, 0) + 0.5)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// say writes a text where a bar would stand, until clear.
func (p *progressLine) say(text string) {
	if p.width != nil {
		text = ansi.Truncate(safetext.Line(text).String(), max(p.width()-1, 0), "…")
		fmt.Fprint(p.w, "\r"+text)
		p.stood = ansi.StringWidth(text)
	}
}
