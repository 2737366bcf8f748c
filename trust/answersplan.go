package trust

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// AnswersSource is the trusted-settings.json that a plan is about, as it is now.
type AnswersSource struct {
	Path    string
	State   FileState
	Version nixconf.Version // of the Nix that reads it; only its messages depend on it
}

// Answers reads the file as Nix does. No file has no answers.
func (s AnswersSource) Answers() (Answers, error) {
	if !s.State.Exists {
		return Answers{}, nil
	}
	a, bad := ParseAnswers(s.State.Data, s.Version)
	if bad == nil {
		return a, nil
	}
	return nil, &AnswersRefusal{Where: nixconf.Pos{File: s.Path, Line: bad.Line, Col: bad.Col}, Bad: bad}
}

// AnswersRefusal is why a file that Nix cannot read is not changed. It is never
// repaired or replaced: what its owner meant is not known.
type AnswersRefusal struct {
	Where nixconf.Pos
	Bad   *AnswersError
}

func (r *AnswersRefusal) Error() string {
	at := place(r.Where)
	if r.Where.Col > 0 {
		at += fmt.Sprintf(":%d", r.Where.Col)
	}
	return at + ": " + r.Bad.Text + " nix-trust leaves it as it is."
}

// PlanAnswers is the plan that makes the edits, and nothing else. Every other
// answer stays, of settings and values that nobody knows too. The plan is empty
// when all of it is so already.
func PlanAnswers(src AnswersSource, edits []AnswerEdit) (Plan, error) {
	before, err := src.Answers()
	if err != nil {
		return Plan{}, err
	}
	for _, e := range edits {
		if why := e.forbidden(); why != "" {
			return Plan{}, fmt.Errorf("nix-trust never saves a yes to %s = %s: %s", e.Setting, safetext.RedactValue(e.Setting, e.Value), why)
		}
	}
	after, err := before.edit(edits)
	if err != nil {
		return Plan{}, err
	}
	return planAnswers(src, before, after)
}

// planAnswers is the plan from one set of answers to another.
func planAnswers(src AnswersSource, before, after Answers) (Plan, error) {
	step := FileChange{Path: src.Path, Before: src.State, After: src.State, Form: FormAnswers}
	p := Plan{Risk: answersRisk(before, after), Changes: answerChanges(before, after, src.Version)}
	if len(p.Changes) == 0 {
		p.Summary, p.Risk = "Nothing to change", PlanNeutral
		return p, nil
	}
	text, err := after.Print()
	if err != nil {
		return Plan{}, err
	}
	step.After = FileState{Exists: true, Data: text, Mode: src.State.Mode}
	if !src.State.Exists {
		step.After.Mode, step.Parents = 0o600, true
	}
	p.Summary = fmt.Sprintf("Change %d saved answers", len(p.Changes))
	if len(p.Changes) == 1 {
		p.Summary = "Change one saved answer"
	}
	if as, err := before.Print(); err == nil && src.State.Exists && string(as) != string(src.State.Data) {
		p.Notes = append(p.Notes, "The file is written as Nix writes it, on one line and sorted. What Nix does not read in it is not kept: blanks, and an entry that a later one of the same name replaces.")
	}
	if !src.State.Exists {
		p.Notes = append(p.Notes, "The file is new. It, and any folder that is made for it, are for you alone.")
	}
	p.Notes = append(p.Notes, suspectNotes(before, after)...)
	p.Notes = append(p.Notes, "An answer belongs to no flake: it counts for every one that asks for the same setting and value.")
	p.Notes = append(p.Notes, "A Nix that waits at its question now writes the file as it was when the question came, over this change.")
	p.Steps = []FileChange{step}
	return p, nil
}

// AnswersChange says what a change of a trusted-settings.json does, and how much
// it lets in.
func AnswersChange(c FileChange) (changes []string, risk PlanRisk, err error) {
	before, err1 := AnswersSource{Path: c.Path, State: c.Before}.Answers()
	after, err2 := AnswersSource{Path: c.Path, State: c.After}.Answers()
	if err := errors.Join(err1, err2); err != nil {
		return nil, PlanUnknown, err
	}
	return answerChanges(before, after, nixconf.Version{}), answersRisk(before, after), nil
}

