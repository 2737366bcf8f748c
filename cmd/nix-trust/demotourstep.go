package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host/demo"
	"github.com/nix-trust/nix-trust/tui"
)

// The steps of the tour. Each returns what it saw, in sentences.

func (t *tour) start(context.Context) ([]string, error) {
	return []string{
		"The host is made up; its caches and its gate are real servers on this machine alone.",
		"The gate serves at http://" + t.gate.Address + "/ under a key of its own, " + t.gate.Status().PublicKey + ", which the made-up host's daemon believes, and no real one.",
		"What is fetched goes into " + t.gate.Dir + ". No Nix is touched.",
	}, nil
}

// ungranted asks for a lock's paths that nobody has granted yet.
func (t *tour) ungranted(ctx context.Context) ([]string, error) {
	l, err := t.offered(tourFine)
	if err != nil {
		return nil, err
	}
	got, err := t.gate.Fetch(ctx, rootsOf(l.Systems[demoSystem]), nil)
	if err != nil {
		return nil, err
	}
	if len(got.Paths) > 0 || len(got.Refused) == 0 || !errors.Is(got.Refused[0].Err, demo.ErrNotServed) {
		return nil, fmt.Errorf("%d paths came without a grant", len(got.Paths))
	}
	if n := t.gate.Asked(); n > 0 {
		return nil, fmt.Errorf("the caches were asked %d questions", n)
	}
	return []string{tourFine + " has a lock and no grant: the gate answers 404, and asks no cache."}, nil
}

func (t *tour) offered(folder string) (*lock.Lock, error) {
	text, err := t.made().Files().ReadFile(folder + "/" + lockFile)
	if err != nil {
		return nil, err
	}
	return lock.Parse(folder, text)
}

func rootsOf(s *lock.Section) (roots []lock.StorePath) {
	for _, p := range s.Outputs {
		roots = append(roots, p)
	}
	slices.Sort(roots)
	return roots
}

// change plans and makes a change, as the screens do.
func (t *tour) change(ctx context.Context, act tui.Action) (trust.Plan, error) {
	p, err := t.Plan(ctx, act, func(int, int) {})
	if err != nil {
		return p, err
	}
	if p.Empty() {
		return p, errors.New("there is nothing to change")
	}
	_, err = t.Apply(ctx, p)
	return p, err
}

func (t *tour) grant(ctx context.Context) ([]string, error) {
	p, err := t.change(ctx, tui.Action{Kind: tui.Grant, Flake: trust.FlakeID{Path: tourFine}})
	if err != nil {
		return nil, err
	}
	n := t.gate.Status().Paths
	l, err := t.offered(tourFine)
	if err != nil {
		return nil, err
	}
	if pinned := len(l.Systems[demoSystem].Paths); n != pinned {
		return nil, fmt.Errorf("the gate serves %d paths, and the lock pins %d for this machine", n, pinned)
	}
	if err := t.verdict(ctx, trust.StateScoped); err != nil {
		return nil, err
	}
	return []string{
		sentence(p.Summary), fmt.Sprintf("The gate serves %d paths at once, and nothing else.", n),
		"The flake was ignored, as its cache is not the daemon's to ask. Now what its lock pins comes through the gate, and nothing else of the cache is trusted.",
	}, nil
}

// verdict fails unless the flake is what it has to be.
func (t *tour) verdict(ctx context.Context, want trust.CacheState) error {
	r, err := t.report(ctx, "")
	if err != nil {
		return err
	}
	for i := range r.Flakes {
		if f := &r.Flakes[i]; f.ID.Path == tourFine && f.State != want {
			return fmt.Errorf("%s is %s, and has to be %s", tourFine, f.State, want)
		}
	}
	return nil
}

func (t *tour) fetch(ctx context.Context) ([]string, error) {
	id, err := t.idOf(tourFine)
	if err != nil {
		return nil, err
	}
	o, err := t.Fetch(ctx, id, func(int, int) {})
	if err != nil {
		return nil, err
	}
	section, _, err := t.demoWant(id)
	if err != nil {
		return nil, err
	}
	if !o.Whole() || o.Paths != len(section.Paths) {
		return append(o.Refused, o.Wrong...), fmt.Errorf("%d of %d paths arrived", o.Paths, len(section.Paths))
	}
	root := rootsOf(section)[0]
	var info []byte
	if info, t.nar, err = t.remembered(ctx, root); err != nil {
		return nil, err
	}
	out := []string{
		fmt.Sprintf("%d paths, %d bytes, arrived over HTTP and were checked: the gate's signature, the hash, the size, and all that they refer to.", o.Paths, o.Bytes),
		"One of them is " + t.gate.At(root) + ".",
	}
	for line := range strings.Lines(string(info)) {
		if strings.HasPrefix(line, "Sig: ") {
			out = append(out, "It is signed by "+strings.TrimSpace(strings.TrimPrefix(line, "Sig: "))+".")
		}
	}
	return out, nil
}

func (t *tour) idOf(folder string) (string, error) {
	b, err := t.openGrants()
	if err != nil {
		return "", err
	}
	fl, err := b.named(folder)
	return string(fl.id), err
}

