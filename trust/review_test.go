package trust

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
)

// reviewOfConfig reviews a flake with this nixConfig.
func reviewOfConfig(t testing.TB, config string) Review {
	t.Helper()
	var v Review
	scene{flake: "nixConfig = { " + config + " };", change: func(f *Facts) { v = ReviewOf(f, Decide(f), 0) }}.decide(t)
	return v
}

func TestReviewTellsWhatIsNew(t *testing.T) {
	const (
		a    = `extra-substituters = "https://a.example"; `
		ka   = `extra-trusted-public-keys = "` + goodKey + `"; `
		hook = `post-build-hook = "/x"; `
	)
	for _, c := range []struct {
		name, old, now string
		want           []Code
	}{
		{"nothing changes", a + ka + hook, a + ka + hook, nil},
		{"a cache comes", "", a, []Code{CodeNewCache}},
		{"a cache goes", a, "", []Code{CodeNoLongerAsked}},
		{"a second cache", a, `extra-substituters = "https://a.example https://b.example";`, []Code{CodeNewCache}},
		{"one for another", a, `extra-substituters = "https://b.example";`, []Code{CodeNewCache, CodeNoLongerAsked}},
		{"order alone", `extra-substituters = "https://a.example https://b.example";`, `extra-substituters = [ "https://b.example" "https://a.example" ];`, []Code{CodeRespelled}},
		{"a slash", a, `extra-substituters = "https://a.example/";`, []Code{CodeRespelled}},
		{"a parameter that turns signatures off is no spelling", a, `extra-substituters = "https://a.example?trusted=1";`, []Code{CodeNewTrust, CodeNewCache, CodeNoLongerAsked}},
		{"any parameter", a, `extra-substituters = "https://a.example?priority=1";`, []Code{CodeNewCache, CodeNoLongerAsked}},
		{"another scheme", a, `extra-substituters = "http://a.example";`, []Code{CodeNewCache, CodeNoLongerAsked}},
		{"from adding to replacing", a, `substituters = "https://a.example";`, []Code{CodeNewTrust}},
		{"by another name", a, `extra-binary-caches = "https://a.example";`, []Code{CodeRespelled}},
		{"a key", a, a + ka, []Code{CodeNewKey}},
		{"another key of the same name", ka, `extra-trusted-public-keys = "` + otherKey + `";`, []Code{CodeNewKey, CodeNoLongerAsked}},
		{"a cache becomes a trusted one", a, `extra-trusted-substituters = "https://a.example";`, []Code{CodeNewCache, CodeNewTrust, CodeNoLongerAsked}},
		{"a program", "", hook, []Code{CodeNewCode}},
		{"another program", hook, `post-build-hook = "/y";`, []Code{CodeNewCode}},
		{"the sandbox", "", `sandbox = false;`, []Code{CodeNewSandbox}},
		{"a token", "", `access-tokens = "a=b";`, []Code{CodeNewCredentials}},
		{"a token", `access-tokens = "a=b";`, `access-tokens = "a=b";`, nil},
		{"another token", `access-tokens = "a=b";`, `access-tokens = "a=c";`, []Code{CodeNewCredentials}},
		{"a password in a URL", `extra-substituters = "https://u:p@a.example";`, `extra-substituters = "https://u:p@a.example";`, nil},
		{"another one", `extra-substituters = "https://u:p@a.example";`, `extra-substituters = "https://u:q@a.example";`, []Code{CodeNewCache}},
		{"what passes for a secret hides no program", `post-build-hook = "/x access-tokens=1";`, `post-build-hook = "/x access-tokens=1; /y";`, []Code{CodeNewCode}},
		{"nor a cache", `extra-substituters = "https://a.example access-tokens=1=2";`, `extra-substituters = "https://a.example access-tokens=1=2 https://evil.example";`,
			[]Code{CodeNewCache, CodeNewCache, CodeNewCache}},
		{"accepting all", "", `accept-flake-config = true;`, []Code{CodeNewTrust}},
		{"signatures", "", `require-sigs = false;`, []Code{CodeNewTrust}},
		{"evaluation", "", `pure-eval = false;`, []Code{CodeNewEvaluation}},
		{"what nobody knows", "", `made-up = "x";`, []Code{CodeNewUnknown}},
		{"performance", "", `max-jobs = 1;`, []Code{CodeNewPerformance}},
		{"looks", "", `bash-prompt = "x";`, []Code{CodeNewCosmetic}},
		{"a look-alike", "", `extra-substituters = "https://cache.nixos.org.evil.example";`, []Code{CodeNewSuspect, CodeNewCache}},
		{"a hidden character", "", "bash-prompt = \"a\u202eb\";", []Code{CodeNewSuspect, CodeNewCosmetic}},
		{"a file of the flake is never known to be the same", `post-build-hook = ./x;`, `post-build-hook = ./x;`, []Code{CodeNewCode}},
	} {
		t.Run(c.name, func(t *testing.T) {
			old, now := reviewOfConfig(t, c.old), reviewOfConfig(t, c.now)
			if !old.Known || !now.Known {
				t.Fatal("not known")
			}
			record, err := ParseReviewRecord(old.Record.Print())
			if err != nil {
				t.Fatal(err)
			}
			var got []Code
			for _, f := range now.Since(&record) {
				got = append(got, f.Code)
				if f.Where.Line == 0 && f.Code != CodeNoLongerAsked || f.Text == "" {
					t.Errorf("%s has no place or text: %+v", f.Code, f)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if same := record.Equal(now.Record); same != (c.want == nil || strings.Contains(c.name, "a file of")) {
				t.Errorf("the records are equal: %v", same)
			}
		})
	}
}

func TestReviewWithoutARecordTellsEverything(t *testing.T) {
	v := reviewOfConfig(t, `extra-substituters = "https://a.example"; extra-trusted-public-keys = "`+goodKey+`"; post-build-hook = "/x"; bash-prompt = "x";`)
	if got := v.Since(nil); len(got) != 4 {
		t.Errorf("%+v", got)
	}
	if len(v.Asks) != 4 || v.Asks[0].Class != nixconf.RiskCode || v.Asks[3].Class != nixconf.RiskCosmetic {
		t.Errorf("not the most dangerous class first: %+v", v.Asks)
	}
}

// Every class has its place and its kind: none is left out or told as less.
func TestReviewKnowsEveryClass(t *testing.T) {
	for _, name := range nixconf.SettingNames() {
		s, _, _ := nixconf.Lookup(name)
		if !slices.Contains(classes, s.Risk) {
			t.Errorf("%s: the class %q has no place", name, s.Risk)
		}
		if _, ok := kindOf[s.Risk]; !ok && s.Risk != nixconf.RiskNone {
			t.Errorf("%s: the class %q has no kind of difference", name, s.Risk)
		}
	}
}

func TestReviewKnowsNothingOfWhatItCannotRead(t *testing.T) {
	for _, f := range []Flake{
		{Err: "gone"}, {Rejection: &flake.Rejection{Message: "is a thunk"}}, {Rejection: &flake.Rejection{Unsure: true}},
	} {
		var v Review
		scene{change: func(facts *Facts) { facts.Flakes = []Flake{f}; v = ReviewOf(facts, Decide(facts), 0) }}.decide(t)
		if v.Known || len(v.Asks) != 0 || v.Record.Version != 0 {
			t.Errorf("%+v: %+v", f, v)
		}
		if _, err := ParseReviewRecord(v.Record.Print()); err == nil {
			t.Error("the record of what is not known is taken for one")
		}
	}
	many := `extra-substituters = "` + strings.Repeat("https://a.example ", maxNamed+1) + `";`
	if v := reviewOfConfig(t, many); v.Known {
		t.Error("what is too much to explain is taken for known")
	}
}

func TestReviewSeesOthersAnswersAndLookAlikes(t *testing.T) {
	var v Review
	scene{
		flake:   `nixConfig = { extra-substituters = [ "https://a.example/" "https://cache.n1xos.org" ]; extra-trusted-public-keys = [ "` + goodKey + `" "` + otherKey + `" ]; };`,
		answers: `{"extra-substituters":{"https://a.example/ https://cache.n1xos.org":false}}`,
		system:  "extra-trusted-public-keys = " + goodKey,
		change: func(f *Facts) {
			other := Flake{ID: FlakeID{Ref: "path:/g", Path: "/g"}}
			other.Config, _ = flake.ReadConfig("/g/flake.nix", []byte(`{ nixConfig.substituters = "https://a.example"; nixConfig.trusted-public-keys = "`+goodKey+`"; outputs = _: { }; }`), nixconf.Newest)
			f.Flakes = append(f.Flakes, other)
			v = ReviewOf(f, Decide(f), 0)
		},
	}.decide(t)
	subs, keys := v.Asks[0], v.Asks[1]
	if len(subs.Saved) != 1 || subs.Saved[0].Yes || len(keys.Saved) != 0 {
		t.Errorf("saved: %+v, %+v", subs.Saved, keys.Saved)
	}
	if len(subs.Items[0].Others) != 1 || len(subs.Items[1].Others) != 0 || len(keys.Items[0].Others) != 1 || len(keys.Items[1].Others) != 0 {
		t.Errorf("others: %+v, %+v", subs.Items, keys.Items)
	}
	if subs.Items[0].Suspect.String() != "" || subs.Items[1].Suspect.String() == "" {
		t.Errorf("look-alikes: %+v", subs.Items)
	}
	if keys.Items[0].Problem != nil || keys.Items[1].Problem == nil || keys.Items[1].Problem.Code != CodeKeyNameClash {
		t.Errorf("keys: %+v", keys.Items)
	}
}

func TestReviewSaysOfWhichCacheNoSignatureIsLookedAt(t *testing.T) {
	scene{flake: `nixConfig.extra-substituters = "https://a.example https://b.example?trusted=1 local?root=/x&trusted=yes";`, change: func(f *Facts) {
		items := ReviewOf(f, Decide(f), 0).Asks[0].Items
		if items[0].Problem != nil {
			t.Errorf("%+v", items[0].Problem)
		}
		for _, it := range items[1:] {
			if it.Problem == nil || it.Problem.Code != CodeStoreTrustedParam || it.Problem.Outcome != Fail {
				t.Errorf("%s: %+v", it.Text, it.Problem)
			}
		}
	}}.decide(t)
}

func TestReviewOfAnInputIsAsIfItWereNamed(t *testing.T) {
	scene{flake: `nixConfig.bash-prompt = "x";`, change: func(f *Facts) {
		config, _ := flake.ReadConfig("/i/flake.nix", []byte(`{ nixConfig.extra-substituters = "https://i.example"; outputs = _: { }; }`), nixconf.Newest)
		f.Flakes[0].Inputs = []Input{
			{Name: "in", Ref: "github:o/in", StorePath: "/i", Present: true, IsFlake: true, Config: config},
			{Name: "absent", IsFlake: true}, {Name: "files", Present: true},
		}
		with, i, ok := f.WithInput(0, "in")
		if !ok || len(f.Flakes) != 1 {
			t.Fatal(ok, len(f.Flakes))
		}
		if v := ReviewOf(with, Decide(with), i); !v.Known || len(v.Asks) != 1 || v.Asks[0].State != SettingAsks {
			t.Errorf("%+v", v)
		}
		for _, name := range []string{"absent", "files"} {
			with, i, _ := f.WithInput(0, name)
			if v := ReviewOf(with, Decide(with), i); v.Known {
				t.Errorf("%s is taken for known", name)
			}
		}
		if _, _, ok := f.WithInput(0, "none"); ok {
			t.Error("an input that is not there was found")
		}
	}}.decide(t)
}

func TestRecordsOfReviewsAreReadInFullOrNotAtAll(t *testing.T) {
	good := reviewOfConfig(t, `extra-substituters = "https://a.example"; max-jobs = 1;`).Record
	text := string(good.Print())
	if r, err := ParseReviewRecord([]byte(text)); err != nil || !r.Equal(good) {
		t.Fatal(err)
	}
	if r, err := ParseReviewRecord([]byte(`{"version": 1, "other": [], "record": ` + text + `}`)); err != nil || !r.Equal(good) {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"empty": "", "null": "null", "a list": "[]", "nothing": "{}", "no record": `{"record": null}`, "half": text[:len(text)/2],
		"two": text + text, "more": `{"record": ` + strings.Replace(text, "{", `{"more": 1,`, 1) + `}`,
		"another version": strings.Replace(text, `"version": 1`, `"version": 2`, 1), "edited": strings.Replace(text, "a.example", "b.example", 1),
		"a setting less": strings.Replace(text, "max-jobs", "min-jobs", 1), "no digest": strings.Replace(text, good.Digest, "", 1),
	} {
		if _, err := ParseReviewRecord([]byte(bad)); err == nil {
			t.Errorf("%s is read as a record", name)
		}
	}
	twice := ReviewRecord{Version: 1, Settings: []RecordedSetting{{Name: "a"}, {Name: "a", Value: "b"}}}
	twice.Digest = twice.digest()
	if _, err := ParseReviewRecord(twice.Print()); err == nil {
		t.Error("a setting that is there twice is read")
	}
}

func FuzzReviewRecord(f *testing.F) {
	f.Add([]byte(`{"version":1,"digest":"","settings":[{"name":"a","value":"b","class":""}]}`))
	f.Add(fmt.Appendf(nil, `{"record":%s}`, ReviewRecord{Version: 1, Settings: []RecordedSetting{}}.Print()))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseReviewRecord(text)
		if err != nil {
			return
		}
		again, err := ParseReviewRecord(r.Print())
		if err != nil || !again.Equal(r) {
			t.Errorf("%q: %v", text, err)
		}
		v := Review{Known: true}
		if got := v.Since(&r); len(r.Settings) == 0 && len(got) > 0 {
			t.Errorf("%+v", got)
		}
	})
}
