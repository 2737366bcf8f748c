package operation

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// The lists of a machine that trust a cache or a key.
const (
	listAllowed = "trusted-substituters"
	listAsked   = "substituters"
	listKeys    = "trusted-public-keys"
)

var lists = []string{listAllowed, listAsked, listKeys}

// A conf is the change of the machine's nix.conf and of what it includes.
type conf struct {
	System
	plan   trust.Plan
	before *nixconf.Config
	states map[string]trust.FileState // the files that were read, as they are
	texts  map[string][]byte          // and as they become
	gone   []string                   // what is taken out
	added  map[string][]string        // list → what comes in
	// cleared are the places of what goes.
	cleared map[nixconf.Pos]bool
}

// planConf changes the machine's lists of caches and keys.
func (s System) planConf(ops []Operation) (trust.Plan, error) {
	c := &conf{System: s, plan: trust.Plan{Risk: trust.PlanNarrows}, states: map[string]trust.FileState{}, texts: map[string][]byte{},
		added: map[string][]string{}, cleared: map[nixconf.Pos]bool{}}
	var want trust.Want
	for _, o := range ops {
		switch o.Do {
		case Allow:
			want.Caches = appendNew(want.Caches, o.Caches...)
			want.Keys = appendNew(want.Keys, o.Keys...)
		case Disallow:
			c.gone = appendNew(c.gone, slices.Concat(o.Caches, o.Keys)...)
		default:
			continue
		}
		c.plan.Summary = "conf"
	}
	if c.plan.Summary == "" {
		return trust.Plan{}, nil
	}
	c.before = c.load()
	if err := c.readable(c.before); err != nil {
		return trust.Plan{}, err
	}
	if err := c.take(); err != nil {
		return trust.Plan{}, err
	}
	if err := c.allow(want); err != nil {
		return trust.Plan{}, err
	}
	if err := c.verify(); err != nil {
		return trust.Plan{}, err
	}
	c.finish(ops)
	return c.plan, nil
}

// load is the machine's configuration as a daemon reads it that is started once
// the texts are in their places. No variable counts.
func (c *conf) load() *nixconf.Config {
	env := nixconf.Environment{Home: c.Home, Root: true, System: c.Platform.System}
	env.Lookup = func(name string) (string, bool) { return path.Dir(c.Conf), name == "NIX_CONF_DIR" }
	return nixconf.Load(overlay{c.Files, c.texts}, env, c.Version)
}

// overlay is files of which some have another text.
type overlay struct {
	nixconf.Files
	texts map[string][]byte
}

func (o overlay) ReadFile(name string) ([]byte, error) {
	if text, ok := o.texts[name]; ok {
		return text, nil
	}
	return o.Files.ReadFile(name)
}

func (o overlay) Exists(name string) (bool, error) {
	if _, ok := o.texts[name]; ok {
		return true, nil
	}
	return o.Files.Exists(name)
}

// ErrUnread says that what decides could not be read.
var ErrUnread = errors.New("what decides could not be read")

type unread struct{ text string }

func (u unread) Error() string        { return u.text }
func (u unread) Is(target error) bool { return target == ErrUnread }

// readable refuses a configuration of which not all is known: what a change of
// it does would not be known either.
func (c *conf) readable(cfg *nixconf.Config) error {
	if d := cfg.Fatal; d != nil {
		return fmt.Errorf("%s: Nix refuses to run with the configuration: %s. Correct that first", at(d.Pos), d.Text)
	}
	if p := cfg.Skipped(); p != nil {
		return unread{at(*p) + ": it could not be read whole, so what a change would do is not known"}
	}
	for _, s := range cfg.Read {
		if s.State == nixconf.SourceUnreadable || s.State == nixconf.SourceUnseen {
			return unread{s.Path + ": it could not be read, so what a change would do is not known"}
		}
	}
	for _, d := range cfg.Warnings {
		if d.Kind == "unreadable" {
			return unread{at(d.Pos) + ": " + d.Text}
		}
	}
	return nil
}

// file is the text of a file as it is to become, so far.
func (c *conf) file(name string) (*nixconf.File, error) {
	if _, known := c.states[name]; !known {
		state, err := c.Read(name)
		if err != nil {
			return nil, err
		}
		if len(state.Data) > nixconf.MaxFileSize {
			return nil, fmt.Errorf("%s: it is larger than what is read of a configuration", name)
		}
		c.states[name] = state
	}
	if text, changed := c.texts[name]; changed {
		return nixconf.Parse(name, text), nil
	}
	return nixconf.Parse(name, c.states[name].Data), nil
}

