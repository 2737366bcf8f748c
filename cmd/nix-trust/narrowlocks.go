package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/generate"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A narrowed is a flake that is to have the cache by a grant.
type narrowed struct {
	grantee
	job     *lockJob
	out     *lockOutcome
	options []generate.Options
	file    string // where its lock lies, or will
}

// evaluate evaluates what the chosen flakes have, so that it is known what the
// caches will be asked.
func (n *narrowing) evaluate(ctx context.Context, chosen []string) error {
	for _, arg := range chosen {
		fl, err := n.book.named(arg)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(n.flakes, func(o *narrowed) bool { return o.id == fl.id }) {
			continue
		}
		w := &narrowed{grantee: fl}
		f := lockFlags{
			systems: n.f.systems, caches: []string{n.cache.URL}, keys: n.cache.Signers(), without: n.f.without,
			netrc: n.f.netrc, consumer: n.f.consumer, build: n.f.build,
		}
		if fl.folder == "" || !mayWriteTo(fl.folder) && absent(filepath.Join(fl.folder, lockFile)) {
			f.file = n.handedOver(fl.id)
		}
		if w.job, err = n.newLockJob(ctx, []string{fl.ref}, f); err != nil {
			return err
		}
		if w.out, w.options, err = w.job.evaluated(ctx, func(c *lockCaches) { n.limit(w.job, c) }); err != nil {
			return err
		}
		w.file = w.job.file
		n.flakes = append(n.flakes, w)
	}
	return nil
}

// limit takes from the caches of a lock what this machine does not trust now,
// as narrowing lets nothing in, and from the trusted caches' keys those that go:
// what only they prove would be refused afterwards.
func (n *narrowing) limit(j *lockJob, c *lockCaches) {
	old := map[string][]string{}
	for _, o := range j.old.Caches {
		old[o.URL] = o.Keys
	}
	c.claimed = slices.DeleteFunc(c.claimed, func(k lock.Cache) bool {
		if _, had := old[k.URL]; had || n.trustedNow(k.URL) {
			return false
		}
		n.plan.Notes = appendOnce(n.plan.Notes, fmt.Sprintf("%s asks for %s too, which this machine does not trust: it is left out. `nix-trust lock` and `nix-trust grant` would let it in.", j.src.Ref, k.URL))
		return true
	})
	for i, k := range c.claimed {
		if k.URL == n.cache.URL { // also those that are not named after its host
			k.Keys = appendOnce(slices.Clone(k.Keys), n.cache.Signers()...)
		}
		c.claimed[i].Keys = slices.DeleteFunc(slices.Clone(k.Keys), func(text string) bool {
			return !n.believedNow(text) && !slices.Contains(old[k.URL], text)
		})
	}
	for i, k := range c.trusted {
		c.trusted[i].Keys = slices.DeleteFunc(slices.Clone(k.Keys), n.cache.Gone)
	}
}

// trustedNow reports whether the machine takes a cache whatever the flake.
func (n *narrowing) trustedNow(url string) bool { return n.listed(url, false) }

func (n *narrowing) believedNow(key string) bool { return n.listed(key, true) }

func (n *narrowing) listed(item string, key bool) bool {
	return slices.ContainsFunc(n.report.Listings(), func(l trust.Listing) bool {
		return (l.Setting == "trusted-public-keys") == key && trust.SameItem(l.Item.Text, item)
	})
}

// makeLocks asks the caches, once that was allowed, and makes each flake's lock.
// What is wrong or not known in one of them stops everything.
func (n *narrowing) makeLocks(ctx context.Context) error {
	if err := n.mayTell(ctx); err != nil {
		return err
	}
	for _, w := range n.flakes {
		if err := w.out.ask(ctx, w.options); err != nil {
			return err
		}
		code := w.out.code()
		if !n.json {
			n.print(safetext.Text(w.name()).String() + ":")
		}
		if !n.json || code >= exitUnknown {
			if err := w.out.print(); err != nil {
				return err
			}
		}
		if !n.json {
			n.print("")
		}
		switch {
		case code >= exitUnknown || w.out.lock == nil:
			return &problem{code: max(code, exitUnknown), text: "nothing was changed, as there is no lock for " + w.name(), hints: []string{"what stands against it is told above; `nix-trust lock` for the flake alone says the same"}}
		case code != exitOK:
			n.confirm = append(n.confirm, w.name()+": the lock lacks something, as told above. Once the cache is gone, what it lacks is compiled where no other cache has it. --build pins also what that is built from.")
		}
	}
	return nil
}

