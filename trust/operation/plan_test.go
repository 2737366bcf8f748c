package operation

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// disk is files in memory.
type disk map[string]string

func (d disk) ReadFile(name string) ([]byte, error) {
	if text, ok := d[name]; ok {
		if text == "unreadable" {
			return nil, &fs.PathError{Op: "open", Path: name, Err: os.ErrPermission}
		}
		return []byte(text), nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
}

func (d disk) Exists(name string) (bool, error) { _, ok := d[name]; return ok, nil }

func (d disk) read(name string) (trust.FileState, error) {
	text, ok := d[name]
	if !ok {
		return trust.FileState{}, nil
	}
	return trust.FileState{Exists: true, Data: []byte(text), Mode: 0o644}, nil
}

func (d disk) system() System {
	s := System{
		Conf: "/etc/nix/nix.conf", Home: "/root", Version: nixconf.Version{Major: 2, Minor: 34}, Files: d, Read: d.read,
		Owned: func(name string, text []byte) bool { return strings.Contains(string(text), "do not edit") },
		Now:   time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC),
	}
	s.Platform.Restart = "restart it"
	s.Answers.Path, s.Grants.Path = "/root/.local/share/nix/trusted-settings.json", "/etc/nix-trust/grants.toml"
	s.Answers.State, _ = d.read(s.Answers.Path)
	s.Grants.State, _ = d.read(s.Grants.Path)
	return s
}

// make carries a plan out.
func (d disk) make(p trust.Plan) disk {
	out := disk{}
	for k, v := range d {
		out[k] = v
	}
	for _, s := range p.Steps {
		if s.After.Exists {
			out[s.Path] = string(s.After.Data)
		} else {
			delete(out, s.Path)
		}
	}
	return out
}

var (
	allow    = Operation{Do: Allow, Caches: []string{"https://cache.example"}, Keys: []string{goodKey}}
	disallow = Operation{Do: Disallow, Caches: []string{"https://cache.example"}, Keys: []string{goodKey}}
)

const allowedLines = "extra-trusted-substituters = https://cache.example/\nextra-trusted-public-keys = " + goodKey + "\n"

