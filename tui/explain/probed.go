package explain

import (
	"time"

	"github.com/nix-trust/nix-trust/tui/safetext"

	"github.com/nix-trust/nix-trust/trust"
)

// staleProbe is how old a probe is when its age is said to be one that matters.
const staleProbe = 24 * time.Hour

// OldProbe reports whether a probe is so old that it says little of now.
func OldProbe(at, now time.Time) bool {
	return now.IsZero() || now.Sub(at) >= staleProbe || at.After(now.Add(time.Minute))
}

// ProbeAge is when a probe was made, and that it is old if it is.
func ProbeAge(at, now time.Time) string {
	if now.IsZero() {
		return "on " + at.UTC().Format(time.DateOnly)
	}
	text := Age(now.Sub(at))
	if OldProbe(at, now) {
		text += ", which is old"
	}
	return text
}

// Probed says how a cache answered when it was last probed and how long ago that
// was, "" when it never was: "probed 2 h ago: unreachable".
func Probed(p trust.Probed, now time.Time) string {
	if p.Reach == trust.NotProbed {
		return ""
	}
	text := "probed " + ProbeAge(p.At, now) + ": "
	switch {
	case p.Reach == trust.ReachUnknown:
		return text + "it could not be determined whether it can be reached"
	case p.Stops:
		return text + p.Reach.String() + ", and Nix fails because of what it says"
	case p.Reach == trust.Reachable && p.Asked == trust.Fail:
		return text + "reachable, and Nix goes on without it"
	case p.Reach == trust.Reachable && p.Asked != trust.Pass:
		return text + "reachable; what Nix makes of it is not known"
	}
	return text + p.Reach.String()
}

// probed adds that. It is no part of the verdict, and stands out only where a
// probe that is not old found trouble.
func (p *page) probed(at trust.Probed) {
	text := Probed(at, p.Now)
	if text == "" {
		return
	}
	role := Faint
	if !OldProbe(at.At, p.Now) && (at.Reach != trust.Reachable || at.Asked != trust.Pass) {
		role = Caution
	}
	p.text("  ", role, safetext.Line(text))
}
