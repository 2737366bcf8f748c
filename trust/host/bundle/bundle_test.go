package bundle

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host"
)

const base64Key = "6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

// secretKey is the secret half of a Nix key.
var secretKey = "cache-1:" + strings.Repeat("SECRET", 14) + "AA=="

func plainFile(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o644} }
func link(to string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
}

// secretive is a machine with secrets wherever one can be. Each has SECRET in it.
func secretive() fstest.MapFS {
	return fstest.MapFS{
		"etc/passwd": plainFile("root:SECREThash:0:0:SECRET name:/root:/bin/sh\nbob:SECREThash:7:7:SECRET name:/home/bob:/bin/sh\nmira:SECREThash:1000:100:SECRET name:/home/mira:/bin/SECRET\n"),
		"etc/group":  plainFile("users:SECREThash:100:bobSECRET\nwheel:x:1:bobSECRET,mira\nstaffSECRET:x:50:bob\n"),
		"etc/nix/nix.conf": plainFile("# SECRET comment, do not edit SECRET\n" +
			"substituters = https://u:pw-SECRET@a.example?priority=10&token=SECRET https://b.example # SECRET\n" +
			"trusted-public-keys = a.example-1:" + base64Key + "\n" +
			"unknown-setting = SECRET\n" +
			"access-tokens = github.com=SECRET gitlab.com=PAT:SECRET SECRET\n" +
			"impure-env = TOKEN=SECRET\n" +
			"post-build-hook = /bin/true ghp_SECRETSECRETSECRETSECRET\n" +
			"!include /run/secrets/gone\n!include /run/secrets/ünïcode.conf\n"),
		"run/secrets/ünïcode.conf":                             plainFile("extra-access-tokens = x=SECRET\n"),
		"home/mira/.config/nix/nix.conf":                       plainFile("netrc-file = /home/mira/.netrc\nextra-substituters = https://SECRETtoken@c.example\n"),
		"home/mira/.netrc":                                     plainFile("machine c.example login x password SECRET\n"),
		"home/mira/.config/nix/registry.json":                  plainFile(`{"version":2,"flakes":[{"from":{"type":"indirect","id":"p"},"to":{"type":"git","url":"https://oauth2:SECRET\u0040git.example/p"}}]}`),
		"home/mira/.config/nix-trust/config.toml":              plainFile("# SECRET\nroots = [ \"~/src\", \"~/src/" + strings.Repeat("x", 5) + "\" ]\n"),
		"home/mira/.config/nix-trust/gate.key":                 plainFile(secretKey),
		"home/mira/.local/share/nix/trusted-settings.json":     plainFile(`{"access-tokens":{"github.com=SECRET":true},"extra-substituters":{"https://u:SECRET\u0040a.example":true},"x":{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJTRUNSRVQifQ.SECRETSECRET":false}}`),
		"home/mira/.nix-profile":                               link("/nix/profile"),
		"nix/profile/manifest.json":                            plainFile(`{"version":3,"elements":{"hello":{"originalUrl":"git+https://x:SECRET@h.example/r","url":"git+https://x:SECRET@h.example/r?rev=1","attrPath":"p","storePaths":["/nix/store/SECRET"],"other":"SECRET"}}}`),
		"home/mira/src/a/flake.nix":                            plainFile("{\n  description = \"SECRET\";\n  inputs.b.url = \"git+https://x:SECRET@h.example\";\n  nixConfig.extra-substituters = [ \"https://u:SECRET@a.example\" ];\n  nixConfig.access-tokens = [ \"github.com=SECRET\" ];\n  outputs = _: { SECRET = 1; };\n}\n# SECRET\n"),
		"home/mira/src/a/flake.lock":                           plainFile(`{"version":7,"root":"root","nodes":{"root":{"inputs":{"b":"b"}},"b":{"locked":{"type":"git","url":"https://x:SECRET@h.example","narHash":"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},"original":{"type":"git","url":"https://x:SECRET@h.example"}}}}`),
		"home/mira/src/a/flake.cache-lock":                     plainFile("# SECRET\nversion = 1\n"),
		"home/mira/src/b/flake.nix":                            plainFile("{ outputs = SECRET syntax"),
		"home/mira/src/c/flake.nix":                            plainFile(`{ nixConfig.extra-substituters = "https://u:SEC\RET@a.example"; nixConfig.x = "https:\/\/u:SECRET\@a.example"; outputs = _: 1; }`),
		"home/mira/src/ghp_SECRETSECRETSECRETSECRET/flake.nix": plainFile("{ outputs = _: 1; }"),
		"home/mira/src/notes-SECRET.txt":                       plainFile("SECRET"),
		"home/mira/src/\x1b]0;x\a\xff/flake.nix":               plainFile("{ outputs = _: 1; }"),
		"nix/var/nix/gcroots/auto/1":                           link("/home/mira/src/a/result"),
		"nix/var/nix/profiles/default/bin/nix":                 &fstest.MapFile{Data: []byte("SECRET program"), Mode: 0o755},
	}
}