func TestAPlanChangesWhatTheOperationSaysAndNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		before, after disk
		op            Operation
	}{
		"a new file":          {disk{}, disk{"/etc/nix/nix.conf": allowedLines}, allow},
		"at the end":          {disk{"/etc/nix/nix.conf": "cores = 1"}, disk{"/etc/nix/nix.conf": "cores = 1\n" + allowedLines}, allow},
		"CRLF":                {disk{"/etc/nix/nix.conf": "cores = 1\r\n"}, disk{"/etc/nix/nix.conf": "cores = 1\r\n" + strings.ReplaceAll(allowedLines, "\n", "\r\n")}, allow},
		"after an include":    {disk{"/etc/nix/nix.conf": "!include more", "/etc/nix/more": "trusted-substituters = https://a\n"}, disk{"/etc/nix/nix.conf": "!include more\n" + allowedLines, "/etc/nix/more": "trusted-substituters = https://a\n"}, allow},
		"the key is there":    {disk{"/etc/nix/nix.conf": "extra-trusted-public-keys = " + goodKey + "\n"}, disk{"/etc/nix/nix.conf": "extra-trusted-public-keys = " + goodKey + "\nextra-trusted-substituters = https://cache.example/\n"}, allow},
		"all is there":        {disk{"/etc/nix/nix.conf": allowedLines}, disk{"/etc/nix/nix.conf": allowedLines}, allow},
		"taken out again":     {disk{"/etc/nix/nix.conf": "cores = 1\n" + allowedLines}, disk{"/etc/nix/nix.conf": "cores = 1\n"}, disallow},
		"from an include too": {disk{"/etc/nix/nix.conf": "include more\nsubstituters = https://b https://cache.example?trusted=1\n", "/etc/nix/more": allowedLines}, disk{"/etc/nix/nix.conf": "include more\nsubstituters = https://b\n", "/etc/nix/more": ""}, disallow},
		"nothing to take":     {disk{"/etc/nix/nix.conf": "cores = 1\n"}, disk{"/etc/nix/nix.conf": "cores = 1\n"}, disallow},
		"another port stays":  {disk{"/etc/nix/nix.conf": "trusted-substituters = https://cache.example:8443\n"}, disk{"/etc/nix/nix.conf": "trusted-substituters = https://cache.example:8443\n"}, disallow},
		"a generator's file":  {disk{"/etc/nix/nix.conf": "# do not edit\n" + allowedLines}, disk{"/etc/nix/nix.conf": "# do not edit\n" + allowedLines}, disallow},
		"answers": {
			disk{"/root/.local/share/nix/trusted-settings.json": `{"extra-substituters":{"https://a https://cache.example":true,"https://b":true}}`},
			disk{"/root/.local/share/nix/trusted-settings.json": `{"extra-substituters":{"https://b":true}}`},
			Operation{Do: Forget, Caches: []string{"https://cache.example"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.before.system()
			p, err := s.Plan([]Operation{c.op})
			if err != nil {
				t.Fatal(err)
			}
			if got := c.before.make(p); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.after) {
				t.Errorf("it is %q, want %q", got, c.after)
			}
			if got := c.before.make(p).make(p.Inverse()); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.before) {
				t.Errorf("the inverse leaves %q, and it was %q", got, c.before)
			}
			again, err := c.before.make(p).system().Plan([]Operation{c.op})
			if err != nil || !again.Empty() {
				t.Errorf("a second time it changes %+v, %v", again.Steps, err)
			}
			if p.Empty() {
				return
			}
			if _, conf := c.after["/etc/nix/nix.conf"]; conf && !slices.ContainsFunc(p.Commands, func(f trust.Fix) bool { return f.Command == "restart it" }) {
				t.Errorf("it does not say that the daemon is restarted: %+v", p.Commands)
			}
			if want := c.op.Do == Allow; (p.Risk == trust.PlanSweeping || p.Risk == trust.PlanWidens) != want {
				t.Errorf("the risk is %v", p.Risk)
			}
			if c.op.Do != Allow && len(p.Residual) == 0 && c.op.Do != Forget {
				t.Error("nothing is said about what still trusts it")
			}
		})
	}
}

func TestAFileOfAGeneratorGetsItsTextInsteadOfAnEdit(t *testing.T) {
	for os, want := range map[trust.PlatformOS]string{
		trust.PlatformNixOS:     `nix.settings.trusted-substituters = [ "https://cache.example/" ];`,
		trust.PlatformNixDarwin: `nix.settings.trusted-substituters = [ "https://cache.example/" ];`,
		trust.PlatformPlain:     "extra-trusted-substituters = https://cache.example/\n",
	} {
		s := disk{"/etc/nix/nix.conf": "# do not edit\n"}.system()
		s.Platform.OS = os
		p, err := s.Plan([]Operation{allow})
		if err != nil || !p.Empty() || len(p.Commands) != 1 || !strings.HasPrefix(p.Commands[0].Command, want) {
			t.Errorf("%v: %+v %v", os, p, err)
		}
	}
}

func TestDeterminatesOwnFileIsLeftAndTheCustomOneIsWritten(t *testing.T) {
	d := disk{"/etc/nix/nix.conf": "# do not edit\n!include nix.custom.conf\n"}
	s := d.system()
	s.Platform.OS = trust.PlatformDeterminate
	p, err := s.Plan([]Operation{allow})
	if err != nil || len(p.Steps) != 1 || p.Steps[0].Path != "/etc/nix/nix.custom.conf" || string(p.Steps[0].After.Data) != allowedLines {
		t.Fatalf("%+v %v", p.Steps, err)
	}
	// One that is not read is not written to.
	s = disk{"/etc/nix/nix.conf": "# do not edit\n"}.system()
	s.Platform.OS = trust.PlatformDeterminate
	if p, err := s.Plan([]Operation{allow}); err == nil {
		t.Fatalf("%+v", p.Steps)
	}
}

