package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// probed is what is shown of a run, or of what was kept.
type probed struct {
	results    []probe.Result
	pathsAsked bool
	kept       bool // they are from earlier runs
	atOnce     int
	now        time.Time
}

// costPaths is for how many paths a cost is told.
const costPaths = 1000

func (a *app) showProbes(p probed) error {
	code := p.code()
	if a.json {
		if err := a.writeJSON(p.json()); err != nil {
			return err
		}
		return silent(code)
	}
	s := a.style()
	asked, rest := probe.Order(p.results)
	for i, r := range p.results {
		if i > 0 {
			a.print("")
		}
		head := paint(s, probeRole(r), r.Outcome.String()) + "  " + paint(s, explain.Strong, safetext.URL(r.URL).String())
		if p.kept {
			head += paint(s, explain.Faint, "  "+age(p.now.Sub(r.At)))
		}
		a.print(head)
		for _, l := range probeLines(r, p.atOnce) {
			a.printProbeLine(l, s)
		}
		if !p.kept {
			a.printProbedPaths(r, p.pathsAsked, s)
		}
	}
	a.printOrder(p, asked, rest, s)
	return silent(code)
}

// code sums results up as an exit code.
func (p probed) code() int {
	code := exitOK
	for _, r := range p.results {
		for _, path := range r.Paths {
			if path.State == probe.PathBadSignature {
				return exitBad
			}
		}
		switch {
		case r.Outcome == probe.Unknown || r.Effect == probe.EffectUnknown:
			if code == exitOK {
				code = exitUnknown
			}
		case r.Outcome != probe.Reachable || r.Effect != probe.Asks || r.Miss.Answer == probe.MissOdd || r.Miss.Answer == probe.MissFailed:
			code = exitFindings
		}
	}
	return code
}

func probeRole(r probe.Result) explain.Role {
	switch {
	case r.Effect == probe.Stops:
		return explain.Danger
	case r.Outcome == probe.Unknown:
		return explain.Unsure
	case r.Outcome == probe.Reachable && r.Effect == probe.Asks:
		return explain.Good
	}
	return explain.Bad
}

// printProbeLine writes one line of at most the style's width.
func (a *app) printProbeLine(text string, s explain.Style) {
	lines := []string{safetext.Text(text).String()}
	if s.Width > 20 {
		lines = explain.Wrap(safetext.Text(text), s.Width-4)
	}
	for _, l := range lines {
		a.print("    " + l)
	}
}

// probeLines say what was found out about a cache. They may hold its own text.
func probeLines(r probe.Result, atOnce int) (out []string) {
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	add("%s", safetext.Redact(r.Text))
	switch r.Effect {
	case probe.Skips:
		add("Nix goes on without it, with a warning.")
	case probe.Stops:
		add("Nix fails because of it, whatever is to be built.")
	case probe.EffectUnknown:
		add("What Nix would make of it is not known.")
	}
	if r.Hit.Known() {
		add("a hit takes %s (the first %s, with connecting), of %d", milli(r.Hit.Typical), milli(r.Hit.First), r.Hit.Times)
	}
	switch r.Miss.Answer {
	case probe.MissUnknown:
	case probe.MissFailed:
		add("a miss fails: %s", r.Miss.Text)
	default:
		add("a miss takes %s: %s", milli(r.Miss.Typical), missText(r.Miss))
	}
	if cost := probe.Cost(r.Miss.Typical, costPaths, atOnce); cost > 0 && r.Effect == probe.Asks && (r.Miss.Answer == probe.MissAbsent || r.Miss.Answer == probe.MissRefused) {
		add("keeping it costs a build at least %s for each %d paths that neither it nor a cache before it has, %d asked at a time; once in an hour", milli(cost), costPaths, atOnce)
	}
	switch t := r.TLS; {
	case t != nil && t.Problem != "":
		add("its certificate is not believed: %s; it was issued by %s and ends at %s", t.Problem, t.Issuer, t.Expires.UTC().Format(time.DateOnly))
	case t != nil:
		add("%s, certificate issued by %s, until %s", t.Version, t.Issuer, t.Expires.UTC().Format(time.DateOnly))
		if t.Expiring(r.At, 14*24*time.Hour) {
			add("the certificate ends soon")
		}
	case strings.HasPrefix(r.URL, "http://"):
		add("not encrypted: who is between sees what is asked for, and can withhold it")
	}
	if r.Credentials {
		add("credentials were sent")
	}
	return out
}

func missText(m probe.Miss) string {
	text := "it says that it does not have the path"
	switch m.Answer {
	case probe.MissRefused:
		text = "it refuses"
	case probe.MissOdd:
		text = "its answer is none of a cache's"
	}
	if m.Status != 0 {
		text += fmt.Sprintf(" (%d)", m.Status)
	}
	if m.Text != "" {
		text += ". " + m.Text
	}
	return text
}

func (a *app) printProbedPaths(r probe.Result, asked bool, s explain.Style) {
	if !asked {
		if r.Outcome == probe.Reachable {
			a.printProbeLine("whether its key signs what it has was not looked at; --path PATH asks it for a path", s)
		}
		return
	}
	for _, p := range r.Paths {
		a.print("    " + paint(s, pathRole(p.State), p.State.String()) + "  " + safetext.Line(string(p.Path)).String())
		if p.Text != "" {
			a.printProbeLine("  "+safetext.Redact(p.Text), s)
		}
	}
}

func pathRole(p probe.PathState) explain.Role {
	switch p {
	case probe.PathSigned, probe.PathAddressed:
		return explain.Good
	case probe.PathUnknown:
		return explain.Unsure
	case probe.PathBadSignature:
		return explain.Danger
	}
	return explain.Bad
}

// printOrder says in which order Nix asks.
func (a *app) printOrder(p probed, asked, rest []int, s explain.Style) {
	if len(p.results) < 2 {
		if len(asked) == 1 {
			a.printProbeLine(fmt.Sprintf("its priority is %d: caches with a lower one are asked before it", p.results[asked[0]].Priority), s)
		}
		return
	}
	a.print("", paint(s, explain.Strong, "Nix asks in this order, the lowest priority first"))
	for i, at := range asked {
		a.print(fmt.Sprintf("  %2d. %s  (priority %d)", i+1, safetext.URL(p.results[at].URL), p.results[at].Priority))
	}
	if len(asked) == 0 {
		a.print("  none")
	}
	for _, at := range rest {
		a.print("   ?  " + safetext.URL(p.results[at].URL).String() + "  (its place is not known)")
	}
	for _, r := range p.results {
		if r.Effect == probe.Stops {
			a.print(paint(s, explain.Danger, "Nix gets to none of them as long as "+safetext.URL(r.URL).String()+" is in substituters."))
		}
	}
	if p.kept {
		a.printProbeLine("as far as these are the caches in effect; `nix-trust probe` asks them now", s)
	}
}

// milli is a span for a person, to three figures or a tenth of a millisecond.
func milli(d time.Duration) string {
	switch {
	case d <= 0:
		return "not measured"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// age is how long ago something was.
func age(d time.Duration) string {
	switch {
	case d < -time.Minute:
		return "at a time that is still to come"
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
