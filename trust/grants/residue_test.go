package grants

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// texts is a set of files.
type texts map[string]string

func (f texts) ReadFile(p string) ([]byte, error) {
	s, ok := f[p]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(s), nil
}

func (f texts) Exists(p string) (bool, error) { _, ok := f[p]; return ok, nil }

// reportOf decides about a machine with these files and answers.
func reportOf(t *testing.T, files texts, answers, root string) *trust.Report {
	t.Helper()
	none := func(string) (string, bool) { return "", false }
	load := func(home string) *nixconf.Config {
		return nixconf.Load(files, nixconf.Environment{Lookup: none, Home: home, System: system, CPUs: 2}, nixconf.Newest)
	}
	f := &trust.Facts{
		Nix:         trust.Nix{Version: nixconf.Newest, Store: trust.StoreDaemon, StoreDir: "/nix/store"},
		User:        trust.User{Name: "a", UID: 1000},
		Daemon:      trust.Daemon{State: trust.DaemonAnswered, Version: nixconf.Newest, Trust: trust.Untrusted, Socket: "/s"},
		Platform:    trust.Platform{Restart: "restart-it"},
		Client:      load("/home/a"),
		System:      load("/root"),
		Answers:     trust.AnswersFile{Path: "/home/a/ts.json", State: nixconf.SourceMissing},
		RootAnswers: trust.AnswersFile{Path: "/root/ts.json", State: nixconf.SourceMissing},
	}
	for text, file := range map[*string]*trust.AnswersFile{&answers: &f.Answers, &root: &f.RootAnswers} {
		if *text != "" {
			file.State = nixconf.SourceRead
			file.Answers, file.Err = trust.ParseAnswers([]byte(*text), nixconf.Newest)
		}
	}
	return trust.Decide(f)
}

func said(r Residue) string {
	var b strings.Builder
	for _, l := range r.Left {
		b.WriteString(l.Where.File + " | " + l.Subject + " | " + l.Text + "\n")
	}
	for _, f := range r.Fixes {
		b.WriteString(f.File + " | " + f.Title + " | " + f.Detail + " | " + f.Command + "\n")
	}
	return b.String()
}

func TestARevokeNamesEveryOtherLayer(t *testing.T) {
	g := grantFor(t, flakeID, lockOf("1", onePin))
	files := texts{
		"/etc/nix/nix.conf":             "trusted-substituters = https://cache.example/\nextra-trusted-public-keys = " + strings.TrimSuffix(key1, "=") + "\nextra-substituters = HTTPS://cache.example?priority=3\n",
		"/home/a/.config/nix/nix.conf":  "extra-substituters = https://cache.example https://else.example\n",
		"/root/.config/nix/nix.conf":    "",
		"/home/a/.config/nix/other.txt": "",
	}
	answers := `{"extra-substituters":{"https://else.example https://cache.example":true,"https://cache.example/":false},"extra-trusted-public-keys":{"` + key1 + `":true}}`
	others := scopeOf(Grant{Flake: "github:b/b", Lock: digestB, Caches: []lock.Cache{{URL: "https://cache.example"}}, Systems: []string{system}, Granted: noon})
	r := Remains(g, reportOf(t, files, answers, `{"accept-flake-config":{"true":true},"extra-substituters":{"https://cache.example":true}}`),
		[]Scope{scopeOf(g), others}, StoreLook{Known: true, Dir: "/nix/store", Present: []lock.StorePath{storePath(1, "a")}})
	text := said(r)
	for _, want := range []string{
		"/etc/nix/nix.conf | https://cache.example | The administrator lists it in trusted-substituters",
		"/etc/nix/nix.conf | https://cache.example | The configuration has it among the caches that are asked for everything",
		"/etc/nix/nix.conf | " + key1 + " | The configuration believes the key",
		"/home/a/.config/nix/nix.conf | https://cache.example | The configuration has it among",
		"/home/a/ts.json | https://cache.example | A yes to extra-substituters",
		"/home/a/ts.json | " + key1 + " | A yes to extra-trusted-public-keys",
		"/root/ts.json | accept-flake-config | A yes to accept-flake-config stays saved",
		"/root/ts.json | https://cache.example | A yes to extra-substituters",
		"/g.toml | https://cache.example | The grant for github:b/b uses it",
		"30 days", "1 of the pinned paths is in the store", "nix-store --query --roots '/nix/store/" + string(storePath(1, "a")) + "'",
		"| nix-trust answers forget 'https://cache.example'", "| sudo nix-trust answers forget 'https://cache.example'",
		"/etc/nix/nix.conf:1 | Take \"https://cache.example/\" out of trusted-substituters |  | # then: restart-it",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	for _, never := range []string{"else.example is", "cache.nixos.org", "github:owner/repo", "%!", "trusted-users"} {
		if strings.Contains(text, never) {
			t.Errorf("it says %q:\n%s", never, text)
		}
	}
}

func TestARevokeWithNothingLeftStillSaysWhatStays(t *testing.T) {
	g := grantFor(t, flakeID, lockOf("1", onePin))
	r := Remains(g, reportOf(t, texts{"/etc/nix/nix.conf": ""}, "", ""), []Scope{scopeOf()}, StoreLook{Known: true})
	if len(r.Left) != 1 || !strings.Contains(r.Left[0].Text, "30 days") || len(r.Fixes) != 0 {
		t.Errorf("%s", said(r))
	}
}

func TestWhatARevokeCouldNotSeeIsSaid(t *testing.T) {
	g := grantFor(t, flakeID, lockOf("1", onePin))
	for name, c := range map[string]struct {
		r      *trust.Report
		scopes []Scope
		want   string
	}{
		"no report":        {nil, nil, "were not looked at, so they may trust"},
		"no configuration": {&trust.Report{}, nil, "configuration could not be read"},
		"answers":          {&trust.Report{AnswerFiles: []trust.AnswersFile{{Path: "/root/ts.json", State: nixconf.SourceUnreadable}}}, nil, "answers in it could not be read"},
		"the daemon":       {&trust.Report{Doubt: &trust.Reason{Text: "why"}}, nil, "is not certain"},
		"other grants":     {nil, []Scope{{Path: "/x"}}, "grants there could not be read"},
		"the store":        {nil, nil, "in the store was not looked at"},
	} {
		if text := said(Remains(g, c.r, c.scopes, StoreLook{})); !strings.Contains(text, c.want) {
			t.Errorf("%s: it does not say %q:\n%s", name, c.want, text)
		}
	}
}

func TestWhatCannotBeQuotedIsNoCommand(t *testing.T) {
	for s, want := range map[string]bool{"https://x/$(id)": true, "a;b": true, "": false, "it's": false, "-x:AAAA": false, "a\nb": false} {
		if word, ok := shellWord(s); ok != want || ok && word != "'"+s+"'" {
			t.Errorf("%q: %q, %v", s, word, ok)
		}
	}
}
