package grants

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
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
// of the configuration, saved answers, other grants, what Nix remembers and
// what is in the store. What could not be looked at is in the list too: a
// revoke is never called complete.
func Remains(g Grant, r *trust.Report, scopes []Scope, store StoreLook) Residue {
	out := &residue{grant: g}
	if r == nil {
		out.leave("", nixconf.Pos{}, "The configuration and the saved answers were not looked at, so they may trust the same caches.")
	} else {
		out.lists(r)
		out.answers(r)
		out.unseen(r)
	}
	out.grants(scopes)
	out.remembered(r)
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

// url finds the grant's cache that a store URL names.
func (o *residue) url(text string) (string, bool) {
	text, _, _ = strings.Cut(text, "?")
	canonical, err := lock.CanonicalURL(text)
	if err != nil {
		return "", false
	}
	i := slices.IndexFunc(o.grant.Caches, func(c lock.Cache) bool { return c.URL == canonical })
	return canonical, i >= 0
}

// key finds the grant's key that a text spells, whatever its padding.
func (o *residue) key(text string) (string, bool) {
	k, err := bincache.ParsePublicKey(text)
	if err != nil {
		return "", false
	}
	for _, c := range o.grant.Caches {
		if slices.Contains(c.Keys, k.String()) {
			return k.String(), true
		}
	}
	return "", false
}

// means are the settings that trust a cache or a key, with what that means.
var means = []struct{ setting, text string }{
	{"substituters", "is asked for every path of every build, whatever the flake"},
	{"trusted-substituters", "may be used by every user of the machine, for any flake"},
	{"trusted-public-keys", "is believed for every path, from whichever cache"},
}

// lists goes through the lists of the configuration, as the user's nix and as
// the daemon resolve them.
func (o *residue) lists(r *trust.Report) {
	if r.Client == nil {
		o.leave("", nixconf.Pos{}, "The configuration could not be read, so it may list the same caches and keys.")
		return
	}
	type told struct {
		setting, text string
		at            nixconf.Pos
	}
	seen := map[told]bool{}
	look := func(setting, meaning string, v *nixconf.Value) {
		if v == nil {
			return
		}
		for _, it := range v.Items {
			subject, ok := o.url(it.Text)
			if setting == "trusted-public-keys" {
				subject, ok = o.key(it.Text)
			}
			t := told{setting, it.Text, it.Origin.Pos}
			if !ok || seen[t] {
				continue
			}
			seen[t] = true
			o.leave(subject, it.Origin.Pos, "%s is in %s: it %s.", short(it.Text), setting, meaning)
			o.fixes = append(o.fixes, r.Platform.Removal(it.Origin, it.Text))
		}
	}
	for _, m := range means {
		look(m.setting, m.text, r.Client.Get(m.setting))
		for _, s := range r.Settings {
			if s.Value != nil && s.Value.Setting.Name == m.setting {
				look(m.setting, m.text, s.Daemon)
			}
		}
	}
}

// answers goes through the saved answers, the user's own and root's.
func (o *residue) answers(r *trust.Report) {
	for _, a := range r.Answers {
		if !a.Yes {
			continue
		}
		who := "You have"
		if a.Root {
			who = "Root has"
		}
		if a.Skeleton {
			o.leave(a.Setting, nixconf.Pos{File: a.File}, "%s saved a yes that accepts whatever any flake asks for, these caches too.", who)
			continue
		}
		known, _, ok := nixconf.Lookup(a.Setting)
		if !ok {
			continue
		}
		for _, item := range a.Items {
			var subject string
			var is bool
			switch known.Name {
			case "substituters", "trusted-substituters":
				subject, is = o.url(item)
			case "trusted-public-keys":
				subject, is = o.key(item)
			}
			if !is {
				continue
			}
			o.leave(subject, nixconf.Pos{File: a.File}, "%s saved a yes to %s that has it: it counts for every flake that asks for this value.", who, a.Setting)
			o.forget(a, subject)
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

// unseen says what could not be looked at.
func (o *residue) unseen(r *trust.Report) {
	for _, f := range r.AnswerFiles {
		if f.Err != nil || f.State != nixconf.SourceRead && f.State != nixconf.SourceMissing {
			o.leave("", nixconf.Pos{File: f.Path}, "The saved answers there could not be read, and may accept the same caches.")
		}
	}
	if r.Doubt != nil {
		o.leave("", r.Doubt.Where, "The running daemon's lists may be others than those that can be read: %s", r.Doubt.Text)
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
				if _, same := o.url(c.URL); same {
					o.leave(c.URL, nixconf.Pos{File: s.Path}, "The grant for %s uses it as well, for what its own lock pins.", g.Flake)
				}
			}
		}
	}
}

// remembered says what Nix itself keeps of the answers of caches.
// Nix: src/libstore/nar-info-disk-cache.cc.
func (o *residue) remembered(r *trust.Report) {
	ttl := "30 days"
	if r != nil {
		if v := r.Client.Get("narinfo-cache-positive-ttl"); v != nil && v.Text != "2592000" {
			ttl = v.Text + " seconds"
		}
	}
	o.leave("", nixconf.Pos{}, "Nix remembers for %s that a cache had a path, in the user's and in the daemon's narinfo cache. It lets nothing in by itself: for the contents the cache is asked again.", ttl)
}

// store says what is in the store already.
func (o *residue) store(s StoreLook) {
	switch {
	case !s.Known:
		o.leave("", nixconf.Pos{}, "Which of the pinned paths are in the store was not looked at. What is there stays.")
	case len(s.Present) > 0:
		o.leave("", nixconf.Pos{}, "%d of the pinned paths are in the store. They stay there, with all that was built from them, until they are collected as garbage.", len(s.Present))
		f := trust.Fix{Title: "See what keeps a path in the store", Detail: "Once nothing does, nix-collect-garbage removes it."}
		if word, ok := shellWord(strings.TrimSuffix(s.Dir, "/") + "/" + string(s.Present[0])); ok {
			f.Command = "nix-store --query --roots " + word
		}
		o.fixes = append(o.fixes, f)
	}
}

// short is a key without its bytes, and any other text as it is.
func short(text string) string {
	if name, _, isKey := strings.Cut(text, ":"); isKey && !strings.Contains(text, "://") {
		return "The key " + name
	}
	return text
}
