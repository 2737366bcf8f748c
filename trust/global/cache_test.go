package global

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
	"github.com/nix-trust/nix-trust/trust"
)

const bytesOfKey = ":6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

// disk is files in memory.
type disk map[string]string

func (d disk) ReadFile(name string) ([]byte, error) {
	text, ok := d[path.Clean(name)]
	switch {
	case !ok:
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	case text == "unreadable":
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrPermission}
	}
	return []byte(text), nil
}

func (d disk) Exists(name string) (bool, error) { _, ok := d[path.Clean(name)]; return ok, nil }

func (d disk) read(name string) (trust.FileState, error) {
	text, ok := d[name]
	return trust.FileState{Exists: ok, Data: []byte(text), Mode: 0o640}, nil
}

const (
	systemConf = "/etc/nix/nix.conf"
	ownConf    = "/home/a/.config/nix/nix.conf"
)

var environment = nixconf.Environment{Home: "/home/a", System: "x86_64-linux"}

func (d disk) config() *nixconf.Config {
	return nixconf.Load(d, environment, nixconf.Version{Major: 2, Minor: 34})
}

// report is what is known of a machine with these files and flakes.
func (d disk) report(flakes ...trust.Flake) *trust.Report {
	c := d.config()
	daemon := nixconf.Load(d, nixconf.Environment{Home: "/root", System: "x86_64-linux", Root: true}, c.Version)
	return trust.Decide(&trust.Facts{Nix: trust.Nix{Version: c.Version, Store: trust.StoreDaemon}, Client: c, System: daemon, Flakes: flakes})
}

// claims is a flake that asks for caches with keys.
func claims(ref, urls, keys string) trust.Flake {
	return trust.Flake{ID: trust.FlakeID{Ref: ref, Path: ref}, Config: []flake.Setting{
		{Name: "extra-substituters", Value: urls}, {Name: "extra-trusted-public-keys", Value: keys},
	}}
}

func TestAKeyGoesOnlyWhenItIsTheCachesOwnAndNobodyElseNeedsIt(t *testing.T) {
	conf := func(urls, keys string) disk {
		return disk{systemConf: "substituters = " + urls + "\ntrusted-public-keys = " + keys + "\n"}
	}
	for name, c := range map[string]struct {
		d      disk
		flakes []trust.Flake
		o      Options
		goes   string
		stays  string // of those that are told
	}{
		"named after the host":        {conf("https://a.example https://b.example", "a.example-1"+bytesOfKey+" b.example-1"+bytesOfKey), nil, Options{}, "a.example-1", ""},
		"named after another":         {conf("https://a.example https://b.example", "b.example-1"+bytesOfKey), nil, Options{}, "", ""},
		"nobody knows whose":          {conf("https://a.example", "x-1"+bytesOfKey), nil, Options{}, "", "x-1"},
		"a flake lists it":            {conf("https://a.example", "x-1"+bytesOfKey), []trust.Flake{claims("/f", "https://a.example/", "x-1"+bytesOfKey)}, Options{}, "x-1", ""},
		"flakes list it for both":     {conf("https://a.example https://b.example", "x-1"+bytesOfKey), []trust.Flake{claims("/f", "https://a.example", "x-1"+bytesOfKey), claims("/g", "https://b.example", "x-1"+bytesOfKey)}, Options{}, "", "x-1"},
		"one flake lists it for both": {conf("https://a.example https://b.example", "x-1"+bytesOfKey), []trust.Flake{claims("/f", "https://a.example https://b.example", "x-1"+bytesOfKey)}, Options{}, "", "x-1"},
		"the other is not trusted":    {conf("https://a.example", "x-1"+bytesOfKey), []trust.Flake{claims("/f", "https://a.example", "x-1"+bytesOfKey), claims("/g", "https://b.example", "x-1"+bytesOfKey)}, Options{}, "x-1", ""},
		"the other may be asked for":  {disk{systemConf: "substituters = https://a.example\ntrusted-substituters = https://a.example:8443\ntrusted-public-keys = a.example-1" + bytesOfKey}, nil, Options{}, "", "a.example-1"},
		"the user says":               {conf("https://a.example", "x-1"+bytesOfKey), nil, Options{Keys: []string{"x-1" + bytesOfKey}}, "x-1", ""},
		"the user keeps them":         {conf("https://a.example", "a.example-1"+bytesOfKey), nil, Options{KeepKeys: true}, "", "a.example-1"},
		"the gate's":                  {conf("https://a.example http://127.0.0.1:8128/e0/", "gate-1"+bytesOfKey), nil, Options{Apart: []string{"http://127.0.0.1:8128/e0/", "gate-1" + bytesOfKey}}, "", ""},
		"in two files":                {disk{systemConf: "substituters = https://a.example\ntrusted-public-keys = a.example-1" + bytesOfKey, ownConf: "extra-trusted-public-keys = a.example-1" + bytesOfKey}, nil, Options{}, "a.example-1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Find(c.d.report(c.flakes...), "https://A.example:443/", c.o)
			if !ok || got.URL != "https://a.example" {
				t.Fatalf("%v %+v", ok, got)
			}
			var goes, stays []string
			for _, k := range got.Keys {
				if k.Why == "" || len(k.Entries) == 0 {
					t.Errorf("nothing is said of %+v", k)
				}
				if k.Goes {
					goes = append(goes, k.Name)
				} else {
					stays = append(stays, k.Name)
				}
			}
			if strings.Join(goes, " ") != c.goes || strings.Join(stays, " ") != c.stays {
				t.Errorf("%q go and %q stay, want %q and %q: %+v", goes, stays, c.goes, c.stays, got.Keys)
			}
		})
	}
}

func TestACacheIsListedOnceWithEachOfItsPlaces(t *testing.T) {
	d := disk{systemConf: "substituters = https://a.example https://a.example/?priority=3\ntrusted-substituters = https://a.example/ s3://x\n", ownConf: "extra-substituters = http://127.0.0.1:8128/e1/\n"}
	caches := Caches(d.report(claims("/f", "https://a.example", "")), Options{Apart: []string{"http://127.0.0.1:8128/e1/"}})
	if len(caches) != 1 || caches[0].URL != "https://a.example" || len(caches[0].Entries) != 3 || !slices.Equal(caches[0].Flakes, []int{0}) || !caches[0].Asked() {
		t.Errorf("%+v", caches)
	}
	if got := Caches(&trust.Report{}, Options{}); got != nil {
		t.Errorf("of nothing known: %+v", got)
	}
	if _, ok := Find(d.report(), "https://b.example", Options{}); ok {
		t.Error("one that is in no list is found")
	}
}

func TestWithoutTheCacheNeitherItNorItsKeysCountForComparisons(t *testing.T) {
	d := disk{systemConf: "substituters = https://a.example https://b.example\ntrusted-public-keys = a.example-1" + bytesOfKey + " b.example-1" + bytesOfKey + "\n"}
	r := d.report()
	c, _ := Find(r, "https://a.example", Options{})
	after := c.After(r)
	var caches, keys []string
	for _, o := range after.Caches {
		if o.InEffect {
			caches = append(caches, o.URL)
		}
	}
	for _, k := range after.Keys {
		if k.InEffect {
			keys = append(keys, k.Name)
		}
	}
	if !slices.Equal(caches, []string{"https://b.example"}) || !slices.Equal(keys, []string{"b.example-1"}) {
		t.Errorf("%q %q", caches, keys)
	}
	if !r.Caches[0].InEffect || !r.Keys[0].InEffect {
		t.Error("the report itself was changed")
	}
}
