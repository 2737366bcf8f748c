package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/lock/verify"
)

// mostSampled is for how many paths of a lock its caches are asked.
const mostSampled = 8

// A sample is some of what a lock pins, which its caches are asked for to see
// whether they still have and sign it. All of it is what verify asks for.
type sample struct {
	file   string
	lock   *lock.Lock
	paths  []bincache.StorePath // sorted
	pins   map[bincache.StorePath]lock.Pin
	pinned int // of how many
}

type jsonSample struct {
	Lock   string `json:"lock"`
	Asked  int    `json:"asked"`
	Pinned int    `json:"pinned"`
}

// sampleOf reads the lock that a run of probe names, nil when it names none.
func (a *app) sampleOf(f probeFlags, system string) (*sample, error) {
	file := f.lock
	switch {
	case file != "" && f.flake != "":
		return nil, usage("--flake and --lock both name a lock", "give one of them")
	case f.flake != "":
		dir, err := filepath.Abs(f.flake)
		if err != nil {
			return nil, &problem{code: exitUnknown, text: err.Error()}
		}
		file = filepath.Join(dir, lockFile)
	case file == "":
		return nil, nil
	}
	text, err := a.lockText(file, lock.MaxBytes)
	if err != nil {
		return nil, &problem{code: exitUnknown, text: fmt.Sprintf("%s could not be read: %v", file, cause(err)), hints: []string{"--lock takes the path of a flake.cache-lock, --flake the folder that has one"}}
	}
	l, err := lock.Parse(file, text)
	if err != nil {
		return nil, lockProblem(err)
	}
	s := &sample{file: file, lock: l, pins: map[bincache.StorePath]lock.Pin{}}
	s.take(system)
	switch {
	case len(s.paths) == 0:
		return nil, &problem{code: exitUnknown, text: file + " pins no path, so that its caches can be asked for none", hints: []string{"renew it with `nix-trust lock`"}}
	case len(l.Caches) == 0:
		return nil, &problem{code: exitUnknown, text: file + " names no cache, so that there is nobody to ask", hints: []string{"add a [[cache]] with its url and keys"}}
	}
	return s, nil
}

// take picks the paths: the outputs first, those of this system before others,
// then the rest in order. Of the same lock it picks the same ones again.
func (s *sample) take(system string) {
	names := s.lock.SystemNames()
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(otherThan(a, system), otherThan(b, system))
	})
	var outputs, rest []bincache.StorePath
	for _, name := range names {
		section := s.lock.Systems[name]
		var mine, others []bincache.StorePath
		for p, pin := range section.Paths {
			s.pins[p] = pin
			others = append(others, p)
		}
		for _, p := range section.Outputs {
			if _, pinned := section.Paths[p]; pinned {
				mine = append(mine, p)
			}
		}
		slices.Sort(mine)
		slices.Sort(others)
		outputs, rest = append(outputs, mine...), append(rest, others...)
	}
	s.pinned = len(s.pins)
	for _, p := range append(outputs, rest...) {
		if len(s.paths) == mostSampled {
			break
		}
		if !slices.Contains(s.paths, p) {
			s.paths = append(s.paths, p)
		}
	}
	slices.Sort(s.paths)
}

func otherThan(a, b string) int {
	if a == b {
		return 0
	}
	return 1
}

// urls are the lock's caches.
func (s *sample) urls() []string {
	return list(s.lock.Caches, func(c lock.Cache) string { return c.URL })
}

// keysOf are the keys that the lock has for one of its caches, which judge what
// that cache signs; nil for any other.
func (s *sample) keysOf(storeURL string) *bincache.Keyring {
	u, err := lock.CanonicalURL(storeURL)
	if err != nil {
		return nil
	}
	i := slices.IndexFunc(s.lock.Caches, func(c lock.Cache) bool { return c.URL == u })
	if i < 0 {
		return nil
	}
	return bincache.NewKeyring(s.lock.Caches[i].Keys)
}

// ask adds the sample to what caches are asked for.
func (s *sample) ask(o *probe.Options) {
	o.Paths = append(o.Paths, s.paths...)
	o.KeysOf, o.Unlike = s.keysOf, s.unlike
}

// unlike says in what a narinfo differs from what the lock pins, "" for nothing.
func (s *sample) unlike(n *bincache.NarInfo) string {
	pin, pinned := s.pins[n.Path]
	if !pinned {
		return ""
	}
	var what []string
	for _, d := range verify.Compare(pin, n) {
		what = append(what, fmt.Sprintf("%s is pinned as %s, and it says %s", d.Field, d.Pinned, d.Got))
	}
	return strings.Join(what, "; ")
}

func (s *sample) text() string {
	return fmt.Sprintf("asked for %s of %d that %s pins; `nix-trust verify` asks for all", count(len(s.paths), "path", "paths"), s.pinned, s.file)
}

func (s *sample) json() *jsonSample {
	if s == nil {
		return nil
	}
	return &jsonSample{s.file, len(s.paths), s.pinned}
}