// name is the flake for a person.
func (w *narrowed) name() string {
	if w.folder != "" {
		return w.folder
	}
	return w.ref
}

// mayTell asks once for all that the caches will learn: from the locks, and from
// comparing with those that stay trusted.
func (n *narrowing) mayTell(ctx context.Context) error {
	c := consent{done: "narrowed", also: "and so of all that these refer to"}
	for _, w := range n.flakes {
		for _, o := range w.options {
			s := generate.ScopeOf(o)
			c.hosts = append(c.hosts, s.Hosts...)
			c.paths += s.Roots + s.Optional
		}
	}
	t, _ := trustedCaches(n.after, lock.New(), nil, n.f.without)
	for _, u := range t.Caches {
		if !slices.Contains(t.Without, u) {
			c.hosts = append(c.hosts, hostOfURL(u))
		}
	}
	slices.Sort(c.hosts)
	c.hosts = slices.DeleteFunc(slices.Compact(c.hosts), func(h string) bool { return h == "" })
	if n.f.yes || len(c.hosts) == 0 {
		return nil
	}
	return n.askToTell(ctx, c)
}

// hostOfURL is the host that is asked, "" for a folder.
func hostOfURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Host
}

// handedOver is where the lock of a flake lies that has no place for it.
func (n *narrowing) handedOver(id grants.Identity) string {
	sum := sha256.Sum256([]byte(id))
	return filepath.Join(n.journal.Dir, "narrowed", slug(string(id))+"-"+hex.EncodeToString(sum[:4])+".cache-lock")
}

// slug is a text as a part of a file's name.
func slug(text string) string {
	out := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, text)
	return strings.TrimLeft(out[:min(len(out), 80)], ".-")
}

// lockStep is the change of a lock's file, nil when it is as it should be. A
// folder that the user may not write to does not get one: the lock is handed
// over by itself.
func (n *narrowing) lockStep(w *narrowed) (*trust.FileChange, error) {
	text, err := w.out.lock.Print()
	if err != nil {
		return nil, &problem{code: exitUnknown, text: err.Error()}
	}
	if bytes.Equal(text, w.job.text) {
		return nil, nil
	}
	moved := w.job.text
	beside := w.folder != "" && w.job.f.file == ""
	if beside && !mayWriteTo(w.folder) {
		w.file, moved, beside = n.handedOver(w.id), nil, false
	}
	if w.file, err = filepath.Abs(w.file); err != nil {
		return nil, &problem{code: exitUnknown, text: err.Error()}
	}
	if w.folder != "" && !beside {
		n.plan.Notes = appendOnce(n.plan.Notes, fmt.Sprintf("%s is not yours to write to, so its lock lies in %s.", w.folder, w.file))
	}
	before, err := n.book.read(w.file)
	if err != nil {
		return nil, changeProblem(err)
	}
	if moved != nil && !bytes.Equal(before.Data, moved) {
		return nil, &problem{code: exitFindings, text: w.file + " was changed meanwhile", hints: []string{"run it again"}}
	}
	if before.Exists && bytes.Equal(before.Data, text) {
		return nil, nil
	}
	mode := before.Mode
	if !before.Exists {
		mode = 0o644
	}
	return &trust.FileChange{Path: w.file, Before: before, After: trust.FileState{Exists: true, Data: text, Mode: mode}, Parents: !beside, Form: trust.FormText}, nil
}

// mayWriteTo reports whether a lock may be written into a folder. Root writes
// into none of another user's, who could have put a link there.
func mayWriteTo(folder string) bool {
	var st unix.Stat_t
	if os.Geteuid() == 0 && (unix.Stat(folder, &st) != nil || st.Uid != 0) {
		return false
	}
	return unix.Access(folder, unix.W_OK) == nil
}

func appendOnce(list []string, more ...string) []string {
	for _, m := range more {
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
}
