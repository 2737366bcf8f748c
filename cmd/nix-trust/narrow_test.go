package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/global"
)

// lines is a person who types a line whenever one is read.
type lines []string

func (l *lines) Read(p []byte) (int, error) {
	if len(*l) == 0 {
		return 0, io.EOF
	}
	n := copy(p, (*l)[0]+"\n")
	*l = (*l)[1:]
	return n, nil
}

func TestAPersonChoosesTheFlakesAndSilenceChoosesNone(t *testing.T) {
	report := &trust.Report{Flakes: []trust.FlakeReport{
		{ID: trust.FlakeID{Ref: "path:/src/other", Path: "/src/other"}},
		{ID: trust.FlakeID{Ref: "path:/src/needs", Path: "/src/needs"}, Caches: []trust.CacheVerdict{{URL: "https://a.example/", Claimed: true}}},
		{ID: trust.FlakeID{Ref: "github:o/r", Path: "/nix/store/x-source"}},
		{ID: trust.FlakeID{Ref: "path:/src/\x1b[2Jevil", Path: "/src/\x1b[2Jevil"}},
	}}
	for name, c := range map[string]struct {
		typed  []string
		want   []string
		said   string
		refuse bool
	}{
		"a number":          {[]string{"1"}, []string{"/src/needs"}, "1  path:/src/needs  asks for it", false},
		"several":           {[]string{"1, 3"}, []string{"/src/needs", "github:o/r"}, "2  path:/src/other  does not ask for it; whether the cache has its outputs was not asked", false},
		"all that ask":      {[]string{"all"}, []string{"/src/needs"}, "", false},
		"a folder":          {[]string{"./x github:a/b"}, []string{"./x", "github:a/b"}, "", false},
		"one that is not":   {[]string{"9", "0", "two", "2"}, []string{"/src/other"}, `"9" is none of them`, false},
		"an empty line":     {[]string{""}, nil, "", true},
		"the end of input":  {nil, nil, "", true},
		"nothing but wrong": {[]string{"nope"}, nil, `"nope" is none of them`, true},
	} {
		t.Run(name, func(t *testing.T) {
			typed := lines(c.typed)
			var out, errs bytes.Buffer
			n := &narrowing{
				app:    &app{streams: streams{in: &typed, out: &out, err: &errs, terminal: true}},
				book:   &grantBook{store: "/nix/store"},
				report: report, cache: global.Cache{URL: "https://a.example", Flakes: []int{1}},
			}
			got, err := n.choose(context.Background())
			var p *problem
			if c.refuse != (errors.As(err, &p) && p.code == exitFindings) || !slices.Equal(got, c.want) {
				t.Errorf("%q, %v", got, err)
			}
			if !strings.Contains(errs.String(), c.said) || strings.Contains(errs.String(), "\x1b[2J") || out.Len() > 0 {
				t.Errorf("it says %q and prints %q", errs.String(), out.String())
			}
		})
	}
}

func TestAFileIsNamedAfterWhatItIsForAndLeadsNowhereElse(t *testing.T) {
	for text, want := range map[string]string{
		"../../etc/passwd": "etc-passwd", "github:o/r": "github-o-r", ".hidden": "hidden", "a\x00b\u202ec": "a-b-c", strings.Repeat("x", 500): strings.Repeat("x", 80), "": "",
	} {
		if got := slug(text); got != want {
			t.Errorf("slug(%q) = %q, want %q", text, got, want)
		}
	}
}

// memory is files of a made-up machine.
type memory map[string]string

func (m memory) ReadFile(name string) ([]byte, error) {
	if text, ok := m[name]; ok {
		return []byte(text), nil
	}
	return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
}

func (m memory) Exists(name string) (bool, error) { _, ok := m[name]; return ok, nil }

// A key that goes proves nothing afterwards, so that a path must not be left out
// of the lock because a cache that stays shows its signature; and what a flake
// asks for beside the cache is not let in by the way.
func TestALockIsMadeWithWhatIsTrustedAfterwards(t *testing.T) {
	const raw = ":6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	conf := nixconf.Load(memory{"/etc/nix/nix.conf": "substituters = https://a.example https://b.example\ntrusted-public-keys = a.example-1" + raw + " b.example-1" + raw + " said-1" + raw + "\n"},
		nixconf.Environment{Home: "/home/a", System: "x86_64-linux"}, nixconf.Version{Major: 2, Minor: 34})
	r := trust.Decide(&trust.Facts{Nix: trust.Nix{Version: conf.Version}, Client: conf, System: conf})
	cache, ok := global.Find(r, "https://a.example", global.Options{Keys: []string{"said-1" + raw}})
	if !ok {
		t.Fatal("the cache is not found")
	}
	old := lock.New()
	old.Caches = []lock.Cache{{URL: "https://d.example", Keys: []string{"d.example-1" + raw}}}
	n := &narrowing{report: r, cache: cache}
	c := &lockCaches{
		claimed: []lock.Cache{
			{URL: "https://a.example", Keys: []string{"a.example-1" + raw, "a.example-2" + raw}}, // the second is not believed
			{URL: "https://b.example", Keys: []string{"b.example-1" + raw}},
			{URL: "https://c.example", Keys: []string{"c.example-1" + raw}},
			old.Caches[0],
		},
		trusted: []lock.Cache{{URL: "https://e.example", Keys: []string{"a.example-1" + raw, "b.example-1" + raw, "said-1" + raw}}},
	}
	n.limit(&lockJob{old: old, src: &nix.Source{Ref: "path:/f"}}, c)
	want := []lock.Cache{
		{URL: "https://a.example", Keys: []string{"a.example-1" + raw, "said-1" + raw}},
		{URL: "https://b.example", Keys: []string{"b.example-1" + raw}},
		old.Caches[0],
	}
	if !reflect.DeepEqual(c.claimed, want) {
		t.Errorf("the lock's caches are %+v", c.claimed)
	}
	if !slices.Equal(c.trusted[0].Keys, []string{"b.example-1" + raw}) {
		t.Errorf("a cache that stays proves with %q", c.trusted[0].Keys)
	}
	if len(n.plan.Notes) != 1 || !strings.Contains(n.plan.Notes[0], "asks for https://c.example too, which this machine does not trust") {
		t.Errorf("%q", n.plan.Notes)
	}
}
