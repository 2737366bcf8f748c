package global

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// Files is where the user's own configuration lies.
type Files struct {
	nixconf.Files
	Read func(path string) (trust.FileState, error)
	// Foreign says why a file that is there is not to be edited here, as the rest
	// of a sentence; "" when it may be.
	Foreign func(path string, text []byte) string
	Env     nixconf.Environment // of the user's nix
	Version nixconf.Version
}

// TakeOut is the change of the user's own files of configuration that takes the
// cache and its keys out of them. What another program makes, what comes from a
// variable and what is built into Nix is left alone, and the plan's commands say
// what to do about it; what is the system's is not looked at. An error says why
// nothing may be changed.
func (c Cache) TakeOut(p trust.Platform, files Files) (trust.Plan, error) {
	t := taking{Cache: c, files: files, states: map[string]trust.FileState{}, texts: map[string][]byte{}}
	t.plan.Risk = trust.PlanNarrows
	before := t.load()
	if err := known(before); err != nil {
		return trust.Plan{}, err
	}
	foreign, err := t.edit(before)
	if err != nil {
		return trust.Plan{}, err
	}
	if err := t.verify(before, t.load()); err != nil {
		return trust.Plan{}, err
	}
	for _, l := range c.Listed() {
		o := l.Item.Origin
		file := path.Clean(o.Pos.File)
		switch {
		case o.Layer == nixconf.LayerSystem:
		case t.texts[file] != nil:
			t.plan.Changes = append(t.plan.Changes, fmt.Sprintf("%s goes out of your %s (%s).", l.Item.Text, l.Setting, place(o.Pos)))
		default:
			fix := p.Removal(o, l.Item.Text)
			if why := foreign[file]; why != "" && fix.Detail == "" {
				fix.Detail = "It is not changed here: " + why + "."
			}
			if !slices.Contains(t.plan.Commands, fix) {
				t.plan.Commands = append(t.plan.Commands, fix)
			}
		}
	}
	return t.plan, nil
}

type taking struct {
	Cache
	files  Files
	plan   trust.Plan
	states map[string]trust.FileState // as they are
	texts  map[string][]byte          // as they become
}

// load is the configuration of the user's nix once the texts are in place.
func (t *taking) load() *nixconf.Config {
	return nixconf.Load(overlay{t.files.Files, t.texts}, t.files.Env, t.files.Version)
}

// overlay is files of which some have another text.
type overlay struct {
	nixconf.Files
	texts map[string][]byte
}

func (o overlay) ReadFile(name string) ([]byte, error) {
	if text, ok := o.texts[path.Clean(name)]; ok {
		return text, nil
	}
	return o.Files.ReadFile(name)
}

// known refuses a configuration of which not all is known.
func known(c *nixconf.Config) error {
	if d := c.Fatal; d != nil {
		return fmt.Errorf("%s: Nix refuses to run with the configuration: %s. Correct that first", place(d.Pos), d.Text)
	}
	if p := c.Skipped(); p != nil {
		return fmt.Errorf("%s: it could not be read whole, so what a change would do is not known", place(*p))
	}
	for _, s := range c.Read {
		if s.Layer == nixconf.LayerUser && (s.State == nixconf.SourceUnreadable || s.State == nixconf.SourceUnseen) {
			return fmt.Errorf("%s: it could not be read, so what a change would do is not known", s.Path)
		}
	}
	return nil
}

// edit takes the items out of each of the user's files that has them, and
// returns why others are left alone.
func (t *taking) edit(before *nixconf.Config) (foreign map[string]string, err error) {
	foreign = map[string]string{}
	for _, list := range lists {
		v := before.Get(list)
		if v == nil {
			continue
		}
		for _, a := range v.History {
			name := path.Clean(a.Origin.Pos.File)
			if _, seen := t.states[name]; seen || a.Origin.Layer != nixconf.LayerUser || !path.IsAbs(name) {
				continue
			}
			if t.states[name], err = t.files.Read(name); err != nil {
				return nil, err
			}
			f := nixconf.Parse(name, t.states[name].Data)
			out := f
			for _, l := range lists {
				out = out.Without(l, t.Gone)
			}
			if string(out.Bytes()) == string(f.Bytes()) {
				continue
			}
			if why := t.files.Foreign(name, f.Bytes()); why != "" {
				foreign[name] = why
				continue
			}
			text := out.Bytes()
			if text == nil {
				text = []byte{}
			}
			t.texts[name] = text
			after := trust.FileState{Exists: true, Data: text, Mode: t.states[name].Mode}
			t.plan.Steps = append(t.plan.Steps, trust.FileChange{Path: name, Before: t.states[name], After: after, Form: trust.FormText})
		}
	}
	return foreign, nil
}

// verify refuses a change that does anything else than what it is for.
func (t *taking) verify(before, after *nixconf.Config) error {
	if err := known(after); err != nil {
		return err
	}
	for _, v := range before.All() {
		name := v.Setting.Name
		if !slices.Contains(lists, name) {
			if string(v.JSON) != string(after.Get(name).JSON) {
				return fmt.Errorf("the change is not made: it would change %s too", name)
			}
			continue
		}
		had, has := before.Tokens(name), after.Tokens(name)
		for _, it := range has {
			if !slices.Contains(had, it) {
				return fmt.Errorf("the change is not made: %s would come into %s, which nobody asked for; look whether somebody else is changing the files, and try again", it, name)
			}
		}
		for _, it := range had {
			if !t.Gone(it) && !slices.Contains(has, it) {
				return fmt.Errorf("the change is not made: it would take %s out of %s", it, name)
			}
		}
		for _, it := range after.Get(name).Items {
			if t.Gone(it.Text) && t.texts[path.Clean(it.Origin.Pos.File)] != nil {
				return fmt.Errorf("%s: the change is not made: %s would stay in %s", place(it.Origin.Pos), it.Text, name)
			}
		}
	}
	return nil
}

// place writes a place for a sentence.
func place(p nixconf.Pos) string {
	if p.Line == 0 {
		return cmp.Or(p.File, "an unknown place")
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}
