package generate

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache/bincachetest"
	"github.com/nix-trust/nix-trust/lock/nix"
)

// A world is made up at random: who says what of a few paths, and how good it is.
type world struct {
	w    *web
	o    Options
	says map[lock.StorePath][]heard
	down bool
}

type heard struct {
	pin     lock.Pin // without By
	claimed bool     // by a cache of the lock
	proved  bool     // by a listed or trusted key
	host    bool     // proved by a key of the host
	local   bool     // by the local store
	anchor  bool     // proved, or by the local store or the old lock
	bad     bool     // a signature does not fit
}

func makeWorld(rnd *rand.Rand) *world {
	x := &world{w: newWeb(), says: map[lock.StorePath][]heard{}}
	x.o = x.w.options()
	addSecond(&x.o)
	var paths []lock.StorePath
	for _, s := range "abcdfg" {
		paths = append(paths, at(string(s)))
	}
	often := func(percent int) bool { return rnd.IntN(100) < percent }
	tampering := []int{0, 0, 3, 10}[rnd.IntN(4)]
	unsigned := []int{0, 3, 20}[rnd.IntN(3)]
	old := lock.New()
	old.Caches = []lock.Cache{{URL: flakeURL, Keys: []string{flake.Public()}}}
	x.o.Local = map[lock.StorePath]nix.Info{}
	for i, p := range paths {
		var refs []lock.StorePath
		for _, to := range paths[i+1:] {
			if often(35) {
				refs = append(refs, to)
			}
		}
		if often(20) {
			refs = append(refs, p)
		}
		say := func() (text string, r []lock.StorePath) {
			text, r = "honest", refs
			if often(tampering) {
				text = "evil"
			}
			if often(tampering) {
				r = append(slices.Clone(refs), at("z"))
			}
			return text, r
		}
		for cache, key := range map[string]bincachetest.Signer{flakeURL: flake, secondURL: second, hostURL: host} {
			if !often(45) {
				continue
			}
			text, r := say()
			n := info(p, text, r...)
			h := heard{pin: pinned1(n), claimed: cache != hostURL}
			switch {
			case often(unsigned):
				x.w.put(cache, n)
			case often(unsigned):
				x.w.put(cache, n, alien)
			case often(tampering / 2):
				n.Signatures = []string{key.Name + ":AAAA"}
				x.w.put(cache, n)
				h.bad = true
			default:
				x.w.put(cache, n, key)
				h.proved, h.anchor, h.host = true, true, cache == hostURL
			}
			x.says[p] = append(x.says[p], h)
		}
		if often(15) {
			text, r := say()
			x.o.Local[p] = localInfo(info(p, text, r...))
			x.says[p] = append(x.says[p], heard{pin: pinned1(info(p, text, r...)), local: true, anchor: true})
		}
		if often(25) {
			text, r := say()
			pin := pinned1(info(p, text, r...))
			if often(50) {
				pin.By = []string{"old-1"}
			}
			old.Section([]string{system, "aarch64-linux"}[rnd.IntN(2)]).Paths[p] = pin
			pin.By = nil
			x.says[p] = append(x.says[p], heard{pin: pin, anchor: true})
		}
		switch rnd.IntN(6) {
		case 0, 1:
			x.o.Roots = append(x.o.Roots, p)
		case 2:
			x.o.Optional = append(x.o.Optional, p)
		}
	}
	x.o.Old, x.o.Keep = old, often(30)
	if often(5) {
		x.w.fail["second.example"] = errDown
		x.down = true
	}
	return x
}