// remembered is a narinfo, and the URL of the contents that it names.
func (t *tour) remembered(ctx context.Context, p lock.StorePath) (text []byte, nar string, err error) {
	text, code, err := t.get(ctx, t.gate.URL()+"/"+p.Digest()+".narinfo")
	if err != nil || code != http.StatusOK {
		return nil, "", fmt.Errorf("the narinfo of %s: %d, %w", p, code, err)
	}
	n, err := bincache.ParseNarInfo("", text)
	if err != nil {
		return nil, "", err
	}
	return text, t.gate.URL() + "/" + n.URL, nil
}

// get asks for a file as any program on this machine can.
func (t *tour) get(ctx context.Context, url string) (body []byte, code int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer r.Body.Close()
	body, err = io.ReadAll(io.LimitReader(r.Body, 1<<20))
	return body, r.StatusCode, err
}

// verify packs what lies in the folder again and compares it with the lock.
func (t *tour) verify(context.Context) ([]string, error) {
	l, err := t.offered(tourFine)
	if err != nil {
		return nil, err
	}
	pins := l.Systems[demoSystem].Paths
	for p, pin := range pins {
		hash, size, err := t.gate.Reread(p)
		if err != nil {
			return nil, err
		}
		if hash != pin.NAR || size != pin.Size {
			return nil, fmt.Errorf("%s has the hash %s, and %s is pinned", p, hash, pin.NAR)
		}
	}
	return []string{fmt.Sprintf("Packed again, all %d paths in the folder have the hashes and sizes that the lock pins.", len(pins))}, nil
}

// refused tries to grant a flake whose cache has another key under the name of
// one that the machine believes.
func (t *tour) refused(ctx context.Context) ([]string, error) {
	_, err := t.change(ctx, tui.Action{Kind: tui.Grant, Flake: trust.FlakeID{Path: tourRefused}})
	if err == nil {
		return nil, errors.New(tourRefused + " was granted, though its key is not the one that the machine knows under this name")
	}
	return []string{tourRefused + " is not granted: its key is not the one that the machine knows under this name.", err.Error()}, nil
}

// hostile grants a flake whose caches then deliver something else.
func (t *tour) hostile(ctx context.Context) ([]string, error) {
	p, err := t.change(ctx, tui.Action{Kind: tui.Grant, Flake: trust.FlakeID{Path: tourHostile}})
	if err != nil {
		return nil, err
	}
	id, err := t.idOf(tourHostile)
	if err != nil {
		return nil, err
	}
	o, err := t.Fetch(ctx, id, func(int, int) {})
	if err != nil {
		return nil, err
	}
	lines := append([]string{sentence(p.Summary), "Then its cache turns hostile: it has other bytes for one of the paths."}, o.Wrong...)
	for _, r := range o.Refused {
		lines = append(lines, "Not fetched: "+r)
	}
	section, _, err := t.demoWant(id)
	if err != nil {
		return lines, err
	}
	if len(o.Wrong) == 0 || len(o.Refused) == 0 {
		return lines, errors.New("nothing was refused, or nobody was blamed")
	}
	for p, pin := range section.Paths {
		hash, _, err := t.gate.Reread(p)
		if err == nil && hash != pin.NAR {
			return lines, fmt.Errorf("%s came to lie in the folder with other bytes", p)
		}
	}
	return append(lines, fmt.Sprintf("Nothing wrong came to lie in the folder; the gate keeps %s.", count(len(t.gate.Evidence()), "piece of evidence", "pieces of evidence"))), nil
}

func (t *tour) revoke(ctx context.Context) ([]string, error) {
	p, err := t.change(ctx, tui.Action{Kind: tui.Revoke, Flake: trust.FlakeID{Path: tourFine}})
	if err != nil {
		return nil, err
	}
	if err := t.verdict(ctx, trust.StateIgnored); err != nil {
		return nil, err
	}
	lines := []string{sentence(p.Summary)}
	for _, r := range p.Residual {
		lines = append(lines, "What stays: "+r.Text)
	}
	return lines, nil
}

// nothing sees that a grant that was taken back serves nothing, whatever is
// remembered of it.
func (t *tour) nothing(ctx context.Context) ([]string, error) {
	_, code, err := t.get(ctx, t.nar)
	if err != nil {
		return nil, err
	}
	if code != http.StatusNotFound {
		return nil, fmt.Errorf("%s is still answered, with %d", t.nar, code)
	}
	l, err := t.offered(tourFine)
	if err != nil {
		return nil, err
	}
	for p := range l.Systems[demoSystem].Paths {
		if _, code, err := t.get(ctx, t.gate.URL()+"/"+p.Digest()+".narinfo"); err != nil || code != http.StatusNotFound {
			return nil, fmt.Errorf("%s is still served: %d, %w", p, code, err)
		}
	}
	return []string{
		fmt.Sprintf("At once, all %d paths are a 404, also for who remembers where the contents were.", len(l.Systems[demoSystem].Paths)),
	}, nil
}