func TestAChangeWhoseEffectIsNotTheWantedOneIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		d    disk
		op   Operation
		want string
	}{
		"root's own file replaces the list": {disk{"/root/.config/nix/nix.conf": "trusted-substituters = https://x\n"}, allow, "/root/.config/nix/nix.conf:1: the change is not made"},
		"Nix does not read the file":        {disk{"/etc/nix/nix.conf": "nonsense\n"}, allow, "/etc/nix/nix.conf:1: Nix refuses"},
		"a value that Nix refuses":          {disk{"/etc/nix/nix.conf": "cores = x\n"}, disallow, "/etc/nix/nix.conf:1: Nix refuses"},
		"the file cannot be read":           {disk{"/etc/nix/nix.conf": "unreadable"}, allow, "/etc/nix/nix.conf"},
		"an include cannot be read":         {disk{"/etc/nix/nix.conf": "include more\n", "/etc/nix/more": "unreadable"}, allow, "/etc/nix"},
		"another key has the name":          {disk{"/etc/nix/nix.conf": "\nextra-trusted-public-keys = " + otherKey + "\n"}, allow, "/etc/nix/nix.conf:2: another key is called cache.example-1"},
		"answers that Nix cannot read":      {disk{"/root/.local/share/nix/trusted-settings.json": "{"}, Operation{Do: Forget, Keys: []string{goodKey}}, "trusted-settings.json"},
		"no grant":                          {disk{}, Operation{Do: Revoke, Flake: "github:o/r"}, "github:o/r has no grant"},
		"no denial":                         {disk{}, Operation{Do: Undeny, Flake: "github:o/r"}, "github:o/r is not denied"},
		"grants that cannot be read":        {disk{"/etc/nix-trust/grants.toml": "version = 2\n"}, Operation{Do: Deny, Flake: "github:o/r"}, "/etc/nix-trust/grants.toml:1"},
		"no operation":                      {disk{}, Operation{}, "nothing that can be done"},
	} {
		p, err := c.d.system().Plan([]Operation{c.op})
		if err == nil || !strings.Contains(err.Error(), c.want) || len(p.Steps) > 0 {
			t.Errorf("%s: %v, %+v", name, err, p.Steps)
		}
	}
}

// racing is files of which one is another each time that it is read.
type racing struct {
	disk
	reads *int
}

func (r racing) ReadFile(name string) ([]byte, error) {
	if name == "/etc/nix/more" {
		if *r.reads++; *r.reads > 1 {
			return []byte("trusted-substituters = https://evil.example\n"), nil
		}
	}
	return r.disk.ReadFile(name)
}

func TestWhatComesInFromElsewhereMeanwhileStopsTheChange(t *testing.T) {
	d := disk{"/etc/nix/nix.conf": "include more\n", "/etc/nix/more": "\n"}
	for _, op := range []Operation{allow, disallow} {
		s := d.system()
		s.Files = racing{d, new(int)}
		if p, err := s.Plan([]Operation{op}); err == nil || !strings.Contains(err.Error(), "https://evil.example") {
			t.Errorf("%s: %v %+v", op.Do, err, p.Steps)
		}
	}
}

