package demo

import (
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/verify"
)

// hurried is the host with caches that answer at once.
func hurried() *Host {
	h := New()
	h.Hurry()
	return h
}

// The locks of the demo are there to show one of each outcome.
func TestLocksOfTheDemoComeOutAsTheyAreMeantTo(t *testing.T) {
	want := map[string]verify.Outcome{"comet": verify.Fine, "harbor": verify.Unproved, "quarry": verify.Bad}
	stale := map[string]bool{"harbor": true}
	for _, m := range locked() {
		name := m.folder[strings.LastIndexByte(m.folder, '/')+1:]
		t.Run(name, func(t *testing.T) {
			text, err := New().Files().ReadFile(m.folder + lockName)
			if err != nil {
				t.Fatal(err)
			}
			l, err := lock.Parse(name, text)
			if err != nil {
				t.Fatal(err)
			}
			r, err := verify.Verify(t.Context(), l, verify.Options{Client: bincache.NewClient(bincache.Options{Source: hurried().Caches()}), Contents: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Outcome(); got != want[name] {
				t.Errorf("verifying is %s, want %s: %v", got, want[name], r.Counts())
			}
			moved := false
			for system, s := range l.Systems {
				for out, path := range s.Outputs {
					moved = moved || Evaluated(m.folder)[system][out] != path
				}
			}
			if moved != stale[name] {
				t.Errorf("stale: %v, want %v", moved, stale[name])
			}
			old, err := Committed(m.folder + lockName)
			if err != nil {
				t.Fatal(err)
			}
			head, err := lock.Parse("HEAD", old)
			if err != nil {
				t.Fatal(err)
			}
			if d := lock.Compare(head, l); d.Alarm() != (name == "quarry") || name == "comet" && len(d) == 0 {
				t.Errorf("since HEAD: %+v", d)
			}
		})
	}
}

func TestTheDemoHasALockThatIsNoLock(t *testing.T) {
	text, err := New().Files().ReadFile("/home/mira/src/mosaic" + lockName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Parse("mosaic", text); err == nil {
		t.Error("the lock with conflict markers was read")
	}
}

// The keys of the locks are those that the flakes of the demo declare.
func TestKeysOfTheLocksAreThoseOfTheFlakes(t *testing.T) {
	for _, m := range locked() {
		flake, err := New().Files().ReadFile(m.folder + "/flake.nix")
		if err != nil {
			t.Fatal(err)
		}
		declared := false
		for _, key := range m.now.Keys() {
			declared = declared || strings.Contains(string(flake), key)
		}
		if !declared {
			t.Errorf("%s declares no key of its lock: %v", m.folder, m.now.Keys())
		}
	}
}