// RevertAnswers is the plan that takes one change of a file back while leaving
// alone what was answered since. It is refused where an answer that the change
// was about was changed again.
func RevertAnswers(src AnswersSource, done FileChange) (Plan, error) {
	now, err := src.Answers()
	if err != nil {
		return Plan{}, err
	}
	old, err1 := AnswersSource{Path: src.Path, State: done.Before, Version: src.Version}.Answers()
	made, err2 := AnswersSource{Path: src.Path, State: done.After, Version: src.Version}.Answers()
	if err := errors.Join(err1, err2); err != nil {
		return Plan{}, err
	}
	after := now.clone()
	for _, d := range answerDiff(old, made) {
		if yes, saved := now.Lookup(d.name, d.value); saved != d.saved || yes != d.yes {
			return Plan{}, fmt.Errorf("the answer to %s = %s was changed again since, so taking the older change back would overwrite a newer decision",
				d.name, safetext.RedactValue(d.name, d.value))
		}
		do := AnswerForget
		if d.had {
			do = AnswerNo
			if d.was {
				do = AnswerYes
			}
		}
		if after, err = after.edit([]AnswerEdit{{d.name, d.value, do}}); err != nil {
			return Plan{}, err
		}
	}
	return planAnswers(src, now, after)
}

// answerDelta is one answer that differs: what it was and what it becomes.
type answerDelta struct {
	name, value string
	had, was    bool
	saved, yes  bool
}

// answerDiff lists the answers that differ, by name and value.
func answerDiff(before, after Answers) []answerDelta {
	var out []answerDelta
	add := func(name, value string) {
		d := answerDelta{name: name, value: value}
		d.was, d.had = before.Lookup(name, value)
		d.yes, d.saved = after.Lookup(name, value)
		if d.had != d.saved || d.was != d.yes {
			out = append(out, d)
		}
	}
	for _, name := range before.Names() {
		for _, value := range before.Values(name) {
			add(name, value)
		}
	}
	for _, name := range after.Names() {
		for _, value := range after.Values(name) {
			if _, had := before.Lookup(name, value); !had {
				add(name, value)
			}
		}
	}
	slices.SortFunc(out, func(x, y answerDelta) int {
		if c := strings.Compare(x.name, y.name); c != 0 {
			return c
		}
		return strings.Compare(x.value, y.value)
	})
	return out
}

// answersRisk is what a change of answers lets in. The worst of them counts.
func answersRisk(before, after Answers) PlanRisk {
	risk, lost := PlanNeutral, false
	for _, d := range answerDiff(before, after) {
		known, _, ok := nixconf.Lookup(d.name)
		switch {
		case d.saved && d.yes && ok && (known.Risk == nixconf.RiskCache || known.Risk == nixconf.RiskCosmetic || known.Risk == nixconf.RiskNone) && !skeleton(d.name, d.value):
			risk = max(risk, PlanWidens)
		case d.saved && d.yes:
			risk = PlanSweeping
		case d.had && d.was:
			lost = true
		}
	}
	if risk == PlanNeutral && lost {
		return PlanNarrows
	}
	return risk
}

// suspectNotes says which hosts that a change says yes to may be meant to be
// mistaken for others.
func suspectNotes(before, after Answers) []string {
	var out []string
	for _, d := range answerDiff(before, after) {
		if !d.saved || !d.yes {
			continue
		}
		for _, it := range answerItems(d.name, d.value) {
			if note := SuspectNote(it); note != "" && !slices.Contains(out, note) {
				out = append(out, note)
			}
		}
	}
	return out
}

// SuspectNote says why the host of a cache may be meant to be mistaken for
// another one, "" when nothing is known against it.
func SuspectNote(url string) string {
	why, bad := safetext.SuspectHost(url)
	if !bad {
		return ""
	}
	return "Look at " + safetext.Redact(url) + " again: " + why.Spelt() + "."
}

// answerChanges says each change in a sentence.
func answerChanges(before, after Answers, v nixconf.Version) []string {
	var out []string
	for _, d := range answerDiff(before, after) {
		what := d.name + " = " + safetext.RedactValue(d.name, d.value)
		var s string
		switch {
		case !d.saved && d.was:
			s = "Forget the yes to " + what + ": Nix asks again, and where there is no terminal it ignores the setting."
		case !d.saved:
			s = "Forget the no to " + what + ": Nix asks again."
		case d.yes:
			s = "Save a yes to " + what + ": Nix applies it without asking, for every flake."
		default:
			s = "Save a no to " + what + ": Nix ignores it without asking, for every flake."
		}
		switch {
		case d.saved && d.had && d.was:
			s += " A yes was saved."
		case d.saved && d.had:
			s += " A no was saved."
		}
		if whitelisted(strings.TrimPrefix(d.name, "extra-"), v) {
			s += " This Nix applies " + d.name + " without looking here."
		}
		out = append(out, s)
	}
	return out
}
