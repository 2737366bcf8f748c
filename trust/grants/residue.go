package grants

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// A Residue is what goes on trusting caches after a grant is taken back, and
// what can be done about each.
type Residue struct {
	Left  []trust.Residual
	Fixes []trust.Fix
}

// A StoreLook is which of a lock's paths the store has. The zero StoreLook was
// not looked at.
type StoreLook struct {
	Known   bool
	Dir     string // "/nix/store"
	Present []lock.StorePath
}

// Remains lists what still trusts the caches of a grant once it is gone: lists
// of the configuration, saved answers, other grants, and what was fetched. What
// could not be looked at is in the list too: a revoke is never called complete.
func Remains(g Grant, r *trust.Report, scopes []Scope, store StoreLook) Residue {
	out := &residue{grant: g}
	var items []string
	for _, c := range g.Caches {
		items = append(items, c.URL)
		items = append(items, c.Keys...)
	}
	if r == nil {
		out.leave("", nixconf.Pos{}, "The configuration and the saved answers were not looked at, so they may trust the same caches.")
	} else {
		out.left = r.StillTrusts(items)
		out.fix(r, items)
	}
	out.grants(scopes)
	out.store(store)
	return Residue{out.left, out.fixes}
}

type residue struct {
	grant Grant
	left  []trust.Residual
	fixes []trust.Fix
}

func (o *residue) leave(subject string, at nixconf.Pos, format string, args ...any) {
	o.left = append(o.left, trust.Residual{Subject: subject, Where: at, Text: fmt.Sprintf(format, args...)})
}

// fix says what to do about each line of the configuration and each saved yes.
func (o *residue) fix(r *trust.Report, items []string) {
	for _, item := range items {
		for _, l := range r.Listings() {
			if trust.SameItem(l.Item.Text, item) {
				o.fixes = append(o.fixes, r.Platform.Removal(l.Item.Origin, l.Item.Text))
			}
		}
		for _, a := range r.Answers {
			if a.Yes && slices.ContainsFunc(a.Items, func(it string) bool { return trust.SameItem(it, item) }) {
				o.forget(a, item)
			}
		}
	}
}

// grants names the other flakes whose grants use one of the caches.
func (o *residue) grants(scopes []Scope) {
	for _, s := range scopes {
		if s.Err != nil || s.File == nil {
			o.leave("", nixconf.Pos{File: s.Path}, "The grants there could not be read, and may use the same caches.")
			continue
		}
		for _, g := range s.File.Grants {
			if g.Flake == o.grant.Flake && g.Lock == o.grant.Lock {
				continue
			}
			for _, c := range g.Caches {
				if slices.ContainsFunc(o.grant.Caches, func(own lock.Cache) bool { return own.URL == c.URL }) {
					o.leave(c.URL, nixconf.Pos{File: s.Path}, "The grant for %s uses it as well, for what its own lock pins.", g.Flake)
				}
			}
		}
	}
}

// forget offers the command that takes a saved answer away.
func (o *residue) forget(a trust.AnswerReport, subject string) {
	f := trust.Fix{
		Title:  fmt.Sprintf("Forget the saved yes to %s", a.Setting),
		Detail: "Nix then asks again.",
		File:   a.File, Admin: a.Root,
	}
	if word, ok := shellWord(subject); ok {
		f.Command = "nix-trust answers forget " + word
		if a.Root {
			f.Command = "sudo " + f.Command
		}
	}
	if !slices.Contains(o.fixes, f) {
		o.fixes = append(o.fixes, f)
	}
}

// shellWord quotes a text for a shell. What would end the quotes, and what a
// program would take for a flag, is not written.
func shellWord(s string) (string, bool) {
	return "'" + s + "'", s != "" && !strings.HasPrefix(s, "-") && !strings.ContainsAny(s, "'\n")
}

// store says what is in the store already.
func (o *residue) store(s StoreLook) {
	switch {
	case !s.Known:
		o.leave("", nixconf.Pos{}, "Which of the pinned paths are in the store was not looked at. What is there stays.")
	case len(s.Present) > 0:
		text := "%d of the pinned paths are in the store. They stay there, with all that was built from them, until they are collected as garbage."
		if len(s.Present) == 1 {
			text = "%d of the pinned paths is in the store. It stays there, with all that was built from it, until it is collected as garbage."
		}
		o.leave("", nixconf.Pos{}, text, len(s.Present))
		f := trust.Fix{Title: "See what keeps a path in the store", Detail: "Once nothing does, nix-collect-garbage removes it."}
		if word, ok := shellWord(strings.TrimSuffix(s.Dir, "/") + "/" + string(s.Present[0])); ok {
			f.Command = "nix-store --query --roots " + word
		}
		o.fixes = append(o.fixes, f)
	}
}
