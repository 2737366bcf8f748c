package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/host/demo"
	"github.com/nix-trust/nix-trust/tui"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// demoSystem is the system of the demo's machine.
const demoSystem = "x86_64-linux"

// A demoRun is the demo's gate, which is started when somebody first looks at it
// and ended with the program.
type demoRun struct {
	mu   sync.Mutex
	gate *demo.Gate // nil until it is started
	over bool
	keep bool // what was fetched stays

	probes []probe.Result // the last of each cache; guarded by app.mu
}

// demoGate is the demo's gate, with what is granted on its host.
func (a *app) demoGate(ctx context.Context) (*demo.Gate, error) {
	a.demoRun.mu.Lock()
	defer a.demoRun.mu.Unlock()
	switch {
	case a.demoRun.over:
		return nil, errors.New("the demo has ended")
	case a.demoRun.gate != nil:
		return a.demoRun.gate, nil
	}
	standings, err := a.demoStandings()
	if err != nil {
		return nil, err
	}
	g, err := a.made().OpenGate(ctx)
	if err != nil {
		return nil, err
	}
	g.Load(standings)
	a.demoRun.gate = g
	return g, nil
}

// endDemo ends the demo's gate, and says where what was fetched stays, if it does.
func (a *app) endDemo() error {
	a.demoRun.mu.Lock()
	defer a.demoRun.mu.Unlock()
	a.demoRun.over = true
	g := a.demoRun.gate
	if a.demoRun.gate = nil; g == nil {
		return nil
	}
	if err := g.Close(a.demoRun.keep); err != nil {
		return &problem{code: exitUnknown, text: "the demo did not end as it should: " + err.Error(), hints: []string{"remove " + g.Dir + " if it is still there"}}
	}
	if a.demoRun.keep {
		fmt.Fprintf(a.err, "nix-trust: what was fetched is in %s\n", safetext.Text(g.Dir))
	}
	return nil
}

// demoStandings are the grants of the demo's host as a gate serves them.
func (a *app) demoStandings() ([]grants.Standing, error) {
	b, err := a.openGrants()
	if err != nil {
		return nil, asked(err)
	}
	var out []grants.Standing
	for _, s := range b.shelves {
		scopes := b.scopes(s)
		if scopes[0].File == nil {
			continue
		}
		for _, g := range scopes[0].File.Grants {
			out = append(out, grants.Judge(g.Flake, scopes, time.Now(), s.accepted(g.Lock), grants.Offer{State: grants.OfferNone}))
		}
	}
	return out, nil
}

// reloadDemo tells the demo's gate of a change at once. Grants that cannot be
// read are none.
func (a *app) reloadDemo() {
	standings, _ := a.demoStandings()
	a.demoRun.mu.Lock()
	defer a.demoRun.mu.Unlock()
	if a.demoRun.gate != nil {
		a.demoRun.gate.Load(standings)
	}
}

func (a *app) demoGateView(ctx context.Context) tui.GateView {
	g, err := a.demoGate(ctx)
	if err != nil {
		return tui.GateView{Name: "the demo's gate", Text: err.Error()}
	}
	return tui.GateView{
		Name: "the demo's gate", State: tui.GateRunning, Address: g.Address, Dir: g.Dir, Status: g.Status(),
		Text: "It is a real one: it listens on this machine, fetches from the demo's caches over HTTP, and checks every byte. What is fetched goes into the folder below and is removed when the demo ends.",
		Key:  tui.KeyInForce, KeyText: "The daemon of the made-up host has it, as if its administrator had run `nix-trust setup`. No real one does.",
	}
}

// demoWant is what a grant of the demo pins for its machine.
func (a *app) demoWant(id string) (*lock.Section, []lock.Cache, error) {
	b, err := a.openGrants()
	if err != nil {
		return nil, nil, asked(err)
	}
	for _, s := range b.shelves {
		file := s.Scope().File
		if file == nil {
			continue
		}
		g, ok := file.Grant(grants.Identity(id))
		if !ok {
			continue
		}
		l := s.accepted(g.Lock).Lock()
		if l == nil {
			return nil, nil, errors.New("its accepted lock cannot be read")
		}
		section := l.Systems[demoSystem]
		if section == nil || !slices.Contains(g.Systems, demoSystem) {
			return nil, nil, fmt.Errorf("it pins nothing for %s", demoSystem)
		}
		return section, g.Caches, nil
	}
	return nil, nil, errors.New("there is no such grant")
}

func (a *app) demoFetchAsks(ctx context.Context, id string) (tui.FetchAsk, error) {
	section, caches, err := a.demoWant(id)
	if err != nil {
		return tui.FetchAsk{}, err
	}
	g, err := a.demoGate(ctx)
	if err != nil {
		return tui.FetchAsk{}, err
	}
	out := tui.FetchAsk{Into: "the scratch folder " + g.Dir}
	for p, pin := range section.Paths {
		if g.Has(p) {
			out.Had++
			continue
		}
		out.Paths++
		out.Bytes += pin.Size
	}
	out.Hosts, out.Folders = hostsOf(caches)
	return out, nil
}

func (a *app) demoFetch(ctx context.Context, id string, progress func(done, all int)) (tui.FetchOutcome, error) {
	section, _, err := a.demoWant(id)
	if err != nil {
		return tui.FetchOutcome{}, err
	}
	g, err := a.demoGate(ctx)
	if err != nil {
		return tui.FetchOutcome{}, err
	}
	before := len(g.Evidence())
	got, err := g.Fetch(ctx, slices.Sorted(maps.Values(section.Outputs)), progress)
	if err != nil {
		return tui.FetchOutcome{}, err
	}
	out := tui.FetchOutcome{Paths: len(got.Paths), Had: got.Had, Bytes: got.Bytes, Into: "the scratch folder " + g.Dir}
	for _, r := range got.Refused {
		out.Refused = append(out.Refused, r.Path.Name()+": "+r.Err.Error()+".")
	}
	for _, e := range g.Evidence()[before:] {
		out.Wrong = append(out.Wrong, wrongBytes(e))
	}
	return out, nil
}

// wrongBytes is a piece of evidence in a sentence.
func wrongBytes(e gate.Evidence) string {
	return fmt.Sprintf("%s has other bytes for %s than are pinned: %s.", e.Cache, bincache.StorePath(e.Path).Name(), e.Got)
}
