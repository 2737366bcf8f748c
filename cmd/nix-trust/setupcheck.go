package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/setup"
)

// What the check comes to, of push (fetch) and of pull (exec). The zero value is
// not known.
type force string

const (
	forceUnknown   force = "unknown"
	forceYes       force = "in-force"
	forceNotYet    force = "not-in-force"   // the files say so, the daemon does otherwise
	forceNot       force = "not-configured" // the files do not say so
	forceNotLooked force = "not-checked"
)

// A checkStep is one thing that was looked at.
type checkStep struct {
	name    string
	outcome trust.Outcome
	text    string
	where   nixconf.Pos
	said    string // by Nix
	fixes   []trust.Fix
}

// A setupCheck is one run of the check.
type setupCheck struct {
	*setupJob
	key        *gate.Key // nil when this user may not read it
	public     bincache.PublicKey
	push, pull force
	running    bool // something listens on the gate's address
	steps      []checkStep
}

// runCheck asks the running daemon, and says what it found.
func (j *setupJob) runCheck(ctx context.Context) error {
	c := &setupCheck{setupJob: j, push: forceUnknown, pull: forceUnknown}
	if j.f.pushOnly {
		c.pull = forceNotLooked
	}
	if err := c.look(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := c.show(); err != nil {
		return err
	}
	return silent(c.code())
}

func (c *setupCheck) code() int {
	states := []force{c.push}
	if !c.f.pushOnly {
		states = append(states, c.pull)
	}
	switch {
	case slices.Contains(states, forceNot), slices.Contains(states, forceNotYet):
		return exitFindings
	case slices.Contains(states, forceUnknown):
		return exitUnknown
	}
	return exitOK
}

func (c *setupCheck) step(s checkStep) { c.steps = append(c.steps, s) }

// look takes the steps. Each needs what those before it have found.
func (c *setupCheck) look(ctx context.Context) error {
	// Root opens the store itself. What users get is what the daemon tells one
	// that it does not trust.
	var as *gateplace.Owner
	if c.place.System && os.Geteuid() == 0 {
		if err := c.setupJob.look(ctx, gateplace.MachineUser); err != nil {
			return err
		}
		if c.Facts.Nix.Store == trust.StoreDaemon {
			as = &c.owner
		} else if err := c.setupJob.look(ctx, ""); err != nil {
			return err
		}
	}
	if !c.lookAtKey() {
		c.push = forceNot
		if !c.f.pushOnly {
			c.pull = forceNot
		}
		return nil
	}
	key := c.lookAtLists()
	c.running = listens(ctx, c.place.Address)
	if c.Facts.Nix.Store != trust.StoreDaemon && c.Facts.Nix.Store != trust.StoreLocal {
		c.step(checkStep{name: "store", text: "Which store Nix opens here is not known, or is one of another kind: " + c.Facts.Nix.StoreWhy + "."})
		return nil
	}
	if c.Facts.Nix.Path == "" {
		c.step(checkStep{name: "store", text: "There is no nix in PATH that could ask."})
		return nil
	}
	p, err := newProber(as)
	if err != nil {
		return &problem{code: exitUnknown, text: fmt.Sprintf("the check has no folder to work in: %v", cause(err))}
	}
	defer p.close()
	if !c.json {
		fmt.Fprintln(c.err, "nix-trust: asking the store that runs here; what it takes are paths of a few bytes, which go with the next garbage collection")
	}
	c.askPush(ctx, p, key)
	if !c.f.pushOnly {
		c.askPull(ctx, p)
	}
	return nil
}

// lookAtKey looks at the key, and reports whether there is one to ask about.
func (c *setupCheck) lookAtKey() bool {
	file := c.place.KeyFile()
	s := checkStep{name: "key", where: nixconf.Pos{File: file}}
	defer func() { c.step(s) }()
	if absent(file) {
		s.outcome, s.text = trust.Fail, "There is no key."
		s.fixes = []trust.Fix{c.again()}
		s.fixes[0].Title = "Make the key, and have it believed"
		return false
	}
	var err error
	if c.place.System && os.Geteuid() != 0 {
		if err = c.place.CheckKeyFile(c.owner); err == nil {
			c.public, err = gatePublic(c.place)
		}
	} else if c.key, err = gate.ReadKeyOf(file, c.owner.UID); err == nil {
		c.public = c.key.Public()
	}
	if err != nil {
		s.outcome, s.text = trust.Fail, "The key cannot be used: "+err.Error()+"."
		return false
	}
	s.outcome, s.text = trust.Pass, "The key is there, and "+c.owner.Name+" alone can read it."
	return true
}

// lookAtLists looks at what the files say, and returns what they say of the key.
func (c *setupCheck) lookAtLists() setup.Listing {
	key := c.KeyListing(c.public)
	s := checkStep{name: "key-configured", outcome: key.Outcome, text: key.Text, where: key.Where}
	switch {
	case key.Outcome != trust.Fail:
	case key.Bad != nil:
		s.fixes = []trust.Fix{c.Report.Platform.Removal(key.Bad.Origin, key.Bad.Text)}
	case key.Also == "":
		s.fixes = []trust.Fix{c.again()}
	default:
		s.fixes = []trust.Fix{{Title: "Find out whose key stands there, and have it taken out", Command: "nix-trust propose disallow " + shellQuote(key.Also) + " -o change.json", Admin: true}}
	}
	c.step(s)
	if c.f.pushOnly {
		return key
	}
	u := checkStep{name: "addresses-configured", outcome: trust.Pass}
	listed, all := 0, c.place.URLs()
	for _, url := range all {
		l := c.URLListing(url)
		switch {
		case l.Outcome == trust.Pass:
			if listed++; u.where.File == "" {
				u.where = l.Where
			}
			continue
		case u.text == "" || l.Also != "" && !strings.Contains(u.text, "letter by letter"):
			u.text, u.outcome, u.where = l.Text, l.Outcome, l.Where
		}
	}
	switch {
	case listed == len(all):
		u.text = fmt.Sprintf("The %d addresses of the gate are listed.", listed)
	case c.OwnCounts():
		// A user who is believed asks for what he likes.
		u.outcome, u.text = trust.Pass, "The gate's addresses need not be listed for this user."
	default:
		if u.outcome == trust.Fail {
			u.fixes = []trust.Fix{c.again()}
		}
		u.text += fmt.Sprintf(" Of the gate's %d addresses %d are listed.", len(all), listed)
	}
	c.step(u)
	return key
}

// again is setup, which asks for what is missing.
func (c *setupCheck) again() trust.Fix {
	command := "nix-trust setup"
	if c.place.System {
		command = "sudo nix-trust setup"
	}
	if c.f.pushOnly {
		command += " --push-only"
	}
	if c.f.address != "" {
		command += " --gate " + c.f.address
	}
	return trust.Fix{Title: "Have what is missing listed", Command: command, Admin: c.place.System}
}

// probeAt has the gate make a probe: the one at the fixed address when that is
// needed or the key may not be read here, else one for the check's sake alone.
func (c *setupCheck) probeAt(ctx context.Context, p *prober, fixed bool) (it madeUpPath, done func(), err error) {
	base, done := "http://"+c.place.Address+"/", func() {}
	switch {
	case c.key != nil && !fixed:
		base, done, err = serveProbes(ctx, c.key, storeDir(), "127.0.0.1:0")
	case c.key != nil && !c.running:
		base, done, err = serveProbes(ctx, c.key, storeDir(), c.place.Address)
	case !c.running:
		return it, nil, errors.New("the gate does not run, and its key is not for this user to read")
	}
	if err != nil {
		return it, nil, err
	}
	if it, err = freshProbe(ctx, base, storeDir(), c.public); err != nil {
		done()
		return it, nil, err
	}
	// An answer that was heard before proves nothing.
	if there, err := p.has(ctx, it.path); err != nil || there {
		done()
		if err == nil {
			err = &notOurs{"what answers repeats what the gate has said once: the path is in the store already"}
		}
		return it, nil, err
	}
	return it, done, nil
}

// askPush has the store take a path that the gate's key has signed, and another
// one that nobody would believe.
func (c *setupCheck) askPush(ctx context.Context, p *prober, key setup.Listing) {
	s := checkStep{name: "key-in-force"}
	defer func() { c.step(s) }()
	if said, err := c.control(ctx, p); err != nil || said != "" {
		if s.text = said; err != nil {
			s.text = "It could not be asked: " + err.Error() + "."
		} else {
			s.outcome = trust.Fail
		}
		return
	}
	it, done, err := c.probeAt(ctx, p, false)
	if err != nil {
		s.text = "It could not be asked: " + err.Error() + "."
		s.fixes = c.startGate(err)
		return
	}
	defer done()
	got, said, err := p.push(ctx, it)
	switch {
	case err != nil:
		s.text = "It could not be asked: " + err.Error() + "."
	case got == probeTaken:
		c.push, s.outcome, s.text = forceYes, trust.Pass, "What the gate's key has signed is taken, and what another key has signed is not."
		if key.Outcome != trust.Pass && c.Facts.Nix.Store == trust.StoreDaemon {
			s.text += " But no file that could be read says so: once the daemon is started anew it may not be taken any more."
		}
	case got == probeUnsigned:
		s.outcome, s.said = trust.Fail, said
		c.push, s.text, s.fixes = c.whyNot(key, "the key")
	default:
		s.text, s.said = "Nix failed for another reason, so whether the key is believed is not known.", said
	}
}

// control holds that the store refuses what nobody believed has signed. said is
// what is wrong when it does not.
func (c *setupCheck) control(ctx context.Context, p *prober) (said string, err error) {
	stranger, err := gate.NewKey("nix-trust-check-1")
	if err != nil {
		return "", err
	}
	base, stop, err := serveProbes(ctx, stranger, storeDir(), "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer stop()
	it, err := freshProbe(ctx, base, storeDir(), stranger.Public())
	if err != nil {
		return "", err
	}
	got, words, err := p.push(ctx, it)
	switch {
	case err != nil:
		return "", err
	case got == probeTaken:
		return "This store takes paths that nobody believed has signed, so whether it believes the gate's key cannot be seen. `nix-trust doctor` says what turns the check off.", nil
	case got == probeUnknown:
		return "", fmt.Errorf("nix could not copy a path: %s", words)
	}
	return "", nil
}

// whyNot is why something that the files say or do not say is not in force.
func (c *setupCheck) whyNot(l setup.Listing, what string) (force, string, []trust.Fix) {
	switch {
	case l.Outcome == trust.Fail:
		return forceNot, "The running daemon does not take " + what + ", which is not configured.", nil
	case l.Outcome == trust.Unknown && c.Stale():
		return forceNot, "The running daemon does not take " + what + ", which no file has that could be read; and it was started before they were changed.", []trust.Fix{c.again(), c.restart()}
	case l.Outcome == trust.Unknown:
		return forceNot, "The running daemon does not take " + what + ", which no file has that could be read.", []trust.Fix{c.again()}
	case c.Facts.Nix.Store == trust.StoreLocal:
		return forceNotYet, "The store does not take " + what + ", though it is configured. Something else sets the list, such as NIX_CONFIG.", nil
	}
	text := "The running daemon does not take " + what + ", though it is configured: it was started before the file was changed, or reads another one."
	if c.Stale() {
		text = "The running daemon does not take " + what + " yet: it was started before " + c.Facts.Daemon.ChangedFile + " was changed."
	}
	return forceNotYet, text, []trust.Fix{c.restart()}
}

// startGate is what to do where no gate of ours answers.
func (c *setupCheck) startGate(err error) []trust.Fix {
	var other *notOurs
	switch {
	case errors.As(err, &other):
		return []trust.Fix{{Title: "Find out what listens on " + c.place.Address, Detail: "It may be the gate of another user. Another address of your own is set with `gate` in config.toml."}}
	case !c.running:
		return []trust.Fix{{Title: "Have the gate run, and check again", Command: "sudo nix-trust gate install", Admin: true}}
	}
	return nil
}

// askPull has the store get a path from the gate's addresses.
func (c *setupCheck) askPull(ctx context.Context, p *prober) {
	s := checkStep{name: "addresses-in-force"}
	defer func() { c.step(s) }()
	it, done, err := c.probeAt(ctx, p, true)
	if err != nil {
		s.text = "It could not be asked: " + err.Error() + "."
		s.fixes = c.startGate(err)
		return
	}
	defer done()
	all := c.place.URLs()
	got, err := p.pull(ctx, it, all)
	var refused []string
	for _, u := range all {
		if slices.ContainsFunc(got.ignored, func(i string) bool { return trust.SameItem(i, u) }) {
			refused = append(refused, u)
		}
	}
	listed := setup.Listing{Outcome: trust.Pass}
	for _, u := range refused {
		if l := c.URLListing(u); l.Outcome != trust.Pass {
			listed = l
		}
	}
	switch {
	case err != nil:
		s.text = "It could not be asked: " + err.Error() + "."
	case len(refused) > 0:
		s.outcome, s.said = trust.Fail, "warning: ignoring untrusted substituter '"+refused[0]+"', you are not a trusted user."
		what := fmt.Sprintf("%d of the gate's %d addresses", len(refused), len(all))
		if len(refused) == len(all) {
			what = "any of the gate's addresses"
		}
		c.pull, s.text, s.fixes = c.whyNot(listed, what)
	case got.answer == probeTaken && c.push == forceYes:
		c.pull, s.outcome, s.text = forceYes, trust.Pass, "The gate's addresses are admitted, and a path came from there."
	case got.answer == probeTaken:
		s.text = "A path came from the gate, but as whether its key is believed is not known, that says nothing."
	case got.answer == probeUnsigned:
		// The gate was asked, and what it answered was not believed.
		c.pull, s.outcome, s.text = c.push, trust.Pass, "The gate's addresses are admitted, and nothing can come from there before its key is believed."
	default:
		s.text, s.said = "Nothing came from the gate, for another reason.", got.said
	}
}
