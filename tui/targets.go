package tui

import (
	"slices"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// What the changing keys mean on the screens that show a report.

func (s *answers) action(k ActionKind) (Action, string) {
	if k == Orphans {
		if !slices.ContainsFunc(s.report.Answers, func(a trust.AnswerReport) bool { return a.Orphan && !a.Root }) {
			return Action{}, "No answer is an orphan: each is asked for by some flake."
		}
		return Action{Kind: Orphans}, ""
	}
	if k != AnswerYes && k != AnswerNo && k != Forget {
		return Action{}, ""
	}
	if f := s.file(); f != nil {
		return Action{}, "This file cannot be read, so nothing in it is changed. Enter says why."
	}
	a := s.answer()
	switch {
	case a == nil:
		return Action{}, "No answer is selected."
	case a.Root:
		return Action{}, "This is root's answer: it is changed as root, with sudo nix-trust answers."
	case k == AnswerYes && a.Yes:
		return Action{}, "It is a yes already."
	case k == AnswerNo && !a.Yes:
		return Action{}, "It is a no already."
	}
	return Action{Kind: k, Setting: a.Setting, Value: a.Value}, ""
}

func (s *overview) action(k ActionKind) (Action, string) {
	f := s.selectedFlake()
	if f == nil {
		return Action{}, ""
	}
	if k == Grant || k == Deny || k == Revoke {
		return onFlake(k, f.ID)
	}
	c := s.selectedClaim()
	onClaims := s.b.last == 1
	switch {
	case k != AnswerYes && k != AnswerNo && k != Forget:
		return Action{}, ""
	case f.Rejected != nil:
		return Action{}, "Nix refuses this flake, so it asks nothing."
	case f.Err != "":
		return Action{}, "This flake could not be read, so what it asks is not known."
	case onClaims && c.input != nil:
		return Action{}, "What an input asks for is never applied, so there is nothing to answer."
	case k == Forget && !onClaims:
		return Action{}, "Select a cache or a setting of it first: press enter."
	case onClaims && c.setting != nil:
		if !hasAnswer(s.report, c.setting.Name, c.setting.Value) && k == Forget {
			return Action{}, "No answer is saved for this setting and value."
		}
		return Action{Kind: k, Flake: f.ID, Setting: c.setting.Name, Value: c.setting.Value}, ""
	case onClaims && c.cache != nil && k == Forget:
		return forgetItem(s.report, c.cache.URL)
	case onClaims && c.cache != nil && !c.cache.Claimed && c.cache.Own():
		return Action{}, "This flake does not ask Nix for it: a grant names it, and that is taken back with the Grants."
	case onClaims && c.cache != nil && !c.cache.Claimed:
		return Action{}, "This flake does not ask for it: the configuration has it for every flake."
	case len(f.Settings) == 0:
		return Action{}, "This flake asks for nothing."
	}
	return Action{Kind: k, Flake: f.ID}, ""
}

func (s *caches) action(k ActionKind) (Action, string) {
	if s.onKeys() {
		if key := s.key(); key != nil && k == Forget {
			return forgetItem(s.report, key.Text)
		}
		return Action{}, ""
	}
	c := s.cache()
	if c == nil {
		return Action{}, ""
	}
	if k == Forget {
		return forgetItem(s.report, c.URL)
	}
	if k == Orphans || k == Prune || k == Undo {
		return Action{}, ""
	}
	switch len(c.Flakes) {
	case 0:
		return Action{}, "No flake asks for this cache: the configuration has it."
	case 1:
	default:
		return Action{}, "Several flakes ask for this cache: press 1 and select the one that is meant."
	}
	f := &s.report.Flakes[c.Flakes[0]]
	if k == Grant || k == Deny || k == Revoke {
		return onFlake(k, f.ID)
	}
	return Action{Kind: k, Flake: f.ID}, ""
}

func (s *locks) action(k ActionKind) (Action, string) {
	f := s.file()
	if f == nil || k != Grant && k != Deny && k != Revoke {
		return Action{}, ""
	}
	if k == Grant && f.Seen && f.Lock == nil {
		if f.Err != nil {
			return Action{}, "This lock cannot be read. Enter says why."
		}
		return Action{}, "This flake has no lock. Press Y to copy the command that makes one."
	}
	return onFlake(k, f.Flake)
}

func (s *findings) action(k ActionKind) (Action, string) {
	f := s.finding()
	if f == nil || k != Forget || f.Code != trust.CodeSkeletonKey {
		return Action{}, ""
	}
	for _, a := range s.report.Answers {
		if a.Skeleton && !a.Root && a.File == f.Where.File {
			return Action{Kind: Forget, Setting: a.Setting, Value: a.Value}, ""
		}
	}
	return Action{}, ""
}

// onFlake is what is granted or denied to a flake.
func onFlake(k ActionKind, id trust.FlakeID) (Action, string) {
	if k == Grant && id.Path == "" {
		return Action{}, "The flake is not a folder on this machine: run nix-trust grant with --lock."
	}
	return Action{Kind: k, Flake: id}, ""
}

// forgetItem forgets each answer that has a cache or key.
func forgetItem(r *trust.Report, item string) (Action, string) {
	unread := false
	for _, f := range r.AnswerFiles[:min(1, len(r.AnswerFiles))] {
		unread = unread || f.Err != nil || f.State == nixconf.SourceUnreadable
	}
	if unread {
		return Action{}, "The saved answers cannot be read: press 3 to see why."
	}
	for _, a := range r.Answers {
		if !a.Root && slices.ContainsFunc(a.Items, func(it string) bool { return trust.SameItem(it, item) }) {
			return Action{Kind: Forget, Item: item}, ""
		}
	}
	return Action{}, "No saved answer has it, so there is nothing to forget."
}

// hasAnswer reports whether an answer of the user's own is saved.
func hasAnswer(r *trust.Report, setting, value string) bool {
	return slices.ContainsFunc(r.Answers, func(a trust.AnswerReport) bool { return !a.Root && a.Setting == setting && a.Value == value })
}
