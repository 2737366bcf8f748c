package trust

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// consent is what the client does with a flake's nixConfig: the verdict of each
// setting, and the configuration that results.
type consent struct {
	settings []SettingVerdict
	sure     *nixconf.Config // with what is applied for certain
	all      *nixconf.Config // with what is asked about or denied as well
	rejected *Reason         // what makes the command fail
	unsure   *Reason         // what leaves open which caches and keys are in force
}

// consent walks the settings in Nix's order and decides each as Nix does.
// Nix: src/libflake/config.cc, ConfigFile::apply. Lix: libexpr/flake/config.cc.
func (e *engine) consent(settings []flake.Setting) consent {
	c := consent{sure: e.client.Clone(), all: e.client.Clone()}
	if bad := e.client.Fatal; bad != nil {
		r := e.reason(CodeConfigFatal, Fail, "nix.conf", sentence(bad.Text))
		r.Where, r.NixSays = bad.Pos, "error: "+bad.Message
		c.rejected = &r
	}
	if c.rejected == nil && e.f.Nix.Version.LixAtLeast(lixBatch) {
		c.rejected = e.answersFirst()
	}
	var asked []func() // what is applied only when everything was looked at
	for _, s := range settings {
		v := SettingVerdict{Name: s.Name, Value: s.Value, Where: s.Pos, Items: tokens(s)}
		known, _, ok := nixconf.Lookup(s.Name)
		if ok {
			v.Risk = known.Risk
		}
		if c.rejected != nil {
			// Nix has stopped before it came to this one.
			v.State = SettingRejected
			v.Reasons = []Reason{*c.rejected}
			c.settings = append(c.settings, v)
			continue
		}
		v.State, v.Reasons = e.answer(s, c.sure)
		origin := nixconf.Origin{Layer: nixconf.LayerFlake, Pos: s.Pos, Name: s.Name, Append: strings.HasPrefix(s.Name, "extra-")}
		switch v.State {
		case SettingApplied:
			bad := c.sure.Apply(origin, s.Name, s.Value)
			if bad != nil && bad.Severity == nixconf.SeverityFatal {
				r := e.reason(CodeBadValue, Fail, s.Name, fmt.Sprintf("The value of %s is not valid, so the command stops: %s", s.Name, bad.Message))
				r.Where, r.NixSays = s.Pos, bad.Message
				v.State, v.Reasons = SettingRejected, append(v.Reasons, r)
			}
			if bad != nil && bad.Severity == nixconf.SeverityWarning {
				r := e.reason(CodeConfigWarning, Fail, s.Name, bad.Text)
				r.Where, r.NixSays = s.Pos, "warning: "+bad.Message
				v.State, v.Reasons = SettingInert, append(v.Reasons, r)
			}
			c.all.Apply(origin, s.Name, s.Value)
			if !e.knows(s.Name) && v.State == SettingApplied && !e.f.Nix.Version.KnowsAll() {
				r := e.reason(CodeUnknownSetting, Unknown, s.Name, fmt.Sprintf("Whether this version has a setting called %s is not known here.", s.Name))
				r.Where = s.Pos
				v.State, v.Reasons = SettingUnknown, append(v.Reasons, r)
			}
			if !e.knows(s.Name) && v.State == SettingApplied {
				r := e.reason(CodeUnknownSetting, Fail, s.Name, fmt.Sprintf("This Nix has no setting called %s.", s.Name))
				r.Where = s.Pos
				v.State, v.Reasons = SettingInert, append(v.Reasons, r)
			}
		case SettingAsks, SettingDenied:
			if e.f.Nix.Version.LixAtLeast(lixBatch) {
				asked = append(asked, func() { c.all.Apply(origin, s.Name, s.Value) })
			} else {
				c.all.Apply(origin, s.Name, s.Value)
			}
		}
		if v.State == SettingUnknown && c.unsure == nil && decisive(known) {
			c.unsure = &v.Reasons[0]
		}
		if v.State == SettingRejected {
			last := v.Reasons[len(v.Reasons)-1]
			c.rejected = &last
		}
		c.settings = append(c.settings, v)
	}
	for _, apply := range asked {
		apply()
	}
	e.overwritten(&c)
	if c.rejected == nil {
		c.rejected = e.flakesGone(&c)
	}
	return c
}

