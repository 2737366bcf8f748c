package trust

import (
	"reflect"
	"testing"
	"time"
)

// probedScene is a machine with a cache of every kind, after some probes.
func probedScene(t *testing.T, probes ...Probed) *Report {
	return scene{system: lists, flake: claimText, answers: yes, change: func(f *Facts) { f.Probes = probes }}.decide(t)
}

// Whatever a probe found, no verdict is another one for it.
func TestAProbeChangesNoVerdict(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	without := probedScene(t)
	for reach := NotProbed; reach <= Forbidden; reach++ {
		for asked := Unknown; asked <= Fail; asked++ {
			p := Probed{URL: cacheURL, At: at, Reach: reach, Asked: asked, Stops: true}
			other := p
			other.URL = "https://cache.nixos.org"
			with := probedScene(t, p, other)
			for i := range with.Caches {
				if with.Caches[i].Probed.Reach != reach {
					t.Errorf("%v was not noted: %+v", reach, with.Caches[i])
				}
				with.Caches[i].Probed = Probed{}
			}
			for i := range with.Flakes[0].Caches {
				if with.Flakes[0].Caches[i].Probed.Reach != reach {
					t.Errorf("%v was not noted: %+v", reach, with.Flakes[0].Caches[i])
				}
				with.Flakes[0].Caches[i].Probed = Probed{}
			}
			with.probes, with.Client, with.Settings = nil, without.Client, without.Settings
			if len(with.Caches) == 0 || len(with.Flakes[0].Caches) < 2 || !reflect.DeepEqual(with, without) {
				t.Errorf("%v %v changed the report: %+v", reach, asked, with)
			}
		}
	}
}

// A probe is of the server that a store URL leads to, however that is written,
// and of no other.
func TestAProbeIsOfTheCacheThatWasProbed(t *testing.T) {
	old, last := time.Unix(1000, 0), time.Unix(2000, 0)
	r := probedScene(t,
		Probed{URL: "https://a.example", At: last, Reach: Unreachable}, Probed{URL: "https://a.example/", At: old, Reach: Reachable},
		Probed{URL: "https://a.example/sub", At: old, Reach: WrongStore}, Probed{URL: "file:///srv/cache", At: old, Reach: Reachable},
	)
	for url, want := range map[string]Reachability{
		"https://a.example": Unreachable, "https://a.example/": Unreachable, "https://me:pw@A.example?priority=3": Unreachable, "HTTPS://a.example": Unreachable,
		"https://a.example/sub/": WrongStore, "/srv/cache": Reachable, "file:///srv/cache?x=y": Reachable,
		"http://a.example": NotProbed, "https://a.example:444": NotProbed, "https://a.example.org": NotProbed, "https://a.example/SUB": NotProbed, "": NotProbed, "\x7f://": NotProbed,
	} {
		if got := r.LastProbe(url).Reach; got != want {
			t.Errorf("%q: %v, want %v", url, got, want)
		}
	}
	if (&Report{}).LastProbe("https://a.example").Reach != NotProbed {
		t.Error("a zero report knows of a probe")
	}
}

func TestAReachabilityThatIsNotKnownIsNotReachable(t *testing.T) {
	for _, word := range []string{"", "fine", "not-probed", "Reachable"} {
		if got := ParseReachability(word); got != ReachUnknown {
			t.Errorf("%q: %v", word, got)
		}
	}
	for r := ReachUnknown; r <= Forbidden; r++ {
		if ParseReachability(r.String()) != r {
			t.Errorf("%v does not read", r)
		}
	}
	if Reachability(99).String() != "unknown" || Reachability(-1).String() != "unknown" {
		t.Error("a value out of range has a word")
	}
}
