package trust

import (
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A Review is what one flake asks for, class by class, and what Nix does with
// it here.
type Review struct {
	Flake FlakeReport
	// Asks are all its settings, by class, the most dangerous class first.
	Asks []Ask
	// Record is what it asks for, to compare with at another time. It is of use
	// only when Known.
	Record ReviewRecord
	// Known says that what the flake asks for is known: its flake.nix was read
	// and Nix takes it. The zero Review knows nothing.
	Known bool
}

// An Ask is one setting that a flake asks for.
type Ask struct {
	SettingVerdict
	// Class is what is gained by it, RiskNone when no version of Nix has it.
	Class nixconf.Risk
	Items []AskItem      // the caches or keys in it, in order; none for others
	Saved []AnswerReport // the answers that are saved for exactly this value, the user's own first
	// Suspect says that the name or the value has characters that are not what
	// they seem.
	Suspect bool
	// Hidden says that a part of the value looks like a secret and is not shown.
	Hidden bool
	// Opaque says that the value is a file of the flake, whose content decides
	// and is not looked at.
	Opaque bool
}

// An AskItem is one cache or key that is asked for.
type AskItem struct {
	Text    string
	Where   nixconf.Pos
	Suspect safetext.S // why the host is not what it seems, empty when nothing is known against it
	Others  []FlakeID  // other known flakes that ask for the same one
	State   CacheState // of a cache: what becomes of it here
	Problem *Reason    // of a key: malformed, or a name clash; of a cache: believed without signatures
}

// classes in the order in which they are shown: by how much is let in.
var classes = []nixconf.Risk{
	nixconf.RiskCode, nixconf.RiskSandbox, nixconf.RiskCredential, nixconf.RiskCache,
	nixconf.RiskEvaluation, nixconf.RiskNone, nixconf.RiskDenial, nixconf.RiskCosmetic,
}

// ReviewOf reviews one flake of the facts. r is what was decided from them.
func ReviewOf(f *Facts, r *Report, i int) Review {
	fl := &f.Flakes[i]
	v := Review{Flake: r.Flakes[i]}
	v.Known = v.Flake.Err == "" && fl.Err == "" && fl.Rejection == nil && len(v.Flake.Settings) == len(fl.Config)
	if !v.Known {
		return v
	}
	users := usersOf(r, i)
	for k, s := range v.Flake.Settings {
		a := Ask{SettingVerdict: s, Class: s.Risk, Opaque: fl.Config[k].Opaque, Hidden: safetext.RedactValue(s.Name, s.Value) != s.Value, Suspect: !safetext.Exact(s.Name) || !safetext.Exact(s.Value)}
		for _, saved := range r.Answers {
			if saved.Setting == s.Name && saved.Value == s.Value {
				a.Saved = append(a.Saved, saved)
			}
		}
		if list := itemList(s.Name); list != "" {
			for _, it := range located(fl.Config[k]) {
				a.Items = append(a.Items, v.item(list, it, r, users))
			}
		}
		v.Asks = append(v.Asks, a)
	}
	slices.SortStableFunc(v.Asks, func(a, b Ask) int { return slices.Index(classes, a.Class) - slices.Index(classes, b.Class) })
	v.Record = recordOf(v.Asks)
	return v
}

// item is one cache or key of the flake.
func (v *Review) item(setting string, it nixconf.Item, r *Report, users map[string][]FlakeID) AskItem {
	out := AskItem{Text: it.Text, Where: it.Origin.Pos}
	if setting == "trusted-public-keys" {
		for _, k := range r.Keys {
			if k.Text == it.Text {
				out.Problem = k.Problem
			}
		}
	} else {
		out.Suspect, _ = safetext.SuspectHost(it.Text)
		if trustedParam(it.Text) {
			out.Problem = &Reason{Code: CodeStoreTrustedParam, Outcome: Fail, Where: it.Origin.Pos, Subject: it.Text, Text: "What it has is believed without any signature, because of trusted in its URL."}
		}
		for _, c := range v.Flake.Caches {
			if c.Claimed && c.URL == it.Text {
				out.State = c.State
			}
		}
	}
	out.Others = users[itemID(it.Text)]
	return out
}

// usersOf lists which flakes but one ask for each cache and key.
func usersOf(r *Report, but int) map[string][]FlakeID {
	users := map[string][]FlakeID{}
	for i, f := range r.Flakes {
		if i == but || f.ID == r.Flakes[but].ID {
			continue
		}
		for _, s := range f.Settings {
			if itemList(s.Name) == "" {
				continue
			}
			for _, it := range s.Items {
				id := itemID(it)
				if have := users[id]; len(have) == 0 || have[len(have)-1] != f.ID {
					users[id] = append(have, f.ID)
				}
			}
		}
	}
	return users
}

// itemID is the same for two spellings of one cache or key, as SameItem has it.
func itemID(text string) string {
	if u := parseLoose(text); u.host != "" {
		return strings.Join([]string{"cache", u.scheme, u.host, u.port, u.path}, " ")
	}
	if key, ok := asKey(text); ok {
		return "key " + key.String()
	}
	return text
}

// WithInput returns the facts with one input of a flake as a flake of its own,
// as it would be if it were named on the command line, and its index. Nix
// applies an input's nixConfig in no other case. name is the input's path,
// "nixpkgs" or "home-manager/nixpkgs". It reports whether the flake has it.
func (f *Facts) WithInput(flake int, name string) (with *Facts, index int, ok bool) {
	at := slices.IndexFunc(f.Flakes[flake].Inputs, func(in Input) bool { return in.Name == name })
	if at < 0 {
		return nil, 0, false
	}
	in := f.Flakes[flake].Inputs[at]
	fl := Flake{ID: FlakeID{Ref: in.Ref, Path: in.StorePath}, Config: in.Config, Rejection: in.Rejection}
	switch {
	case !in.IsFlake:
		fl.Err = "The input " + name + " is not a flake, and asks for nothing."
	case !in.Present:
		fl.Err = "The source of the input " + name + " is not on this machine. nix flake archive brings it here."
	}
	g := *f
	g.Flakes = append(slices.Clip(f.Flakes), fl)
	return &g, len(g.Flakes) - 1, true
}