func TestSeveralOperationsChangeEachFileOnce(t *testing.T) {
	d := disk{"/etc/nix/nix.conf": "extra-trusted-substituters = https://old.example\n"}
	ops := []Operation{
		allow, {Do: Disallow, Caches: []string{"https://old.example/"}},
		{Do: Deny, Flake: "github:o/a"}, {Do: Deny, Flake: "github:o/b"},
	}
	p, err := d.system().Plan(ops)
	if err != nil || len(p.Steps) != 2 {
		t.Fatalf("%+v %v", p, err)
	}
	after := d.make(p)
	if after["/etc/nix/nix.conf"] != allowedLines {
		t.Errorf("%q", after["/etc/nix/nix.conf"])
	}
	f, err := grants.Parse("", []byte(after["/etc/nix-trust/grants.toml"]))
	if err != nil || len(f.Denies) != 2 {
		t.Errorf("%q: %v", after["/etc/nix-trust/grants.toml"], err)
	}
	// Worked out again some seconds later it is the same plan.
	s := d.system()
	s.Now = s.Now.Add(7 * time.Second)
	if again, err := s.Plan(ops); err != nil || again.Digest() != p.Digest() {
		t.Errorf("the digest changes with the time: %v", err)
	}
	back, err := after.system().Plan([]Operation{{Do: Undeny, Flake: "github:o/a"}, {Do: Undeny, Flake: "github:o/b"}})
	if err != nil || strings.Contains(after.make(back)["/etc/nix-trust/grants.toml"], "[[") {
		t.Errorf("%q %v", after.make(back), err)
	}
}

// Whatever the files are: after the change the machine's lists are what they
// were and the wanted items, or without them; or nothing is changed.
func TestNoPlanEverBringsInWhatWasNotAsked(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	items := []string{"https://cache.example/", "https://cache.example", "https://cache.example?trusted=1", "https://b.example/", goodKey, "k-1:" + strings.Split(goodKey, ":")[1]}
	names := []string{"trusted-substituters", "substituters", "trusted-public-keys", "trusted-binary-caches", "binary-caches"}
	text := func(include string) string {
		var b strings.Builder
		for range r.IntN(6) {
			switch r.IntN(5) {
			case 0:
				b.WriteString(include)
			default:
				fmt.Fprintf(&b, "%s%s =", []string{"", "extra-"}[r.IntN(2)], names[r.IntN(len(names))])
				for range r.IntN(4) {
					b.WriteString(" " + items[r.IntN(len(items))])
				}
				b.WriteString("\n")
			}
		}
		return b.String()
	}
	made := 0
	for range 3000 {
		d := disk{"/etc/nix/nix.conf": text("include more\n"), "/etc/nix/more": text("# x\n")}
		if r.IntN(4) == 0 {
			d["/root/.config/nix/nix.conf"] = text("# x\n")
		}
		op := []Operation{allow, disallow}[r.IntN(2)]
		p, err := d.system().Plan([]Operation{op})
		if err != nil || p.Empty() {
			continue
		}
		made++
		load := func(d disk) *nixconf.Config {
			return nixconf.Load(d, nixconf.Environment{Home: "/root", Root: true}, nixconf.Version{Major: 2, Minor: 34})
		}
		before, after := load(d), load(d.make(p))
		for _, list := range lists {
			had, has := before.Tokens(list), after.Tokens(list)
			for _, it := range has {
				asked := op.Do == Allow && (list == listAllowed && it == "https://cache.example/" || list == listKeys && it == goodKey)
				if !slices.Contains(had, it) && !asked {
					t.Fatalf("%q: %s came into %s", d, it, list)
				}
			}
			for _, it := range had {
				ours := op.Do == Disallow && (trust.SameItem(it, "https://cache.example") || it == goodKey)
				if !ours && !slices.Contains(has, it) {
					t.Fatalf("%q: %s went out of %s", d, it, list)
				}
			}
		}
	}
	if made < 500 {
		t.Fatalf("only %d plans changed something", made)
	}
}

func TestAHostThatLooksLikeAnotherOneIsSaid(t *testing.T) {
	for host, want := range map[string]bool{"https://cache.nixos.org.evil.example": true, "https://xn--pple-43d.com": true, "https://ok.example": false} {
		p, err := disk{}.system().Plan([]Operation{{Do: Allow, Caches: []string{host}}})
		said := slices.ContainsFunc(p.Notes, func(n string) bool { return strings.HasPrefix(n, "Look at "+host) })
		if err != nil || said != want {
			t.Errorf("%s: said %v, %q %v", host, said, p.Notes, err)
		}
	}
}
