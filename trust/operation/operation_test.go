package operation

import (
	"bytes"
	"strings"
	"testing"
)

const (
	goodKey  = "cache.example-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	otherKey = "cache.example-1:7NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	weakKey  = "weak-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
)

const goodFile = `{
  "version": 1,
  "operations": [
    {
      "do": "allow",
      "caches": [
        "https://cache.example"
      ],
      "keys": [
        "` + goodKey + `"
      ]
    },
    {
      "do": "disallow",
      "caches": [
        "https://old.example/"
      ],
      "keys": [
        "` + weakKey + `"
      ]
    },
    {
      "do": "forget",
      "caches": [
        "https://old.example"
      ]
    },
    {
      "do": "deny",
      "flake": "github:owner/repo"
    },
    {
      "do": "undeny",
      "flake": "path:/srv/flake"
    },
    {
      "do": "revoke",
      "flake": "git:/home/mira/src/comet/.git?dir=nix"
    }
  ]
}
`

func TestTheFormKeepsEveryOperation(t *testing.T) {
	ops, err := Parse("f", []byte(goodFile))
	if err != nil {
		t.Fatal(err)
	}
	text, err := Print(ops)
	if err != nil || string(text) != goodFile {
		t.Fatalf("%s\n%v", text, err)
	}
}

// The addresses of a gate on this machine, each with the slash that the daemon
// compares.
func TestAGatesAddressesCanBeAllowed(t *testing.T) {
	for _, u := range []string{"http://127.0.0.1:8128/e0/", "http://127.0.0.1:8128/e7/", "http://[::1]:8128/e0/"} {
		o := Operation{Do: Allow, Caches: []string{u}}
		if err := o.Check(); err != nil {
			t.Error(err)
		}
		text, err := Print([]Operation{o})
		if err != nil || !strings.Contains(string(text), `"`+u+`"`) {
			t.Errorf("%s %v", text, err)
		}
	}
}

func one(operation string) string { return `{"version": 1, "operations": [` + operation + `]}` }

// What must never be said for a whole machine has no way to be said.
func TestWhatTurnsProtectionOffCannotBeSaid(t *testing.T) {
	for _, op := range []string{
		`{"do": "trusted-users", "keys": ["mira"]}`,
		`{"do": "set", "setting": "require-sigs", "value": "false"}`,
		`{"do": "allow", "trusted-users": ["mira"]}`,
		`{"do": "allow", "caches": ["https://cache.example"], "setting": "accept-flake-config"}`,
		`{"do": "allow", "caches": ["https://cache.example?trusted=1"]}`,
		`{"do": "allow", "caches": ["https://cache.example?priority=1"]}`,
		`{"do": "allow", "caches": ["https://cache.example/%3ftrusted=1#x"]}`,
		`{"do": "allow", "caches": ["*"]}`,
		`{"do": "allow", "caches": ["https://*"]}`,
		`{"do": "allow", "caches": ["https://*.example"]}`,
		`{"do": "allow", "caches": ["https://[::1]/*"]}`,
		`{"do": "allow", "caches": ["https://[::1]:8128/e0/"]}`,
		`{"do": "allow", "caches": ["http://[::1]/e0/"]}`,
		`{"do": "allow", "caches": ["http://[::2]:8128/e0/"]}`,
		`{"do": "allow", "caches": ["http://[::1]:8128/[e0]/"]}`,
		`{"do": "allow", "caches": ["http://[::1]:8128@cache.example/"]}`,
		`{"do": "allow", "caches": ["http://[::1]:x/"]}`,
		`{"do": "allow", "caches": ["http://cache.example/http://[::1]:8128/"]}`,
		`{"do": "allow", "caches": ["https://u:p@cache.example"]}`,
		`{"do": "allow", "caches": ["https://"]}`,
		`{"do": "allow", "caches": ["http:///x"]}`,
		`{"do": "allow", "caches": ["HTTPS://cache.example"]}`,
		`{"do": "allow", "caches": ["https://Cache.example"]}`,
		`{"do": "allow", "caches": ["https:cache.example"]}`,
		`{"do": "allow", "caches": ["daemon"]}`,
		`{"do": "allow", "caches": ["auto"]}`,
		`{"do": "allow", "caches": ["/srv/store"]}`,
		`{"do": "allow", "caches": ["local?root=/srv"]}`,
		`{"do": "allow", "caches": ["ssh://-oProxyCommand=x"]}`,
		`{"do": "allow", "caches": ["s3://bucket"]}`,
		`{"do": "allow", "caches": ["file://"]}`,
		`{"do": "allow", "caches": ["file:///"]}`,
		`{"do": "allow", "caches": ["file:///srv/../home/mira"]}`,
		`{"do": "allow", "caches": ["https://cache.example https://evil.example"]}`,
		`{"do": "allow", "caches": ["https://cache.example/\nrequire-sigs = false"]}`,
		`{"do": "allow", "caches": ["https://cache.example/\u000arequire-sigs"]}`,
		`{"do": "allow", "caches": ["https://cache.example/\u202e"]}`,
		`{"do": "allow", "caches": ["https://cache.example/\ud800"]}`,
		`{"do": "allow", "caches": ["https://cаche.example/"]}`,
		`{"do": "allow", "caches": ["https://cache.example/$(id)"]}`,
		"{\"do\": \"allow\", \"caches\": [\"https://cache.example/`id`\"]}",
		`{"do": "allow", "caches": ["https://cache.example/';id"]}`,
		`{"do": "allow", "caches": ["https://cache.example", "https://cache.example"]}`,
		`{"do": "allow", "keys": ["` + weakKey + `"]}`,
		`{"do": "allow", "keys": ["*"]}`,
		`{"do": "allow", "keys": [""]}`,
		`{"do": "allow", "keys": ["cache.example-1"]}`,
		`{"do": "allow", "keys": ["cache.example-1:QUJD"]}`,
		`{"do": "allow", "keys": ["` + strings.TrimSuffix(goodKey, "=") + `"]}`,
		`{"do": "allow", "keys": ["#` + goodKey + `"]}`,
		`{"do": "allow", "keys": ["` + goodKey + `", "` + otherKey + `"]}`,
		`{"do": "allow", "caches": []}`,
		`{"do": "allow"}`,
		`{"do": "allow", "caches": ["https://cache.example"], "flake": "github:o/r"}`,
		`{"do": "disallow", "keys": ["cache"]}`,
		`{"do": "deny", "flake": "github:o/r", "caches": ["https://cache.example"]}`,
		`{"do": "deny"}`, `{"do": "deny", "flake": "*"}`, `{"do": "deny", "flake": "nixpkgs"}`, `{"do": "deny", "flake": "path:relative"}`,
		`{"do": "deny", "flake": "path:/a/../b"}`, `{"do": "deny", "flake": "github:o/r?rev=0123456789012345678901234567890123456789"}`,
		`{"do": "grant", "flake": "github:o/r"}`, `{}`, `{"do": ""}`, `{"do": "Allow", "caches": ["https://cache.example"]}`,
		`{"do": "deny", "flake": "github:o/r"}, {"do": "undeny", "flake": "github:o/r"}`,
		`{"do": "allow", "caches": ["https://cache.example"]}, {"do": "disallow", "caches": ["https://cache.example/"]}`,
		`{"do": "allow", "keys": ["` + goodKey + `"]}, {"do": "allow", "keys": ["` + otherKey + `"]}`,
	} {
		if ops, err := Parse("f", []byte(one(op))); err == nil {
			t.Errorf("%s is read as %+v", op, ops)
		}
	}
	if (Operation{}).Check() == nil {
		t.Error("the zero operation is one")
	}
}

