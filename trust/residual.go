package trust

import (
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
)

// WithResidual adds to a plan what still trusts the caches and keys that it
// takes a saved yes away from, as the report knows them: other answers, the
// configuration, what is in the store. What could not be read is said too.
func (p Plan) WithResidual(r *Report) Plan {
	after := map[string]Answers{} // file → what it has after the plan
	var items []string
	for _, s := range p.Steps {
		if s.Form != FormAnswers {
			continue
		}
		was, err1 := AnswersSource{Path: s.Path, State: s.Before}.Answers()
		is, err2 := AnswersSource{Path: s.Path, State: s.After}.Answers()
		if err1 != nil || err2 != nil {
			continue
		}
		after[s.Path] = is
		for _, d := range answerDiff(was, is) {
			if !d.was || d.saved && d.yes {
				continue
			}
			for _, it := range answerItems(d.name, d.value) {
				if names(it) && !slices.Contains(items, it) {
					items = append(items, it)
				}
			}
		}
	}
	if len(items) == 0 {
		return p
	}
	p.Residual = r.stillTrusts(items, after)
	return p
}

// StillTrusts lists what trusts the caches and keys, each a URL or a key, as far
// as the report knows: saved answers, the configuration, what was fetched. What
// could not be read is in the list too.
func (r *Report) StillTrusts(items []string) []Residual { return r.stillTrusts(items, nil) }

// names reports whether an item is a cache or a key.
func names(item string) bool {
	if strings.Contains(item, "://") {
		return true
	}
	_, err := bincache.ParsePublicKey(item)
	return err == nil
}

// stillTrusts lists what else trusts the items. after has the answers of the
// files that a plan changes.
func (r *Report) stillTrusts(items []string, after map[string]Answers) []Residual {
	var out []Residual
	add := func(subject, text string, where nixconf.Pos) {
		e := Residual{Subject: subject, Where: where, Text: text}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	all, urls := r.Listings(), false
	for _, item := range items {
		urls = urls || strings.Contains(item, "://")
		for _, f := range r.AnswerFiles {
			a := f.Answers
			if planned, ok := after[f.Path]; ok {
				a = planned
			}
			for _, l := range a.lines() {
				if l.yes && slices.ContainsFunc(answerItems(l.name, l.value), func(it string) bool { return SameItem(it, item) }) {
					add(item, "A yes to "+l.name+" with it among others stays saved.", nixconf.Pos{File: f.Path})
				}
			}
		}
		for _, l := range all {
			if SameItem(l.Item.Text, item) {
				add(item, l.Text(), l.Item.Origin.Pos)
			}
		}
	}
	if r.Client == nil && len(items) > 0 {
		add("", "The configuration could not be read, so whether it trusts them too is unknown.", nixconf.Pos{})
	}
	for _, f := range r.AnswerFiles {
		a := f.Answers
		if planned, ok := after[f.Path]; ok {
			a = planned
		}
		for _, l := range a.lines() {
			if l.yes && skeleton(l.name, l.value) {
				add(l.name, "A yes to accept-flake-config stays saved: a flake that sets it is applied without a question.", nixconf.Pos{File: f.Path})
			}
		}
		if _, planned := after[f.Path]; !planned && f.Path != "" && (f.State == nixconf.SourceUnreadable || f.State == nixconf.SourceUnseen) {
			add(f.Path, "The answers in it could not be read, so whether they trust it too is unknown.", nixconf.Pos{File: f.Path})
		}
	}
	if r.Client != nil {
		if v := r.Client.Get("accept-flake-config"); v != nil && v.Text == "true" {
			add("accept-flake-config", "It is on, so Nix asks about nothing and looks at no saved answer.", v.Origin.Pos)
		}
	}
	if r.Doubt != nil {
		add(r.Doubt.Subject, "Whether the configuration trusts it too is not certain. "+r.Doubt.Text, r.Doubt.Where)
	}
	if urls {
		add("", "What was fetched from a cache stays in the store until it is collected, and Nix remembers for up to 30 days what the cache has.", nixconf.Pos{})
	}
	return out
}