var mira = trust.User{Name: "mira", UID: 1000, Home: "/home/mira", Group: "users", MemberOf: []string{"wheel"}}

func lookAt(t testing.TB, fsys fs.FS, o Options) (*Bundle, *trust.Facts) {
	t.Helper()
	env := map[string]string{
		"HOME": "/home/mira", "PATH": "/nix/var/nix/profiles/default/bin", "NIX_CONFIG": "access-tokens = g=SECRET\nextra-substituters = https://k:SECRET@d.example",
		"https_proxy": "http://me:SECRET@proxy.example", "GITHUB_TOKEN": "SECRET", "NIX_SSL_CERT_FILE": "/etc/ssl/x",
	}
	m := host.New(host.In(fsys), env, mira, nil)
	var files Recording
	recording, recorder := m.Recording(files.Files)
	at := host.Options{Cwd: "/home/mira/src/a"}
	f := host.Look(context.Background(), recording, at)
	if o.Made.IsZero() {
		o.Made = time.Unix(1_700_000_000, 0)
	}
	b, err := Make(&files, recorder.Record(at, f), f, o)
	if err != nil {
		t.Fatal(err)
	}
	return b, f
}

func written(t testing.TB, b *Bundle) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unpacked(t testing.TB, text []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

func TestNoSecretGoesIntoABundle(t *testing.T) {
	for _, sources := range []bool{false, true} {
		fsys := secretive()
		if sources { // what is in flakes is asked for then, but for what can be told to be secret
			for name, f := range fsys {
				if strings.HasSuffix(name, "/flake.nix") {
					fsys[name] = plainFile(strings.NewReplacer(`"SECRET"`, `""`, "SECRET =", "x =", "# SECRET", "", "SECRET syntax", "").Replace(string(f.Data)))
				}
			}
		}
		b, f := lookAt(t, fsys, Options{Sources: sources})
		all := unpacked(t, written(t, b))
		for at := 0; ; at++ {
			i := strings.Index(all[at:], "SECRET")
			if i < 0 {
				break
			}
			at += i
			t.Errorf("sources %v: %q", sources, all[max(0, at-120):min(len(all), at+40)])
		}
		if n := len(f.Flakes); n < 5 {
			t.Fatalf("only %d flakes were looked at", n)
		}
		for _, want := range []string{"https://redacted-", "github.com=redacted-", "unknown-setting =\n", "# do not edit\n"} {
			if !strings.Contains(all, want) {
				t.Errorf("sources %v: it does not have %q", sources, want)
			}
		}
	}
}

func TestWhatIsEqualStaysEqualWhenItIsCovered(t *testing.T) {
	c := &cover{}
	one, same, other := c.text("https://u:a@h.example"), c.text("x https://u:a@h.example y"), c.text("https://u:b@h.example")
	if !strings.Contains(same, one) || one == other || !clean(one) || !clean(other) {
		t.Error(one, same, other)
	}
	if got := c.text(one); got != one {
		t.Errorf("covered twice: %q", got)
	}
	for _, keep := range []string{"https://h.example/a@b", "ssh://git@h.example", "a-1:" + base64Key, "https://h.example?priority=1", "mailto:a@b"} {
		if got := c.text(keep); got != keep {
			t.Errorf("%q became %q", keep, got)
		}
	}
}

func TestOfAccountsTheUserAloneStays(t *testing.T) {
	c := &copier{facts: &trust.Facts{User: mira}, ids: []uint32{1000, 44}}
	fsys := secretive()
	if got := string(c.users(fsys["etc/passwd"].Data)); got != "root:x:0:0::/root:\nmira:x:1000:100::/home/mira:\n" {
		t.Errorf("%q", got)
	}
	groups := string(fsys["etc/group"].Data) + "video:SECRET:44:bob\nwheel:x:2:bob\nrender:x:44:\n"
	if got := string(c.groups([]byte(groups))); got != "users:x:100:\nwheel:x:1:mira\nvideo:x:44:\nwheel:x:2:\nrender:x:44:\n" {
		t.Errorf("%q", got)
	}
}

func TestASettingKeepsItsPlaceAndLosesItsSecret(t *testing.T) {
	for text, want := range map[string]string{
		"  cores = 1 # x\n":                               "  cores = 1 \n",
		"# x\n\n# Managed by hand\ncores = 1":             "\n\n# managed by\ncores = 1",
		"access-tokens = a=SECRET  b=x=y SECRET\r\n":      "access-tokens = a=redacted-1  b=redacted-2 redacted-1\r\n",
		"extra-access-tokens a=SECRET\n":                  "extra-access-tokens a=redacted-1\n",
		"access-tokens=a=SECRET\n":                        "access-tokens=redacted-1\n",
		"bad line access-tokens = a=SECRET\n":             "bad line access-tokens = a=redacted-1\n",
		"store = https://a:b@h?secret-key=/x&trusted=1\n": "store = https://redacted-1:redacted-1@h?secret-key=redacted-2&trusted=1\n",
		"access-tokens: SECRET a=SECRET\n":                "access-tokens: redacted-1 a=redacted-1\n",
		"nobody-knows = SECRET\n":                         "nobody-knows =\n",
		"include /a/b # SECRET\n":                         "include /a/b \n",
	} {
		c := &copier{}
		if got := string(c.config("x", []byte(text))); got != want {
			t.Errorf("%q became %q and not %q", text, got, want)
		}
	}
}

// reopened is what somebody else sees.
func reopened(t testing.TB, b *Bundle) (*Bundle, *trust.Facts) {
	t.Helper()
	again, err := Read(bytes.NewReader(written(t, b)))
	if err != nil {
		t.Fatal(err)
	}
	m, o, err := again.Machine()
	if err != nil {
		t.Fatal(err)
	}
	return again, host.Look(context.Background(), m, o)
}

func TestABundleReadsAsItWasWritten(t *testing.T) {
	b, _ := lookAt(t, secretive(), Options{})
	again, facts := reopened(t, b)
	text, err := again.manifest.write(&cover{})
	if err != nil || !bytes.Equal(text, b.text) || again.Paths() != b.Paths() {
		one, two := strings.Split(string(text), "\n"), strings.Split(string(b.text), "\n")
		for i := range min(len(one), len(two)) {
			if one[i] != two[i] {
				t.Fatalf("line %d of the manifest is %q and not %q", i+1, one[i], two[i])
			}
		}
		t.Error("the manifest is another one", err)
	}
	if text := written(t, again); !bytes.Equal(text, written(t, b)) {
		t.Error("written again it has other bytes")
	}
	if v := facts.Client.Get("substituters"); len(v.Items) < 2 || !strings.HasPrefix(v.Items[0].Text, "https://redacted-") {
		t.Errorf("%+v", v)
	}
}

func TestWhatWasNotLookedAtIsUnknownAndNeverAbsent(t *testing.T) {
	b, _ := lookAt(t, secretive(), Options{})
	again, _ := reopened(t, b)
	files := again.Files()
	for _, p := range []string{"/etc/shadow", "/home/bob/x", "/home/mira/.ssh", "/home/mira/src/notes-SECRET.txt", "/srv"} {
		if there, err := files.Exists(p); there || err == nil {
			t.Errorf("%s: %v, %v", p, there, err)
		}
		if _, err := files.ReadFile(p); err == nil || strings.Contains(err.Error(), "no such file") {
			t.Errorf("%s: %v", p, err)
		}
		if _, err := files.ReadDir(p, 10); err == nil || strings.Contains(err.Error(), "no such file") {
			t.Errorf("%s: %v", p, err)
		}
	}
	if there, err := files.Exists("/home/mira/.config/home-manager/flake.nix"); there || err != nil {
		t.Errorf("what was looked for and absent: %v, %v", there, err)
	}
	// A flake that nobody named when the bundle was made is not one that is missing.
	m, o, err := again.Machine()
	if err != nil {
		t.Fatal(err)
	}
	o.Flake = "/srv/project"
	f := host.Look(context.Background(), m, o)
	if len(f.Flakes) == 0 || f.Flakes[0].Err == "" || strings.Contains(f.Flakes[0].Err, "There is no ") {
		t.Errorf("%+v", f.Flakes)
	}
}