func TestAWrongFileIsRefusedWithItsPlace(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "f:1:1: the file ends in the middle"},
		{"{", "f:1:2: the file ends in the middle"},
		{"[]", "f:1:1: an object in { } is expected here"},
		{`{"operations": []}`, `f:1:2: "version": 1 comes first`},
		{"{\n\"version\": 2}", "f:2:12: the version is not 1, the one that this program reads"},
		{`{"version": "1"}`, "f:1:13: the version is not 1, the one that this program reads"},
		{`{"version": 1.0}`, "f:1:13: the version is not 1, the one that this program reads"},
		{`{}`, `f:1:1: the file says no version: "version": 1 comes first`},
		{`{"version": 1}`, "f:1:1: no operation is named"},
		{`{"version": 1, "version": 1}`, `f:1:16: "version" is there twice`},
		{"{\"version\": 1,\n  \"run\": \"id\"}", `f:2:3: "run" is no key that belongs here`},
		{one(``), "f:1:30: no operation is named"},
		{one(`{"do": "deny", "do": "undeny"}`), `f:1:46: "do" is there twice`},
		{one(`{"do": "deny", "Do": "undeny"}`), `f:1:46: "Do" is no key that belongs here`},
		{one(`{"do": 1}`), "f:1:38: a text in quotes is expected here"},
		{one(`{"caches": {"a": 1}}`), "f:1:42: a list in [ ] is expected here"},
		{one(`{"do": "a\u0007"}`), "f:1:38: only printable ASCII without blanks belongs here"},
		{"{\"version\":\x001}", "f:1:12: a control character has no place here"},
		{"{\"version\":\xff}", "f:1:12: this is not UTF-8"},
		{one(`{"do": "deny", "flake": "github:o/r"}`) + "x", "f:1:70: something follows the end"},
		{one(`{"do": "deny", "flake": "github:o/r"}`) + "{}", "f:1:70: something follows the end"},
		{strings.Repeat(" ", MaxBytes+1), "f:1:1: the file has more than 256 KiB, which no file of operations has"},
		{one(strings.Repeat(`{"do": "deny", "flake": "github:o/r"},`, 100) + "{}"), "f:1:3831: the list has at most 100 entries"},
	} {
		_, err := Parse("f", []byte(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%.60q: %v, want %s", c.text, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(goodFile))
	f.Add([]byte(one(`{"do": "allow", "caches": ["https://cache.example"]}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		ops, err := Parse("f", data)
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Pos.Line < 1 || e.Pos.Col < 1 {
				t.Fatalf("%q: %v has no place", data, err)
			}
			return
		}
		text, err := Print(ops)
		if err != nil {
			t.Fatalf("%q is read and not written: %v", data, err)
		}
		for _, o := range ops {
			if strings.ContainsAny(strings.Join(o.Caches, ""), "?#*@ \n\\\"") || strings.ContainsAny(strings.Join(o.Keys, ""), "*# \n\\\"") {
				t.Fatalf("%q is read as %+v", data, o)
			}
		}
		again, err := Parse("f", text)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Print(again); err != nil || !bytes.Equal(back, text) {
			t.Fatalf("%q comes back as %q, %v", text, back, err)
		}
	})
}