// flakesGone finds a flake that turns off the feature that flakes need: Nix
// then stops after it has applied the settings. 2.8 does not look again.
func (e *engine) flakesGone(c *consent) *Reason {
	const feature = "experimental-features"
	if e.f.Platform.OS == PlatformDeterminate && !e.f.Nix.Version.Lix() {
		return nil // there flakes are no experimental feature, and cannot be turned off
	}
	if !e.f.Nix.Version.AtLeast(2, 9) || !slices.Contains(e.client.Tokens(feature), "flakes") || slices.Contains(c.sure.Tokens(feature), "flakes") {
		return nil
	}
	r := e.reason(CodeFlakesOff, Fail, feature, "The flake's own experimental-features leaves flakes out, so the command stops.")
	if val := c.sure.Get(feature); val != nil {
		r.Where = val.Origin.Pos
	}
	return &r
}

// decisive reports whether a setting decides which caches are asked and believed.
func decisive(s *nixconf.Setting) bool {
	if s == nil {
		return false
	}
	switch s.Name {
	case "substituters", "trusted-public-keys", "secret-key-files", "substitute", "accept-flake-config":
		return true
	}
	return false
}

// answer decides one setting before it is applied.
func (e *engine) answer(s flake.Setting, now *nixconf.Config) (SettingState, []Reason) {
	v := e.f.Nix.Version
	at := func(r Reason) Reason {
		if r.Where.File == "" {
			r.Where = s.Pos
		}
		return r
	}
	base := strings.TrimPrefix(s.Name, "extra-")
	if whitelisted(base, v) {
		return SettingApplied, []Reason{at(e.reason(CodeWhitelisted, Pass, s.Name, fmt.Sprintf("Nix applies %s from any flake without asking.", s.Name)))}
	}
	accept := now.Bool("accept-flake-config")
	file := e.f.Answers
	if r, off := e.acceptOff(s, now); off {
		return SettingDenied, []Reason{at(r)}
	}
	// Nix 2.8 reads the file even when it needs no answer from it.
	if !accept || !v.AtLeast(2, 9) {
		if state, r, broken := e.unreadableAnswers(s); broken {
			return state, []Reason{r}
		}
	}
	if accept {
		r := e.reason(CodeAcceptFlag, Pass, s.Name, "accept-flake-config is on, so it is applied without a question.")
		if val := now.Get("accept-flake-config"); val != nil {
			r.Where = val.Origin.Pos
			if val.Origin.Layer == nixconf.LayerFlake {
				r.Text = "The flake itself turned accept-flake-config on, and that was accepted: what sorts after it is applied without a question."
			} else {
				r.Fixes = e.caseAt(r.Where).fixes(CodeAcceptFlag)
			}
		}
		return SettingApplied, []Reason{at(r)}
	}
	if s.Opaque && len(file.Answers[s.Name]) > 0 {
		return SettingUnknown, []Reason{at(e.reason(CodeNotStatic, Unknown, s.Name,
			fmt.Sprintf("%s is a path that Nix copies into the store first; which value it looks the answer up under is not known here.", s.Value)))}
	}
	yes, saved := file.Answers.Lookup(s.Name, s.Value)
	c := e.caseOf()
	c.name, c.value = s.Name, s.Value
	switch {
	case saved && yes:
		r := e.reason(CodeSavedYes, Pass, s.Name+" = "+s.Value, fmt.Sprintf("This exact value of %s was accepted permanently.", s.Name))
		r.Where = nixconf.Pos{File: file.Path}
		return SettingApplied, []Reason{r}
	case saved:
		r := e.reason(CodeSavedNo, Fail, s.Name, fmt.Sprintf("This exact value of %s was refused permanently, so Nix ignores it and never asks again.", s.Name))
		r.Where = nixconf.Pos{File: file.Path}
		r.Fixes = c.fixes(CodeSavedNo)
		return SettingDenied, []Reason{r}
	}
	asks := at(e.reason(CodeNotAsked, Fail, s.Name, fmt.Sprintf("No answer is saved for this value of %s. On a terminal %s; elsewhere it ignores the setting.", s.Name, whoAsks(v))))
	if other, gain, loss := nearAnswer(file.Answers, s); other != "" {
		r := e.reason(CodeValueChanged, Fail, s.Name, changedText(s.Name, gain, loss))
		r.Where = nixconf.Pos{File: file.Path}
		return SettingAsks, []Reason{r, asks}
	}
	return SettingAsks, []Reason{asks}
}

