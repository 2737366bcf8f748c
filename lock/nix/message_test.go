package nix

import (
	"strings"
	"testing"
	"unicode"
)

func TestLastErrorIsWhatIsWrongAndNotTheTrace(t *testing.T) {
	for in, want := range map[string]string{
		"error: it throws\n(use '--show-trace' to show detailed location information)\n":                                                                                                               "it throws",
		"warning: x\nerror:\n       … while calling the 'abort' builtin\n         at /nix/store/x/flake.nix:1:2:\n            1| code\n             | ^\n\n       error: \x1b[35;1mit aborts\x1b[0m\n": "it aborts",
		"error: attribute 'a' missing\n\n       at «string»:1:1:\n\n            1| builtins.a\n             | ^\n":                                                                                     "attribute 'a' missing\n\nat «string»:1:1:",
		"":                      "",
		"error: \x07bell\x00\n": "?bell?",
		"error: \xff\xfe\n":     "\uFFFD",
	} {
		if got := lastError([]byte(in)); got != want {
			t.Errorf("%q\ngot  %q\nwant %q", in, got, want)
		}
	}
	if got := lastError([]byte("error: " + strings.Repeat("é", 1<<20))); len(got) > maxSaid+10 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestMessagesTellNoSecrets(t *testing.T) {
	for _, secret := range []string{
		"https://me:hunter2@example.org/x", "https://hunter2@example.org/x", "git+ssh://me:hunter2@host/x",
		"https://example.org/x?access_token=hunter2", "access-tokens = github.com=hunter2", "Authorization: Bearer hunter2hunter2",
		"password: hunter2", "https://gitlab.org/x?private_token=hunter2&a=b", "ghp_hunter2hunter2hunter2",
	} {
		if got := lastError([]byte("error: unable to download '" + secret + "': no\n")); strings.Contains(got, "hunter2") {
			t.Errorf("%s: %s", secret, got)
		}
	}
	plain := "unable to download 'https://example.org/a@b/x?token'"
	if got := redact(plain); got != plain {
		t.Errorf("%s became %s", plain, got)
	}
}

func FuzzLastErrorIsPlainText(f *testing.F) {
	f.Add([]byte("error: \x1b[31mx\x1b]0;y\x07"))
	f.Fuzz(func(t *testing.T, stderr []byte) {
		got := lastError(stderr)
		if strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) || len(got) > maxSaid+10 {
			t.Errorf("%q", got)
		}
	})
}
