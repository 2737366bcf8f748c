package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// CostPaths is for how many paths the cost of a cache is told.
const CostPaths = 1000

// ProbeMark returns the mark of what a probe found.
func ProbeMark(r probe.Result, g Glyphs) Mark {
	m := Mark{g.Bad, r.Outcome.String(), Bad}
	switch {
	case r.Effect == probe.Stops:
		m.Word, m.Role = "stops Nix", Danger
	case r.Outcome == probe.Unknown:
		m.Glyph, m.Role = g.Unsure, Unsure
	case r.Outcome == probe.Reachable && r.Effect == probe.Asks:
		m.Glyph, m.Role = g.Good, Good
	case r.Outcome == probe.Reachable && r.Effect == probe.EffectUnknown:
		m.Glyph, m.Word, m.Role = g.Unsure, "answers", Unsure
	case r.Outcome == probe.Reachable:
		m.Word = "passed over"
	}
	return m
}

// ProbeLines say what was found out about a cache, at how many narinfos are asked
// for at a time. They may hold the cache's own text, and are not yet safe to show.
func ProbeLines(r probe.Result, atOnce int) (out []string) {
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
		add("a hit takes %s (the first %s, with connecting), of %d", Span(r.Hit.Typical), Span(r.Hit.First), r.Hit.Times)
	}
	switch r.Miss.Answer {
	case probe.MissUnknown:
	case probe.MissFailed:
		add("a miss fails: %s", r.Miss.Text)
	default:
		add("a miss takes %s: %s", Span(r.Miss.Typical), probedMiss(r.Miss))
	}
	if cost := probe.Cost(r.Miss.Typical, CostPaths, atOnce); cost > 0 && r.Effect == probe.Asks && (r.Miss.Answer == probe.MissAbsent || r.Miss.Answer == probe.MissRefused) {
		add("keeping it costs a build at least %s for each %d paths that neither it nor a cache before it has, %d asked at a time; once in an hour", Span(cost), CostPaths, atOnce)
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

func probedMiss(m probe.Miss) string {
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

// PathRole is the role in which what a cache has of a path is shown.
func PathRole(p probe.PathState) Role {
	switch p {
	case probe.PathSigned, probe.PathAddressed:
		return Good
	case probe.PathUnknown:
		return Unsure
	case probe.PathBadSignature, probe.PathUnlike:
		return Danger
	}
	return Bad
}

// Span is a span for a person, to three figures or a tenth of a millisecond.
func Span(d time.Duration) string {
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

// Age is how long ago something was.
func Age(d time.Duration) string {
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
