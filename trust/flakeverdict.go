package trust

import (
	"fmt"
	"slices"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
)

// maxNamed is how many caches and keys of one flake are explained. Each cache is
// judged with each key, so a stranger could keep the program busy for hours.
const maxNamed = 512

// named counts the caches and keys that settings name.
func named(config []flake.Setting) int {
	n := 0
	for _, s := range config {
		if known, _, ok := nixconf.Lookup(s.Name); ok && (known.Name == "substituters" || known.Name == "trusted-public-keys") {
			n += len(tokens(s))
		}
	}
	return n
}

// flake judges one flake.
func (e *engine) flake(f *Flake) FlakeReport {
	r := FlakeReport{ID: f.ID, Found: f.Found, Err: f.Err, State: StateNone}
	r.Inputs = e.inputs(e.writable(f.ID.Path), f.Inputs)
	switch {
	case f.Err != "":
		r.State = StateUnknown
		return r
	case e.f.Client == nil:
		r.Err, r.State = "this user's configuration of Nix was not read, so nothing is known about it", StateUnknown
		return r
	case f.Rejection != nil && f.Rejection.Unsure:
		r.Err, r.State = place(f.Rejection.Pos)+": "+f.Rejection.Message+"; whether Nix takes the flake is not known here", StateUnknown
		return r
	case f.Rejection != nil:
		why := e.reason(CodeNotLiteral, Fail, f.ID.Ref, "Nix refuses the flake: "+f.Rejection.Message+".")
		why.Where, why.NixSays = f.Rejection.Pos, "error: "+f.Rejection.Message
		r.Rejected, r.State = &why, StateOff
		r.Caches = e.unclaimed(e.base, nil, nil)
		for i := range r.Caches {
			r.Caches[i].State = StateOff
			r.Caches[i].Reasons = append([]Reason{why}, r.Caches[i].Reasons...)
		}
		return r
	case named(f.Config) > maxNamed:
		r.Err, r.State = fmt.Sprintf("it names more than %d caches and keys, which is too many to explain", maxNamed), StateUnknown
		return r
	case len(f.Config) == 0 && !(e.f.Nix.Version.LixAtLeast(lixBatch) && e.f.Answers.Err != nil):
		r.Caches = e.unclaimed(e.base, nil, nil)
		e.scope(f, &r, nil, nil)
		r.State = r.worst()
		return r
	}

	c := e.consent(f.Config)
	sure, all := e.view(c.sure), e.view(c.all)
	claims, keys := claimed(c.settings, f.Config)
	for i := range c.settings {
		e.daemonVerdict(&c.settings[i], all, c.all)
	}
	r.Settings, r.Rejected = c.settings, c.rejected

	urls := make([]string, len(claims))
	for i, cl := range claims {
		urls[i] = cl.url
	}
	for _, cl := range claims {
		r.Caches = append(r.Caches, e.claimVerdict(cl, keysFor(cl.url, keys, urls), c, sure, all))
	}
	r.Caches = append(r.Caches, e.unclaimed(sure, urls, &c)...)
	for i := range r.Caches {
		if cv := &r.Caches[i]; c.unsure != nil && c.rejected == nil && cv.State == StateUsable {
			cv.State, cv.Reasons = StateUnknown, append(slices.Clip(cv.Reasons), *c.unsure)
		}
	}
	if c.rejected != nil {
		r.State = StateOff // no command works on it, whatever is granted
		return r
	}
	e.scope(f, &r, sure, c.unsure)
	r.State = r.worst()
	return r
}

// worst is the worst state of the flake's own caches.
func (r *FlakeReport) worst() CacheState {
	worst := StateNone
	for _, cv := range r.Caches {
		if cv.Own() && severityOf(cv.State) > severityOf(worst) {
			worst = cv.State
		}
	}
	return worst
}

// claim is one cache that a flake names, with the settings that name it.
type claim struct {
	url   string
	where nixconf.Pos
	by    []int // indexes of the settings' verdicts
}

// claimed collects the caches and keys that the settings name, in Nix's order.
func claimed(settings []SettingVerdict, config []flake.Setting) (claims []claim, keys []declaredKey) {
	for i, s := range settings {
		known, _, ok := nixconf.Lookup(s.Name)
		if !ok {
			continue
		}
		for _, it := range located(config[i]) {
			switch known.Name {
			case "substituters":
				at := slices.IndexFunc(claims, func(c claim) bool { return c.url == it.Text })
				if at < 0 {
					at = len(claims)
					claims = append(claims, claim{url: it.Text, where: it.Origin.Pos})
				}
				if !slices.Contains(claims[at].by, i) {
					claims[at].by = append(claims[at].by, i)
				}
			case "trusted-public-keys":
				if !slices.ContainsFunc(keys, func(k declaredKey) bool { return k.text == it.Text }) {
					keys = append(keys, declaredKey{it.Text, it.Origin.Pos, i})
				}
			}
		}
	}
	return claims, keys
}

// located splits a setting's value into tokens, each with the place of the
// list element that it comes from.
func located(s flake.Setting) []nixconf.Item {
	var out []nixconf.Item
	add := func(text string, at nixconf.Pos) {
		for _, tok := range fields(text) {
			out = append(out, nixconf.Item{Text: tok, Origin: nixconf.Origin{Layer: nixconf.LayerFlake, Pos: at, Name: s.Name}})
		}
	}
	if len(s.ItemPos) != len(s.Items) || len(s.Items) == 0 {
		add(s.Value, s.Pos)
		return out
	}
	for i, it := range s.Items {
		add(it, s.ItemPos[i])
	}
	return out
}

// inputs lists the inputs that declare settings of their own.
func (e *engine) inputs(folder string, ins []Input) []InputReport {
	var out []InputReport
	for _, in := range ins {
		if len(in.Config) == 0 {
			continue
		}
		r := InputReport{Name: in.Name, Ref: in.Ref, StorePath: in.StorePath, Present: in.Present}
		for _, s := range in.Config {
			v := SettingVerdict{Name: s.Name, Value: s.Value, Items: tokens(s), Where: s.Pos, State: SettingInert, Daemon: NotForwarded}
			if known, _, ok := nixconf.Lookup(s.Name); ok {
				v.Risk = known.Risk
				if known.Name == "substituters" {
					r.URLs = append(r.URLs, fields(s.Value)...)
				}
			}
			why := e.reason(CodeInputConfig, Fail, s.Name, fmt.Sprintf("%s is an input; Nix applies the nixConfig of the flake named on the command line alone.", in.Name))
			why.Where = s.Pos
			if f, ok := lockInputs(folder); ok && len(r.URLs) > 0 {
				why.Fixes = []Fix{f}
			}
			v.Reasons = []Reason{why}
			r.Settings = append(r.Settings, v)
		}
		out = append(out, r)
	}
	return out
}