// owned reports that a file belongs to another program.
func (c *conf) owned(name string) (bool, error) {
	f, err := c.file(name)
	if err != nil {
		return false, err
	}
	return c.states[name].Exists && c.Owned(name, f.Bytes()), nil
}

// take takes out what is to go, from every file of the system's that has it.
func (c *conf) take() error {
	if len(c.gone) == 0 {
		return nil
	}
	gone := func(item string) bool {
		return slices.ContainsFunc(c.gone, func(g string) bool { return trust.SameItem(item, g) })
	}
	files := []string{c.Conf}
	for _, list := range lists {
		for _, a := range c.before.Get(list).History {
			if a.Origin.Layer == nixconf.LayerSystem && path.IsAbs(a.Origin.Pos.File) {
				files = appendNew(files, path.Clean(a.Origin.Pos.File))
			}
		}
	}
	kept := map[string]bool{}
	for _, name := range files {
		f, err := c.file(name)
		if err != nil {
			return err
		}
		out := f
		for _, list := range lists {
			out = out.Without(list, gone)
		}
		if string(out.Bytes()) == string(f.Bytes()) {
			continue
		}
		foreign, err := c.owned(name)
		if err != nil {
			return err
		}
		if kept[name] = foreign; !foreign {
			c.texts[name] = out.Bytes()
		}
	}
	for _, list := range lists {
		for _, it := range c.before.Get(list).Items {
			if !gone(it.Text) {
				continue
			}
			if o := it.Origin; o.Layer != nixconf.LayerSystem || kept[path.Clean(o.Pos.File)] {
				c.plan.Commands = append(c.plan.Commands, c.Platform.Removal(o, it.Text))
			} else {
				c.cleared[o.Pos] = true
				c.plan.Changes = append(c.plan.Changes, fmt.Sprintf("%s goes out of %s (%s).", it.Text, list, at(o.Pos)))
			}
		}
	}
	return nil
}

// allow adds what is wanted and not there yet.
func (c *conf) allow(want trust.Want) error {
	if len(want.Caches)+len(want.Keys) == 0 {
		return nil
	}
	// What is there once the rest is gone.
	now := c.load()
	missing := trust.Want{}
	for _, u := range want.Caches {
		if slashed := strings.TrimRight(u, "/") + "/"; !c.there(now, listAllowed, slashed) {
			missing.Caches = appendNew(missing.Caches, slashed)
			if note := trust.SuspectNote(slashed); note != "" {
				c.plan.Notes = appendNew(c.plan.Notes, note)
			}
		}
	}
	for _, k := range want.Keys {
		if err := clash(now, k); err != nil {
			return err
		}
		if !c.there(now, listKeys, k) {
			missing.Keys = append(missing.Keys, k)
		}
	}
	if len(missing.Caches)+len(missing.Keys) == 0 {
		return nil
	}
	s, err := c.Platform.Snippet(trust.TargetSystem, missing)
	if err != nil {
		return err
	}
	where := c.Conf
	if c.Platform.OS == trust.PlatformDeterminate {
		where = path.Join(path.Dir(c.Conf), "nix.custom.conf")
	}
	foreign, err := c.owned(where)
	if err != nil {
		return err
	}
	if foreign || c.Platform.OS == trust.PlatformNixOS || c.Platform.OS == trust.PlatformNixDarwin {
		c.plan.Commands = append(c.plan.Commands, trust.Fix{
			Title: "Write it into " + s.File, Detail: "The file is made by another program, so nothing is changed in it here.",
			Command: s.Command(), File: s.File, Admin: true,
		})
		return nil
	}
	f, err := c.file(where)
	if err != nil {
		return err
	}
	for _, add := range []struct {
		list, text string
		items      []string
	}{
		{listAllowed, "Every user of this machine may ask for %s, in any flake.", missing.Caches},
		{listKeys, "Whatever is signed with %s is believed, for every path, every user and from every cache.", missing.Keys},
	} {
		if f, err = f.Adding(add.list, add.items); err != nil {
			return err
		}
		c.added[add.list] = add.items
		for _, it := range add.items {
			c.plan.Changes = append(c.plan.Changes, fmt.Sprintf(add.text, it))
		}
	}
	c.texts[where] = f.Bytes()
	c.plan.Risk = trust.PlanWidens
	if len(missing.Keys) > 0 {
		c.plan.Risk = trust.PlanSweeping
	}
	c.plan.Notes = append(c.plan.Notes, "Nobody becomes a trusted user by it. For one flake alone, `nix-trust grant` trusts less.")
	return nil
}