// unreadableAnswers handles a file of answers that is there and of no use.
func (e *engine) unreadableAnswers(s flake.Setting) (SettingState, Reason, bool) {
	file := e.f.Answers
	if file.Err != nil {
		r := e.reason(CodeAnswersBroken, Fail, file.Path, file.Err.Text)
		r.Where = nixconf.Pos{File: file.Path, Line: file.Err.Line, Col: file.Err.Col}
		r.NixSays = "error: " + file.Err.Message
		r.Fixes = e.caseOf().fixes(CodeAnswersBroken)
		return SettingRejected, r, true
	}
	switch file.State {
	case nixconf.SourceRead, nixconf.SourceMissing:
		return 0, Reason{}, false
	}
	r := e.reason(CodeUnreadableLayer, Unknown, s.Name, "The saved answers could not be read here, so whether this one was answered is not known.")
	r.Where = nixconf.Pos{File: file.Path}
	r.Fixes = e.caseOf().fixes(CodeUnreadableLayer)
	return SettingUnknown, r, true
}

// setting finds a setting as this user's version of Nix has it, else as some
// other version has it.
func (e *engine) setting(name string) (s *nixconf.Setting, extra, ok bool) {
	s, extra, ok = nixconf.Lookup(name)
	if ok {
		if val := e.client.Get(s.Name); val != nil {
			s = val.Setting
		}
	}
	return s, extra, ok
}

// knows reports whether this user's version of Nix has the setting.
func (e *engine) knows(name string) bool {
	s, extra, ok := nixconf.Lookup(name)
	if !ok {
		return false
	}
	val := e.client.Get(s.Name)
	return val != nil && (!extra || val.Setting.Appendable)
}

// overwritten finds the settings of the flake that a later one discarded.
func (e *engine) overwritten(c *consent) {
	for i := range c.settings {
		v := &c.settings[i]
		var cfg *nixconf.Config
		switch v.State {
		case SettingApplied:
			cfg = c.sure
		case SettingAsks:
			cfg = c.all
		default:
			continue
		}
		known, _, ok := nixconf.Lookup(v.Name)
		if !ok {
			continue
		}
		val := cfg.Get(known.Name)
		if val == nil {
			continue
		}
		for _, a := range val.History {
			by := a.OverriddenBy
			if a.Origin.Layer != nixconf.LayerFlake || a.Origin.Name != v.Name || by == nil || by.Layer != nixconf.LayerFlake || c.denied(by.Name) {
				continue
			}
			r := e.reason(CodeExtraOverwritten, Fail, v.Name, fmt.Sprintf("%s at %s is applied after it and replaces the whole list.", by.Name, place(by.Pos)))
			r.Where = by.Pos
			v.Reasons = append(v.Reasons, r)
			if v.State == SettingApplied {
				v.State = SettingInert
			}
		}
	}
}

// denied reports whether a saved no keeps the setting from being applied.
func (c *consent) denied(name string) bool {
	return slices.ContainsFunc(c.settings, func(v SettingVerdict) bool { return v.Name == name && v.State == SettingDenied })
}

// nearAnswer finds a saved yes for the same setting whose items overlap with
// what is asked now: the user remembers having accepted it.
func nearAnswer(a Answers, s flake.Setting) (value string, gain, loss []string) {
	want := tokens(s)
	for _, old := range a.Values(s.Name) {
		if !a[s.Name][old] {
			continue
		}
		had := fields(old)
		if !slices.ContainsFunc(want, func(w string) bool { return slices.Contains(had, w) }) {
			continue
		}
		for _, w := range want {
			if !slices.Contains(had, w) {
				gain = append(gain, w)
			}
		}
		for _, h := range had {
			if !slices.Contains(want, h) {
				loss = append(loss, h)
			}
		}
		return old, gain, loss
	}
	return "", nil, nil
}

func changedText(name string, gain, loss []string) string {
	came := safetext.RedactValue(name, strings.Join(gain, " "))
	went := safetext.RedactValue(name, strings.Join(loss, " "))
	switch {
	case len(gain) > 0 && len(loss) > 0:
		return fmt.Sprintf("A yes is saved for another value of it: since then %s came in and %s went out.", came, went)
	case len(gain) > 0:
		return fmt.Sprintf("A yes is saved for a value without %s.", came)
	case len(loss) > 0:
		return fmt.Sprintf("A yes is saved for a value that also had %s.", went)
	}
	return "A yes is saved for the same items in another order or spacing, and the answer counts for the exact text only."
}

// fields splits a value as Nix splits lists.
func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' })
}

// tokens are the items of a setting's value, nil for one that is no list.
func tokens(s flake.Setting) []string {
	known, _, ok := nixconf.Lookup(s.Name)
	if ok {
		switch known.Type {
		case nixconf.TypeList, nixconf.TypeSet, nixconf.TypeRefs, nixconf.TypeRefSet, nixconf.TypeMap:
			return fields(s.Value)
		}
		return nil
	}
	if s.Kind == flake.KindList {
		return fields(s.Value)
	}
	return nil
}
