package explain

import (
	"github.com/nix-trust/nix-trust/trust"
)

// A Mark is how a state looks at a glance: never a colour alone.
type Mark struct {
	Glyph string
	Word  string
	Role  Role
}

// String returns the glyph, when there is one, and the word.
func (m Mark) String() string {
	if m.Glyph == "" {
		return m.Word
	}
	return m.Glyph + " " + m.Word
}

// CacheMark returns the mark of a cache's state.
func CacheMark(s trust.CacheState, g Glyphs) Mark {
	m := Mark{g.Unsure, s.String(), Unsure}
	switch s {
	case trust.StateUsable, trust.StateScoped:
		m.Glyph, m.Role = g.Good, Good
	case trust.StateAsks:
		m.Glyph, m.Role = g.Asks, Caution
	case trust.StateDenied, trust.StateIgnored, trust.StateWrongKey:
		m.Glyph, m.Role = g.Bad, Bad
	case trust.StateOff:
		m.Glyph, m.Role = g.Off, Faint
	case trust.StateNone:
		m.Glyph, m.Role = g.None, Faint
	}
	return m
}

// CacheMeans says in a sentence what a cache's state comes to.
func CacheMeans(s trust.CacheState) string {
	switch s {
	case trust.StateUsable:
		return "Nix asks this cache, and takes what a declared key signed."
	case trust.StateScoped:
		return "A grant covers it: only pinned paths come, through the gate."
	case trust.StateAsks:
		return "Nix would ask about it. Until it is answered with y, the cache is not used."
	case trust.StateDenied:
		return "A saved answer says no to it, or nix-trust denies the flake."
	case trust.StateIgnored:
		return "Your side is fine, and the daemon drops it all the same."
	case trust.StateWrongKey:
		return "Nix asks this cache, and refuses every signature of it."
	case trust.StateOff:
		return "Nix never asks this cache."
	case trust.StateNone:
		return "No cache is claimed here."
	}
	return "It cannot be determined. Take it for not trusted."
}

// SettingMark returns the mark of a setting's outcome: what the client does
// with it and, when it is applied, what the daemon does then.
func SettingMark(v trust.SettingVerdict, g Glyphs) Mark {
	m := Mark{g.Unsure, v.State.String(), Unsure}
	switch v.State {
	case trust.SettingAsks:
		m.Glyph, m.Role = g.Asks, Caution
	case trust.SettingDenied, trust.SettingRejected:
		m.Glyph, m.Role = g.Bad, Bad
	case trust.SettingInert:
		m.Glyph, m.Role = g.Off, Faint
	case trust.SettingApplied:
		switch v.Daemon {
		case trust.Honoured, trust.NotForwarded:
			m.Glyph, m.Role = g.Good, Good
		case trust.Dropped:
			m.Glyph, m.Word, m.Role = g.Bad, "dropped", Bad
		case trust.Partly:
			m.Glyph, m.Word, m.Role = g.Asks, "partly", Caution
		default:
			m.Word = "unknown"
		}
	}
	return m
}

// SettingMeans says in a sentence what a setting's outcome comes to.
func SettingMeans(v trust.SettingVerdict) string {
	switch v.State {
	case trust.SettingAsks:
		return "Nix would ask about this setting. Until it is answered with y, it is ignored."
	case trust.SettingDenied:
		return "A saved answer says no to this setting and value."
	case trust.SettingRejected:
		return "Nix refuses the flake because of it."
	case trust.SettingInert:
		return "The setting has no effect."
	case trust.SettingApplied:
		switch v.Daemon {
		case trust.Honoured:
			return "It is applied, and the daemon honours it."
		case trust.NotForwarded:
			return "It is applied by your own nix; the daemon never sees it."
		case trust.Dropped:
			return "It is applied on your side, and the daemon drops it."
		case trust.Partly:
			return "It is applied on your side, and the daemon takes a part of it."
		}
		return "It is applied on your side; what the daemon does with it cannot be determined."
	}
	return "It cannot be determined. Take it for not applied."
}

