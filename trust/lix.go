package trust

import (
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
)

// Lix's own rules, each from the release on that has it. Nothing of Lix was run
// for this: they are read from its source, as of its releases 2.90.0 to 2.95.3.
const (
	// From 2.91 accept-flake-config is true, false or ask, ask by default.
	lixAsk = 91
	// From 2.95 Lix reads the saved answers before all else, asks about all that
	// is open at once, saves nothing but a yes, and looks at the supplementary
	// groups of who connects.
	lixBatch = 95
)

// acceptOff is the refusal of every setting by accept-flake-config = false, which
// in Lix comes before the saved answers, and whether there is one.
// Lix: libexpr/flake/config.cc, ConfigFile::apply.
func (e *engine) acceptOff(s flake.Setting, now *nixconf.Config) (Reason, bool) {
	if !e.f.Nix.Version.LixAtLeast(lixAsk) {
		return Reason{}, false
	}
	val := now.Get("accept-flake-config")
	if val == nil || val.Text != "false" {
		return Reason{}, false
	}
	r := e.reason(CodeAcceptOff, Fail, s.Name, "accept-flake-config is false, so Lix ignores the setting, asks nothing and looks at no saved answer.")
	r.Where = val.Origin.Pos
	r.Fixes = e.caseAt(r.Where).fixes(CodeAcceptOff)
	return r, true
}

// answersFirst is why no command works on any flake, when Lix cannot read the
// saved answers: it reads them even where nothing has to be looked up.
func (e *engine) answersFirst() *Reason {
	if e.f.Answers.Err == nil {
		return nil
	}
	_, r, _ := e.unreadableAnswers(flake.Setting{})
	return &r
}

// whoAsks says in a clause how the question is asked.
func whoAsks(v nixconf.Version) string {
	if v.LixAtLeast(lixBatch) {
		return "Lix asks about all that is open at once"
	}
	return "Nix asks"
}