// check holds what must be true of any result against what was said.
func (x *world) check(r *Result) (wrong []string) {
	fail := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if (r.Lock == nil) != (r.Outcome() == Alarm || r.Outcome() == Undetermined) {
		fail("%v, and the lock is %v", r.Outcome(), r.Lock)
	}
	troubled := map[lock.StorePath]Kind{}
	for _, p := range r.Problems {
		troubled[p.Path] = p.Kind
	}
	if r.Lock == nil {
		return wrong
	}
	if x.down && len(x.o.Roots)+len(x.o.Optional) > 0 {
		fail("a cache is down, and there is a lock")
	}
	section := r.Lock.Systems[system]
	oldPins := map[lock.StorePath]lock.Pin{}
	if s := x.o.Old.Systems[system]; s != nil {
		oldPins = s.Paths
	}
	reached, weak := x.reach(oldPins)
	for p, pin := range section.Paths {
		if !reached[p] && ((!weak[p] && !x.o.Keep) || !reflect.DeepEqual(pin, oldPins[p])) {
			fail("%s is pinned, and nothing needs it", p)
		}
		pin.By = nil
		vouched, now := false, false // by anybody, and without the old lock
		for _, h := range x.says[p] {
			agree := reflect.DeepEqual(h.pin, pin)
			vouched = vouched || agree && h.anchor
			now = now || agree && (h.proved && h.claimed || h.local)
			if reached[p] && h.anchor && !agree {
				fail("%s is pinned as %v, and somebody knows it as %v", p, pin, h.pin)
			}
			if reached[p] && h.host {
				fail("%s is pinned, and the host has it anyway", p)
			}
			if reached[p] && h.bad {
				fail("%s is pinned, and there is a bad signature", p)
			}
		}
		if !vouched {
			fail("%s is pinned, and nobody vouches for it", p)
		}
		if _, told := slices.BinarySearch(r.Remembered, p); !told && !now || told && now && reached[p] {
			fail("%s is told to be remembered: %v", p, told)
		}
	}
	for p := range reached {
		_, isPinned := section.Paths[p]
		_, isTroubled := troubled[p]
		served := slices.ContainsFunc(x.says[p], func(h heard) bool { return h.host })
		if !isPinned && !isTroubled && !served {
			fail("%s is needed, and neither pinned nor served nor said to be missing", p)
		}
	}
	return wrong
}

// reach has what is needed, and what is only asked for: from the roots, through
// what is there, and through what is only remembered to what the lock's caches
// have.
func (x *world) reach(remembered map[lock.StorePath]lock.Pin) (needed, weak map[lock.StorePath]bool) {
	needed, weak = map[lock.StorePath]bool{}, map[lock.StorePath]bool{}
	var need, wish func(p lock.StorePath)
	need = func(p lock.StorePath) {
		if needed[p] {
			return
		}
		needed[p] = true
		there := x.o.Local[p].Size > 0
		for _, h := range x.says[p] {
			there = there || h.proved
		}
		for _, h := range x.says[p] {
			if there && h.anchor {
				each(h.pin.Refs, need)
			}
		}
		if !there {
			each(remembered[p].Refs, wish)
		}
	}
	wish = func(p lock.StorePath) {
		if slices.ContainsFunc(x.says[p], func(h heard) bool { return h.claimed }) {
			need(p)
		} else if !weak[p] {
			weak[p] = true
			each(remembered[p].Refs, wish)
		}
	}
	each(x.o.Roots, need)
	each(x.o.Optional, wish)
	return needed, weak
}

func each(paths []lock.StorePath, do func(lock.StorePath)) {
	for _, p := range paths {
		do(p)
	}
}

// Whatever is said, a lock never has what nobody vouches for or somebody knows
// otherwise, never leaves out in silence what is needed, and is made again as
// it was.
func TestNoLockOfARandomWorldHoldsWhatItMustNot(t *testing.T) {
	outcomes := map[Outcome]int{}
	for seed := range uint64(1500) {
		x := makeWorld(rand.New(rand.NewPCG(seed, 1)))
		r := mustMake(t, x.o)
		outcomes[r.Outcome()]++
		if wrong := x.check(r); len(wrong) > 0 {
			t.Fatalf("seed %d: %s\n%s\nroots %v optional %v keep %v\nold %+v\nsays %+v", seed, strings.Join(wrong, "; "), summary(r), x.o.Roots, x.o.Optional, x.o.Keep, x.o.Old.Systems[system], x.says)
		}
		if r.Lock == nil {
			continue
		}
		o := x.o
		o.Old = r.Lock
		if again := mustMake(t, o); !reflect.DeepEqual(again.Lock, r.Lock) || again.Outcome() != r.Outcome() {
			t.Fatalf("seed %d: made again it is\n%s\nand was\n%s", seed, summary(again), summary(r))
		}
	}
	for _, o := range []Outcome{Fine, Incomplete, Alarm, Undetermined} {
		if outcomes[o] < 30 {
			t.Errorf("only %d worlds are %v", outcomes[o], o)
		}
	}
}