// OutcomeMark returns the mark of one step.
func OutcomeMark(o trust.Outcome, g Glyphs) Mark {
	switch o {
	case trust.Pass:
		return Mark{g.Good, "pass", Good}
	case trust.Fail:
		return Mark{g.Bad, "fail", Bad}
	}
	return Mark{g.Unsure, "unknown", Unsure}
}

// StepMark returns the mark of one step of a chain: its outcome's, except where
// the outcome is the safe state or the dangerous one whatever comes of it.
func StepMark(r trust.Reason, g Glyphs) Mark {
	switch {
	case r.Code == trust.CodeUserUntrusted && r.Outcome == trust.Fail:
		return Mark{g.None, "untrusted", Faint}
	case r.Code == trust.CodeUserTrusted && r.Outcome == trust.Pass:
		return Mark{g.Alarm, "trusted", Caution}
	}
	return OutcomeMark(r.Outcome, g)
}

// SeverityMark returns the mark of a finding.
func SeverityMark(s trust.Severity, g Glyphs) Mark {
	switch s {
	case trust.Danger:
		return Mark{g.Alarm, "danger", Danger}
	case trust.Warn:
		return Mark{g.Alarm, "warning", Caution}
	}
	return Mark{g.None, "info", Faint}
}

// TrustMark returns the mark of the user's standing with the store. To be
// untrusted is how most users are and should be; a user whom the daemon trusts
// can do what root can, and it is they who are warned.
func TrustMark(r *trust.Report, g Glyphs) Mark {
	switch {
	case r.Trust == trust.Untrusted:
		return Mark{"", "untrusted", Plain}
	case r.Trust == trust.Trusted && r.Nix.Store == trust.StoreLocal:
		return Mark{"", "own store", Plain}
	case r.Trust == trust.Trusted:
		return Mark{g.Alarm, "trusted", Caution}
	}
	return Mark{g.Unsure, "trust unknown", Unsure}
}

// TrustMeans says what the user's standing comes to.
func TrustMeans(r *trust.Report) string {
	switch {
	case r.Trust == trust.Untrusted:
		return "The daemon does not trust this user. That is the normal, safe state: of the caches that flakes ask for, only those that the administrator lists are used."
	case r.Trust == trust.Trusted && r.Nix.Store == trust.StoreLocal:
		return "Your nix opens the store itself, without a daemon: your own configuration is all that counts."
	case r.Trust == trust.Trusted:
		return "The daemon trusts this user as much as root: it takes any cache, key and setting that they accept."
	}
	return "It cannot be determined. Count on no cache that the daemon does not list."
}

// Decisive returns the index of the step that settles a chain: the first that
// fails, else the first that is unknown, else the last. It is -1 for no steps.
// That the user is not trusted is true of most users and settles nothing where
// a step about the cache or the setting itself says more.
func Decisive(chain []trust.Reason) int {
	unknown, standing := -1, -1
	for i, r := range chain {
		switch {
		case r.Outcome == trust.Fail && r.Code == trust.CodeUserUntrusted:
			standing = i
		case r.Outcome == trust.Fail:
			return i
		case r.Outcome != trust.Pass && unknown < 0:
			unknown = i
		}
	}
	switch {
	case unknown >= 0:
		return unknown
	case standing >= 0:
		return standing
	}
	return len(chain) - 1
}

// Settles is Decisive for a verdict. One that is unknown is settled by the step
// that is, and a good one by the last that is passed, whatever fails besides.
func Settles(m Mark, chain []trust.Reason) int {
	at := Decisive(chain)
	for i, r := range chain {
		switch {
		case m.Role == Unsure && r.Outcome != trust.Pass && r.Outcome != trust.Fail:
			return i
		case m.Role == Good && r.Outcome == trust.Pass:
			at = i
		}
	}
	return at
}
