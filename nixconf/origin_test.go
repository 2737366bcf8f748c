package nixconf_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
)

func TestEveryItemKeepsWhereItCameFrom(t *testing.T) {
	files := mapFiles{
		"/etc/nix/nix.conf":                "# top\nsubstituters = https://a/\ninclude more.conf\n",
		"/etc/nix/more.conf":               "\n  extra-binary-caches =  https://b/\thttps://c/ # two\n",
		"/home/alice/.config/nix/nix.conf": "extra-substituters = https://d/\n",
	}
	for _, v := range versions {
		c := nixconf.Load(files, alice("NIX_CONFIG=cores = 1\nextra-substituters = https://e/"), v)
		if c.Fatal != nil {
			t.Fatal(c.Fatal)
		}
		if d := c.Apply(nixconf.Origin{Layer: nixconf.LayerFlake, Pos: nixconf.Pos{File: "flake.nix", Line: 7, Col: 5}}, "extra-substituters", "https://f/"); d != nil {
			t.Fatal(d)
		}
		var got []string
		for _, it := range c.Get("binary-caches").Items {
			o := it.Origin
			line := fmt.Sprintf("%s %s %v %s append=%v", it.Text, o.Layer, o.Pos, o.Name, o.Append)
			for _, p := range o.Included {
				line += " via " + p.String()
			}
			got = append(got, line)
		}
		want := []string{
			"https://a/ system file /etc/nix/nix.conf:2:16 substituters append=false",
			"https://b/ system file /etc/nix/more.conf:2:26 extra-binary-caches append=true via /etc/nix/nix.conf:3:1",
			"https://c/ system file /etc/nix/more.conf:2:37 extra-binary-caches append=true via /etc/nix/nix.conf:3:1",
			"https://d/ user file /home/alice/.config/nix/nix.conf:1:22 extra-substituters append=true",
			"https://e/ environment NIX_CONFIG:2:22 extra-substituters append=true",
			"https://f/ flake flake.nix:7:5 extra-substituters append=true",
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v:\n%s\nwant\n%s", v, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestDiscardedAssignmentsSayWhatDiscardedThem(t *testing.T) {
	files := mapFiles{
		"/etc/nix/nix.conf":                "extra-trusted-users = lost\ntrusted-users = a b\nextra-trusted-users = c\nsubstitute = false\nsubstitute = true\n",
		"/home/alice/.config/nix/nix.conf": "trusted-users = d\n",
	}
	for _, v := range versions {
		c := nixconf.Load(files, alice(), v)
		users := c.Get("trusted-users")
		var got []string
		for _, a := range users.History {
			by := "in force"
			if a.OverriddenBy != nil {
				by = "by " + a.OverriddenBy.Pos.String()
			}
			got = append(got, fmt.Sprintf("%v %q %s", a.Origin.Pos, a.Value, by))
		}
		want := []string{
			`/etc/nix/nix.conf:1:1 "lost" by /etc/nix/nix.conf:2:1`,
			`/etc/nix/nix.conf:2:1 "a b" by /home/alice/.config/nix/nix.conf:1:1`,
			`/etc/nix/nix.conf:3:1 "c" by /home/alice/.config/nix/nix.conf:1:1`,
			`/home/alice/.config/nix/nix.conf:1:1 "d" in force`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v:\n%s\nwant\n%s", v, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if users.Origin.Layer != nixconf.LayerUser || !users.Forwarded {
			t.Errorf("%v: %+v", v, users.Origin)
		}
		s := c.Get("substitute")
		if s.Forwarded || s.Text != "true" || s.Origin.Pos.Line != 5 || s.History[0].OverriddenBy == nil || s.History[1].OverriddenBy != nil {
			t.Errorf("%v: substitute %+v", v, s)
		}
	}
}

func TestNixPathOverridesTheFilesAndSaysSo(t *testing.T) {
	files := mapFiles{"/etc/nix/nix.conf": "nix-path = a=/x\n"}
	for _, v := range versions[1:] {
		c := nixconf.Load(files, alice("NIX_PATH=b=/y:c=https://z.example/d:e"), v)
		if got := c.Tokens("nix-path"); !slices.Equal(got, []string{"b=/y", "c=https://z.example/d", "e"}) {
			t.Errorf("%v: %q", v, got)
		}
		h := c.Get("nix-path").History
		if len(h) != 2 || h[0].OverriddenBy == nil || h[0].OverriddenBy.Pos.File != "NIX_PATH" {
			t.Errorf("%v: the line that lost is not explained: %+v", v, h)
		}
	}
}

func TestOnlyWhatFollowsTheSystemFileIsForwarded(t *testing.T) {
	files := mapFiles{
		"/etc/nix/nix.conf":                "substituters = https://a/\nimpure-env = A=b\n",
		"/home/alice/.config/nix/nix.conf": "extra-trusted-public-keys = k:x\nauto-allocate-uids = true\n",
	}
	c := nixconf.Load(files, alice("NIX_CONFIG=fallback = true"), nixconf.Newest)
	for name, want := range map[string]bool{
		"substituters": false, "trusted-public-keys": true, "fallback": true, "pure-eval": false,
		"auto-allocate-uids": false, // its feature is off, so it is not sent although it was named
	} {
		if got := c.Get(name).Forwarded; got != want {
			t.Errorf("%s forwarded: %v", name, got)
		}
	}
}

func TestClonesGoTheirOwnWay(t *testing.T) {
	files := mapFiles{"/etc/nix/nix.conf": "substituters = https://a/ https://b/\n"}
	base := nixconf.Load(files, alice(), nixconf.Newest)
	flag := nixconf.Origin{Layer: nixconf.LayerFlag}
	one := base.Clone()
	if d := one.Apply(flag, "extra-substituters", "https://one/"); d != nil {
		t.Fatal(d)
	}
	two, three := one.Clone(), one.Clone()
	for c, url := range map[*nixconf.Config]string{two: "https://two/", three: "https://three/"} {
		if d := c.Apply(flag, "extra-substituters", url); d != nil {
			t.Fatal(d)
		}
		if d := c.Apply(flag, "no-such", "1"); d != nil {
			c.Warnings = append(c.Warnings, *d)
		}
	}
	three.Apply(flag, "substituters", "https://only/")
	for _, x := range []struct {
		c        *nixconf.Config
		want     string
		warnings int
		history  int
	}{
		{base, "https://a/ https://b/", 0, 1},
		{one, "https://a/ https://b/ https://one/", 0, 2},
		{two, "https://a/ https://b/ https://one/ https://two/", 1, 3},
		{three, "https://only/", 1, 4},
	} {
		v := x.c.Get("substituters")
		if got := strings.Join(x.c.Tokens("substituters"), " "); got != x.want || len(x.c.Warnings) != x.warnings || len(v.History) != x.history {
			t.Errorf("%q, %d warnings, %d assignments; want %+v", got, len(x.c.Warnings), len(v.History), x)
		}
	}
	if base.Get("substituters").History[0].OverriddenBy != nil {
		t.Error("an assignment to a clone marked the original's history")
	}
}

func TestAZeroConfigKnowsNothing(t *testing.T) {
	for _, c := range []*nixconf.Config{nil, {}} {
		if c.Get("substituters") != nil || c.All() != nil || c.Bool("require-sigs") || c.Tokens("substituters") != nil {
			t.Error("a configuration that was never loaded has values")
		}
	}
	c := &nixconf.Config{}
	if d := c.Clone().Apply(nixconf.Origin{}, "substituters", "x"); d == nil {
		t.Error("a configuration that was never loaded took an assignment")
	}
}

// TestClonesMayBeUsedAtTheSameTime is for the race detector: flakes are looked
// at concurrently, each with a clone of one configuration.
func TestClonesMayBeUsedAtTheSameTime(t *testing.T) {
	base := nixconf.Load(mapFiles{"/etc/nix/nix.conf": typical}, alice(), nixconf.Newest)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				c := base.Clone()
				c.Apply(nixconf.Origin{Layer: nixconf.LayerFlake}, "extra-substituters", fmt.Sprintf("https://%d", i))
				if list := c.Tokens("substituters"); list[len(list)-1] != fmt.Sprintf("https://%d", i) || len(list) != 4 {
					t.Errorf("clone %d has %q", i, list)
				}
			}
		})
	}
	wg.Wait()
}
