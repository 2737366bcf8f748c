package global

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

func (d disk) files() Files {
	return Files{
		Files: d, Read: d.read, Env: environment, Version: nixconf.Version{Major: 2, Minor: 34},
		Foreign: func(_ string, text []byte) string {
			if strings.Contains(string(text), "do not edit") {
				return "another program makes the file"
			}
			return ""
		},
	}
}

// make carries a plan out.
func (d disk) make(p trust.Plan) disk {
	out := disk{}
	for name, text := range d {
		out[name] = text
	}
	for _, s := range p.Steps {
		out[s.Path] = string(s.After.Data)
	}
	return out
}

func TestTakingOutChangesTheUsersFilesAndNothingElse(t *testing.T) {
	system := "substituters = https://a.example https://b.example\ntrusted-public-keys = a.example-1" + bytesOfKey + "\n"
	for name, c := range map[string]struct {
		own, after string
		more       string // what the user's file includes
		moreAfter  string
		commands   int
	}{
		"nothing there":         {own: "cores = 1\n", after: "cores = 1\n"},
		"its line goes":         {own: "cores = 1\nextra-substituters = https://a.example/\n", after: "cores = 1\n"},
		"another item stays":    {own: "substituters = https://x.example https://a.example?priority=1 # why\n", after: "substituters = https://x.example # why\n"},
		"with its key":          {own: "extra-trusted-public-keys = a.example-1" + bytesOfKey + "\nextra-substituters = https://a.example\n", after: ""},
		"CRLF and no newline":   {own: "cores = 1\r\nextra-substituters = https://a.example", after: "cores = 1\r\n"},
		"an included file":      {own: "include more\n", after: "include more\n", more: "trusted-substituters = https://a.example https://y\n", moreAfter: "trusted-substituters = https://y\n"},
		"another program's":     {own: "# do not edit\nextra-substituters = https://a.example\n", after: "# do not edit\nextra-substituters = https://a.example\n", commands: 1},
		"overridden lines, too": {own: "substituters = https://a.example\nsubstituters = https://x.example\n", after: "substituters =\nsubstituters = https://x.example\n"},
	} {
		t.Run(name, func(t *testing.T) {
			d := disk{systemConf: system, ownConf: c.own}
			if c.more != "" {
				d["/home/a/.config/nix/more"] = c.more
			}
			cache, ok := Find(d.report(), "https://a.example", Options{})
			if !ok {
				t.Fatal("it is not found")
			}
			p, err := cache.TakeOut(trust.Platform{}, d.files())
			if err != nil {
				t.Fatal(err)
			}
			got := d.make(p)
			if got[ownConf] != c.after || got["/home/a/.config/nix/more"] != c.moreAfter || got[systemConf] != system {
				t.Errorf("%q", got)
			}
			if len(p.Commands) != c.commands || p.Risk != trust.PlanNarrows {
				t.Errorf("%+v", p)
			}
			if back := got.make(p.Inverse()); fmt.Sprintf("%q", back) != fmt.Sprintf("%q", d) {
				t.Errorf("the inverse leaves %q, and it was %q", back, d)
			}
			for _, s := range p.Steps {
				if s.After.Mode != 0o640 || !s.After.Exists {
					t.Errorf("%+v", s.After)
				}
			}
		})
	}
}

func TestWhatCannotBeReadIsNotChanged(t *testing.T) {
	for name, d := range map[string]disk{
		"Nix refuses it":   {ownConf: "extra-substituters = https://a.example\nnonsense\n"},
		"it is unreadable": {ownConf: "extra-substituters = https://a.example\n", "/etc/xdg/nix/nix.conf": "unreadable"},
	} {
		p, err := Cache{URL: "https://a.example"}.TakeOut(trust.Platform{}, d.files())
		if err == nil || len(p.Steps) > 0 {
			t.Errorf("%s: %v %+v", name, err, p.Steps)
		}
	}
}

// racing is files of which one is another each time that it is read.
type racing struct {
	disk
	reads *int
}

func (r racing) ReadFile(name string) ([]byte, error) {
	if strings.HasSuffix(name, "/more") {
		if *r.reads++; *r.reads > 1 {
			return []byte("extra-substituters = https://evil.example\n"), nil
		}
	}
	return r.disk.ReadFile(name)
}

func TestWhatComesInMeanwhileStopsTheChange(t *testing.T) {
	d := disk{ownConf: "include more\nextra-substituters = https://a.example\n", "/home/a/.config/nix/more": "\n"}
	f := d.files()
	f.Files = racing{d, new(int)}
	p, err := Cache{URL: "https://a.example"}.TakeOut(trust.Platform{}, f)
	if err == nil || !strings.Contains(err.Error(), "https://evil.example") {
		t.Fatalf("%v %+v", err, p.Steps)
	}
}

// Whatever the files are: afterwards the lists are what they were without the
// cache and its keys, as far as the user's own files have them.
func TestNoPlanTakesOutOrBringsInAnythingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	key := "a.example-1" + bytesOfKey
	items := []string{"https://a.example/", "https://a.example", "https://a.example?trusted=1", "https://b.example/", "https://a.example:8443", key, "k-1" + bytesOfKey}
	names := []string{"trusted-substituters", "substituters", "trusted-public-keys", "trusted-binary-caches", "binary-caches"}
	text := func(include string) string {
		var b strings.Builder
		for range r.IntN(6) {
			if r.IntN(5) == 0 {
				b.WriteString(include)
				continue
			}
			fmt.Fprintf(&b, "%s%s =", []string{"", "extra-"}[r.IntN(2)], names[r.IntN(len(names))])
			for range r.IntN(4) {
				b.WriteString(" " + items[r.IntN(len(items))])
			}
			b.WriteString("\n")
		}
		return b.String()
	}
	changed := 0
	for range 1200 {
		d := disk{systemConf: text("# x\n"), ownConf: text("include more\n"), "/home/a/.config/nix/more": text("# y\n")}
		cache, ok := Find(d.report(), "https://a.example", Options{})
		if !ok {
			continue
		}
		p, err := cache.TakeOut(trust.Platform{}, d.files())
		if err != nil || p.Empty() {
			continue
		}
		changed++
		before, after := d.config(), d.make(p).config()
		for _, list := range lists {
			had, has := before.Get(list).Items, after.Get(list).Items
			for _, it := range has {
				if cache.Gone(it.Text) && it.Origin.Layer == nixconf.LayerUser {
					t.Fatalf("%q: %s is still in %s", d, it.Text, list)
				}
				if !slices.ContainsFunc(had, func(o nixconf.Item) bool { return o.Text == it.Text }) {
					t.Fatalf("%q: %s came into %s", d, it.Text, list)
				}
			}
			for _, it := range had {
				if !cache.Gone(it.Text) && !slices.ContainsFunc(has, func(o nixconf.Item) bool { return o.Text == it.Text }) {
					t.Fatalf("%q: %s went out of %s", d, it.Text, list)
				}
			}
		}
	}
	if changed < 200 {
		t.Fatalf("only %d plans changed something", changed)
	}
}
