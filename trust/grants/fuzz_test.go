package grants

import (
	"errors"
	"strings"
	"testing"
)

func FuzzParseAndPrintAgree(f *testing.F) {
	text, err := sample().Print()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("version = 1\n" + goodGrant + goodCache + goodDeny)
	f.Add("version = 1\n[[grant]]\nflake = '''x'''\nsystems = [ # c\n]\n[[grant.cache]]\n")
	f.Add("version=1\n<<<<<<<")
	f.Add("version = 1\n[[deny]]\nflake = {a.b = [1979-05-27]}\n")
	f.Fuzz(func(t *testing.T, s string) {
		file, err := Parse("grants.toml", []byte(s))
		if err != nil {
			var e *Error
			if file != nil || !errors.As(err, &e) || e.Kind == "" || e.Kind != KindLimit && (e.Pos.Line < 1 || e.Pos.Col < 1 || e.Pos.Line > 1+strings.Count(s, "\n")) {
				t.Fatalf("%q: %+v, %v", s, file, err)
			}
			return
		}
		text, err := file.Print()
		if err != nil {
			t.Fatalf("what was read cannot be printed: %v\n%s", err, s)
		}
		again, err := Parse("grants.toml", text)
		if err != nil {
			t.Fatalf("what was printed cannot be read: %v\n%s", err, text)
		}
		if twice, err := again.Print(); err != nil || string(twice) != string(text) {
			t.Fatalf("%v\n%s\nbecame\n%s", err, text, twice)
		}
	})
}

func FuzzIdentityHasOneSpelling(f *testing.F) {
	for _, s := range []string{"git:/x/.git?dir=a%2Fb", "path:/x", "github:owner/repo?dir=a&host=h.example&ref=x", "git+ssh://git@h.example/r", "gitlab:a%2Fb/c", "tarball+https://x.example/a.tar.gz", "hg+https://x.example/r", "github:%3F/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseIdentity(s)
		if err != nil {
			if id != "" {
				t.Fatalf("%q is %q and %v", s, id, err)
			}
			return
		}
		if string(id) != s || strings.ContainsAny(s, " \n\"\\\x1b") {
			t.Fatalf("%q was read as %q", s, id)
		}
		if p := id.Path(); p != "" {
			place := Place{Folder: p}
			if strings.HasPrefix(s, "path:") {
				if again, err := place.Identity(); again != id || err != nil {
					t.Fatalf("%q leads to %q, which is %q (%v)", s, p, again, err)
				}
			}
		}
	})
}
