package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/probe"
)

func samplePath(i int, name string) lock.StorePath {
	return lock.StorePath(fmt.Sprintf("%032d-%s", i, name))
}

// The same lock gives the same sample, with the outputs of this system in it, and
// never more than is said.
func TestASampleIsTheSameEachTimeAndBounded(t *testing.T) {
	l := lock.New()
	for i := range 100 {
		for _, system := range []string{"aarch64-linux", "x86_64-linux"} {
			p := samplePath(i, system)
			l.Section(system).Paths[p] = lock.Pin{NAR: lock.Hash{1}, Size: 8}
			if i >= 97 {
				l.Section(system).Outputs[fmt.Sprintf("packages.p%d", i)] = p
			}
		}
	}
	l.Section("x86_64-linux").Outputs["packages.elsewhere"] = samplePath(500, "not-pinned")
	var first []bincache.StorePath
	for range 20 {
		s := &sample{lock: l, pins: map[bincache.StorePath]lock.Pin{}}
		s.take("x86_64-linux")
		if len(s.paths) != mostSampled || s.pinned != 200 || !slices.IsSorted(s.paths) {
			t.Fatalf("%d of %d: %q", len(s.paths), s.pinned, s.paths)
		}
		if first == nil {
			first = s.paths
		}
		if !slices.Equal(first, s.paths) {
			t.Fatalf("%q, and then %q", first, s.paths)
		}
	}
	for i := 97; i < 100; i++ {
		for _, system := range []string{"aarch64-linux", "x86_64-linux"} {
			if !slices.Contains(first, samplePath(i, system)) {
				t.Errorf("the output %d of %s is not in %q", i, system, first)
			}
		}
	}
	if !slices.Contains(first, samplePath(0, "x86_64-linux")) || slices.Contains(first, samplePath(0, "aarch64-linux")) || slices.Contains(first, samplePath(500, "not-pinned")) {
		t.Errorf("%q", first)
	}
}

// A path of a lock is fine when one of its caches proves it, and what is not known
// is not fine.
func TestASampledPathNeedsACacheThatProvesIt(t *testing.T) {
	const a, b = "0000000000000000000000000000000a-a", "0000000000000000000000000000000b-b"
	for _, c := range []struct {
		one, two []probe.Path // what two caches say
		want     int
	}{
		{[]probe.Path{{Path: a, State: probe.PathSigned}, {Path: b, State: probe.PathAddressed}}, nil, exitOK},
		{[]probe.Path{{Path: a, State: probe.PathSigned}, {Path: b, State: probe.PathAbsent}}, []probe.Path{{Path: b, State: probe.PathSigned}, {Path: a, State: probe.PathAbsent}}, exitOK},
		{[]probe.Path{{Path: a, State: probe.PathSigned}}, nil, exitUnknown},
		{nil, nil, exitUnknown},
		{[]probe.Path{{Path: a, State: probe.PathSigned}, {Path: b, State: probe.PathUnknown}}, []probe.Path{{Path: a, State: probe.PathSigned}, {Path: b, State: probe.PathAbsent}}, exitUnknown},
		{[]probe.Path{{Path: a, State: probe.PathSigned}, {Path: b, State: probe.PathUnsigned}}, []probe.Path{{Path: a, State: probe.PathSigned}, {Path: b, State: probe.PathAbsent}}, exitFindings},
		{[]probe.Path{{Path: a, State: probe.PathSigned}, {Path: b, State: probe.PathUnknownKey}}, []probe.Path{{Path: a, State: probe.PathSigned}, {Path: b, State: probe.PathRefused}}, exitFindings},
		{[]probe.Path{{Path: a, State: probe.PathSigned}, {Path: b, State: probe.PathUnlike}}, []probe.Path{{Path: a, State: probe.PathSigned}, {Path: b, State: probe.PathSigned}}, exitBad},
		{[]probe.Path{{Path: a, State: probe.PathBadSignature}, {Path: b, State: probe.PathSigned}}, []probe.Path{{Path: a, State: probe.PathSigned}, {Path: b, State: probe.PathSigned}}, exitBad},
	} {
		fine := probe.Result{Outcome: probe.Reachable, Effect: probe.Asks, Miss: probe.Miss{Answer: probe.MissAbsent}}
		one, two := fine, fine
		one.Paths, two.Paths = c.one, c.two
		p := probed{sample: &sample{paths: []bincache.StorePath{a, b}}, results: []probe.Result{one, two}}
		if c.two == nil {
			p.results = p.results[:1]
		}
		if got := p.code(); got != c.want {
			t.Errorf("%+v: %d, want %d", c, got, c.want)
		}
		// However well the paths are, an unreachable cache is told.
		p.results = append(p.results, probe.Result{Outcome: probe.Unreachable, Effect: probe.Skips})
		if got := p.code(); got == exitOK {
			t.Errorf("%+v with one that cannot be reached: %d", c, got)
		}
	}
}

// The keys of a lock judge its own caches, and no others.
func TestASampleIsJudgedByTheKeysOfItsLock(t *testing.T) {
	l := lock.New()
	l.Caches = []lock.Cache{{URL: "https://a.example", Keys: []string{"a-1:Mt/9hbGlnV4rfmRW0o8hE8nX/PsErINPJf8pKrGJVck="}}, {URL: "https://b.example"}}
	s := &sample{lock: l, pins: map[bincache.StorePath]lock.Pin{}}
	if ring := s.keysOf("https://a.example/?priority=3"); ring == nil {
		t.Error("another spelling is another cache")
	} else if _, _, ok := ring.Find("a-1"); !ok {
		t.Error("the lock's key is not in the ring")
	}
	if ring := s.keysOf("https://b.example"); ring == nil {
		t.Error("a cache of the lock without a key is judged by the host's keys")
	} else if _, _, ok := ring.Find("a-1"); ok {
		t.Error("one cache's key judges another")
	}
	for _, other := range []string{"https://c.example", "s3://a.example", ""} {
		if s.keysOf(other) != nil {
			t.Errorf("%q is none of the lock's", other)
		}
	}
	if got := s.unlike(&bincache.NarInfo{Path: "0000000000000000000000000000000a-a"}); got != "" {
		t.Errorf("a path that is not pinned: %s", got)
	}
}
