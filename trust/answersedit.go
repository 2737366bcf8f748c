package trust

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
)

// An AnswerEdit is one decision to save or to forget. The zero Do does nothing,
// and a plan with it is refused.
type AnswerEdit struct {
	Setting string // the literal name, with extra- where the flake writes it
	Value   string // the literal joined value
	Do      AnswerDo
}

// AnswerDo is what an edit does.
type AnswerDo int

const (
	AnswerNothing AnswerDo = iota
	AnswerForget           // Nix asks again
	AnswerYes              // Nix applies the value, for any flake, without asking
	AnswerNo               // Nix ignores the value, for any flake, without asking
)

// edit returns the answers after the edits, and leaves a as it is. A setting
// whose last answer is forgotten goes with it.
func (a Answers) edit(edits []AnswerEdit) (Answers, error) {
	out := a.clone()
	for _, e := range edits {
		switch e.Do {
		case AnswerForget:
			if _, saved := out.Lookup(e.Setting, e.Value); saved {
				delete(out[e.Setting], e.Value)
				if len(out[e.Setting]) == 0 {
					delete(out, e.Setting)
				}
			}
		case AnswerYes, AnswerNo:
			if out[e.Setting] == nil {
				out[e.Setting] = map[string]bool{}
			}
			out[e.Setting][e.Value] = e.Do == AnswerYes
		default:
			return nil, fmt.Errorf("the change of %q does not say what is to be done", e.Setting)
		}
	}
	return out, nil
}

// ForgetItem is the edits that forget every answer whose value contains a cache
// or a key, whatever else the value has. URLs are the same that Nix takes for
// one cache: parameters and slashes at the end do not tell them apart, nor does
// the case of scheme and host. A host alone means each of its caches. A key is
// given whole, or by its name alone.
func (a Answers) ForgetItem(item string) []AnswerEdit {
	var out []AnswerEdit
	for _, name := range a.Names() {
		for _, value := range a.Values(name) {
			if slices.ContainsFunc(answerItems(name, value), func(it string) bool { return SameItem(it, item) }) {
				out = append(out, AnswerEdit{name, value, AnswerForget})
			}
		}
	}
	return out
}

// answerItems splits a value into what its setting is a list of. A setting that
// nobody knows may be a list too, so both the value and its words count.
func answerItems(name, value string) []string {
	known, _, ok := nixconf.Lookup(name)
	if !ok {
		return append(fields(value), value)
	}
	switch known.Type {
	case nixconf.TypeList, nixconf.TypeSet, nixconf.TypeRefs, nixconf.TypeRefSet, nixconf.TypeMap:
		return fields(value)
	}
	return []string{value}
}

// SameItem reports whether an item of a list is the cache or key that is meant.
func SameItem(item, meant string) bool {
	if item == meant {
		return true
	}
	if u := parseLoose(meant); u.host != "" {
		w := parseLoose(item)
		// A folder or a port of its own is another cache.
		return w.host == u.host && w.scheme == u.scheme && w.port == u.port && w.path == u.path
	}
	if folder, ok := strings.CutPrefix(meant, "file://"); ok {
		other, ok := strings.CutPrefix(item, "file://")
		return ok && plainFolder(other) == plainFolder(folder)
	}
	if meant != "" && !strings.ContainsAny(meant, ":/") && hostOf(item) == strings.ToLower(meant) {
		return true
	}
	key, err := bincache.ParsePublicKey(item)
	if err != nil {
		return false
	}
	if !strings.Contains(meant, ":") {
		return key.Name == meant
	}
	want, err := bincache.ParsePublicKey(meant)
	return err == nil && want.String() == key.String()
}

// plainFolder is the folder of a file cache, without parameters and slashes at
// its end.
func plainFolder(s string) string {
	s, _, _ = strings.Cut(s, "?")
	return strings.TrimRight(s, "/")
}

// Decide is the edits that answer beforehand what a flake asks, setting by
// setting, the same for all of them.
func (f *FlakeReport) Decide(do AnswerDo, want func(SettingVerdict) bool) []AnswerEdit {
	var out []AnswerEdit
	for _, s := range f.Settings {
		if want(s) {
			out = append(out, AnswerEdit{s.Name, s.Value, do})
		}
	}
	return out
}

// forbidden says why a yes is never saved by nix-trust, "" where it may be. Each
// turns off what protects every other decision.
func (e AnswerEdit) forbidden() string {
	if e.Do != AnswerYes {
		return ""
	}
	known, _, _ := nixconf.Lookup(e.Setting)
	name := strings.TrimPrefix(e.Setting, "extra-")
	if known != nil {
		name = known.Name
	}
	switch {
	case name == "accept-flake-config" && !isFalse(e.Value):
		return "it would be a yes to everything that any flake asks which asks for this"
	case name == "require-sigs" && isFalse(e.Value):
		return "it would turn the check of signatures off"
	case name == "trusted-users":
		return "whoever is in trusted-users is as good as root"
	}
	stores := known != nil && (known.Type == nixconf.TypeRefs || known.Type == nixconf.TypeRefSet || name == "store")
	for _, it := range answerItems(e.Setting, e.Value) {
		switch {
		// Not every store has a scheme: local?root=/x and /x are some.
		case !stores && !strings.Contains(it, "://"):
		case trustedParam(it):
			return "trusted in a cache's URL turns the check of its signatures off"
		case name == "store" && uncheckedStore(it):
			return "require-sigs in a store's URL turns the check of all signatures off"
		}
	}
	return ""
}

// uncheckedStore reports whether a store's URL lets anything be put into it
// without a signature. Nix: src/libstore/local-store.hh, LocalStoreConfig.
func uncheckedStore(url string) bool {
	for _, refs := range []bool{false, true} {
		if v, set := (urlRule{refs}).param(url, "require-sigs"); set && isFalse(v) {
			return true
		}
	}
	return false
}

// isFalse reports whether Nix reads a boolean as false.
func isFalse(value string) bool { return value == "false" || value == "no" || value == "0" }