// there reports whether a list has an item, and says so.
func (c *conf) there(cfg *nixconf.Config, list, item string) bool {
	for _, it := range cfg.Get(list).Items {
		if it.Text == item {
			c.plan.Notes = append(c.plan.Notes, fmt.Sprintf("%s is in %s already (%s).", item, list, at(it.Origin.Pos)))
			return true
		}
	}
	return false
}

// clash refuses a key under the name of another one that is believed.
func clash(cfg *nixconf.Config, text string) error {
	key, err := bincache.ParsePublicKey(text)
	if err != nil {
		return err
	}
	for _, it := range cfg.Get(listKeys).Items {
		if k, err := bincache.ParsePublicKey(it.Text); err == nil && k.Name == key.Name && k.String() != key.String() {
			return fmt.Errorf("%s: another key is called %s there, and Nix would try only one of the two; find out which is the cache's own", at(it.Origin.Pos), k.Name)
		}
	}
	return nil
}

// verify reads the files as they will be, and refuses a change that does more
// or less than what it is for.
func (c *conf) verify() error {
	after := c.load()
	if err := c.readable(after); err != nil {
		return err
	}
	for _, v := range c.before.All() {
		name, now := v.Setting.Name, after.Get(v.Setting.Name)
		if !slices.Contains(lists, name) {
			if string(v.JSON) != string(now.JSON) {
				return fmt.Errorf("the change is not made: it would change %s too", name)
			}
			continue
		}
		had, has := c.before.Tokens(name), after.Tokens(name)
		for _, it := range has {
			if !slices.Contains(had, it) && !slices.Contains(c.added[name], it) {
				return fmt.Errorf("the change is not made: %s would come into %s, which nobody asked for; look whether somebody else is changing the files, and try again", it, name)
			}
		}
		for _, it := range had {
			meant := slices.ContainsFunc(c.gone, func(g string) bool { return trust.SameItem(it, g) })
			if !meant && !slices.Contains(has, it) {
				return fmt.Errorf("the change is not made: it would take %s out of %s", it, name)
			}
		}
		for _, it := range c.added[name] {
			if !slices.Contains(has, it) {
				return fmt.Errorf("%s: the change is not made: this line comes later and replaces %s, or the file is not read at all. Add the item there", at(now.Origin.Pos), name)
			}
		}
	}
	return nil
}

// finish makes the steps, and says what stays and what has to be done besides.
func (c *conf) finish(ops []Operation) {
	for _, name := range slices.Sorted(maps.Keys(c.texts)) {
		before := c.states[name]
		after := trust.FileState{Exists: true, Data: c.texts[name], Mode: before.Mode}
		if !before.Exists {
			after.Mode = 0o644
		}
		if !after.Equal(before) {
			c.plan.Steps = append(c.plan.Steps, trust.FileChange{Path: name, Before: before, After: after, Form: trust.FormText})
		}
	}
	if len(c.plan.Steps) > 0 {
		f := trust.Fix{Title: "Restart the daemon: it reads its files when it starts", Detail: "Builds that it runs at the moment are stopped.", Command: c.Platform.Restart, Admin: true}
		c.plan.Commands = append(c.plan.Commands, f)
	}
	if len(c.gone) == 0 {
		return
	}
	if len(c.plan.Steps)+len(c.plan.Commands) == 0 {
		c.plan.Notes = append(c.plan.Notes, "No list of this machine has "+strings.Join(c.gone, ", ")+".")
	}
	if c.Report == nil {
		c.plan.Residual = []trust.Residual{{Text: "What else trusts them was not looked at."}}
		return
	}
	var forgotten []string
	for _, o := range ops {
		if o.Do == Forget {
			forgotten = append(forgotten, slices.Concat(o.Caches, o.Keys)...)
		}
	}
	for _, r := range c.Report.StillTrusts(c.gone) {
		if c.cleared[r.Where] || r.Where.File == c.Answers.Path && slices.Contains(forgotten, r.Subject) {
			continue
		}
		c.plan.Residual = append(c.plan.Residual, r)
	}
}
