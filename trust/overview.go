package trust

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
)

// caches lists every cache of the machine: those in effect without a flake, in
// Nix's order, then those that flakes claim, by URL.
func (e *engine) caches(flakes []FlakeReport) []CacheReport {
	var out []CacheReport
	index := map[string]int{}
	for _, cv := range e.unclaimed(e.base, nil, nil) {
		o := e.base.urls[e.base.byURL[cv.URL]]
		index[cv.URL] = len(out)
		out = append(out, CacheReport{
			URL: cv.URL, InEffect: true, State: cv.State, Keys: cv.Keys, Reasons: cv.Reasons,
			Origins: []nixconf.Origin{o.item.Origin},
		})
	}
	var claimed []CacheReport
	byURL := map[string]int{}
	for i, f := range flakes {
		for _, cv := range f.Caches {
			if !cv.Own() {
				continue
			}
			if at, ok := index[sentAs(cv.URL, e.f.Nix.Version)]; ok {
				out[at].ask(i, cv)
				continue
			}
			at, ok := byURL[cv.URL]
			if !ok {
				at = len(claimed)
				byURL[cv.URL] = at
				r := e.reason(CodeNotInList, Fail, cv.URL, "It is not in the list of substituters that this user's nix uses. A flake asks for it.")
				claimed = append(claimed, CacheReport{URL: cv.URL, State: StateOff, Reasons: []Reason{r}})
			}
			c := &claimed[at]
			c.ask(i, cv)
			for _, k := range cv.Keys {
				if !slices.Contains(c.Keys, k) {
					c.Keys = append(c.Keys, k)
				}
			}
		}
	}
	slices.SortStableFunc(claimed, func(a, b CacheReport) int { return strings.Compare(a.URL, b.URL) })
	out = append(out, claimed...)
	listed, names := e.listed()
	for i := range out {
		out[i].Priority, _ = e.rule.param(out[i].URL, "priority")
		for j, it := range listed {
			if _, ok := e.rule.admits(listed[j:j+1], out[i].URL); ok && !slices.Contains(out[i].ListedBy, names[j]) {
				out[i].ListedBy = append(out[i].ListedBy, names[j])
				if !out[i].InEffect {
					out[i].Origins = append(out[i].Origins, it.Origin)
				}
			}
		}
	}
	return out
}

// ask notes what a flake has to do with the cache.
func (c *CacheReport) ask(flake int, v CacheVerdict) {
	if v.Claimed {
		c.Flakes = append(c.Flakes, flake)
	}
	if v.State == StateScoped {
		c.Granted = append(c.Granted, flake)
	}
}

// keys lists every key that is believed or that a flake declares.
func (e *engine) keys(flakes []FlakeReport) []KeyReport {
	var out []KeyReport
	index := map[string]int{}
	add := func(text string) *KeyReport {
		at, ok := index[text]
		if !ok {
			at = len(out)
			index[text] = at
			name, _, _ := strings.Cut(text, ":")
			out = append(out, KeyReport{Name: name, Text: text})
		}
		return &out[at]
	}
	for _, it := range e.base.keys {
		k := add(it.Text)
		k.InEffect = true
		k.Origins = append(k.Origins, it.Origin)
	}
	for i, f := range flakes {
		for _, s := range f.Settings {
			known, _, ok := nixconf.Lookup(s.Name)
			if !ok || known.Name != "trusted-public-keys" {
				continue
			}
			for _, text := range s.Items {
				if k := add(text); !slices.Contains(k.Flakes, i) {
					k.Flakes = append(k.Flakes, i)
				}
			}
		}
	}
	ring := e.base.ring
	for i := range out {
		k := &out[i]
		key, err := bincache.ParsePublicKey(k.Text)
		if err != nil {
			r := e.reason(CodeKeyMalformed, Fail, k.Text, fmt.Sprintf("The key cannot be read: %v.", err))
			k.Problem = &r
			continue
		}
		have, at, found := ring.Find(key.Name)
		if found && have.String() != key.String() {
			r := e.reason(CodeKeyNameClash, Fail, k.Text, fmt.Sprintf("Another key called %s is believed, and only that one is tried.", key.Name))
			r.Where = e.base.keys[at].Origin.Pos
			k.Problem = &r
		}
	}
	return out
}

// answers lists every saved decision and who asks for it today.
func (e *engine) answers() []AnswerReport {
	asked := map[string]map[string][]int{} // setting, value → flakes
	for i, f := range e.f.Flakes {
		for _, s := range f.Config {
			if asked[s.Name] == nil {
				asked[s.Name] = map[string][]int{}
			}
			asked[s.Name][s.Value] = append(asked[s.Name][s.Value], i)
		}
	}
	// items says which flakes ask for a setting with an item, whatever else the
	// value has.
	items := map[string]map[string][]int{}
	for i, f := range e.f.Flakes {
		for _, s := range f.Config {
			for _, it := range tokens(s) {
				if items[s.Name] == nil {
					items[s.Name] = map[string][]int{}
				}
				items[s.Name][it] = append(items[s.Name][it], i)
			}
		}
	}
	var out []AnswerReport
	for _, file := range []AnswersFile{e.f.Answers, e.f.RootAnswers} {
		root := file.Path == e.f.RootAnswers.Path && file.Path != e.f.Answers.Path
		for _, name := range file.Answers.Names() {
			for _, value := range file.Answers.Values(name) {
				a := AnswerReport{File: file.Path, Root: root, Setting: name, Value: value, Yes: file.Answers[name][value]}
				known, _, ok := nixconf.Lookup(name)
				if ok {
					a.Risk = known.Risk
					switch known.Type {
					case nixconf.TypeList, nixconf.TypeSet, nixconf.TypeRefs, nixconf.TypeRefSet, nixconf.TypeMap:
						a.Items = fields(value)
					}
				}
				if a.Items == nil {
					a.Items = []string{value}
				}
				a.Asked = asked[name][value]
				for _, it := range a.Items {
					for _, i := range items[name][it] {
						if !slices.Contains(a.Asked, i) && !slices.Contains(a.Near, i) {
							a.Near = append(a.Near, i)
						}
					}
				}
				a.Orphan = len(a.Asked) == 0
				a.Skeleton = a.Yes && skeleton(name, value)
				out = append(out, a)
			}
		}
		if e.f.RootAnswers.Path == e.f.Answers.Path {
			break
		}
	}
	return out
}

// skeleton reports whether a saved yes to this pair accepts everything that
// any flake asks which asks for the pair.
func skeleton(name, value string) bool {
	return name == "accept-flake-config" && (value == "true" || value == "yes" || value == "1")
}

// settings lists the effective settings of the client.
func (e *engine) settings(findings []Finding) []SettingReport {
	var out []SettingReport
	for _, val := range e.client.All() {
		r := SettingReport{Value: val}
		if d := e.system.Get(val.Setting.Name); d != nil && e.f.Nix.Store == StoreDaemon && string(d.JSON) != string(val.JSON) {
			r.Daemon = d
		}
		for i, f := range findings {
			if f.Subject == val.Setting.Name {
				r.Findings = append(r.Findings, i)
			}
		}
		out = append(out, r)
	}
	return out
}
