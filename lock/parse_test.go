package lock

import (
	"errors"
	"strings"
	"testing"
)

const (
	hello = "2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-hello"
	dep   = "z4asv3j07d89ywjf8fxkn7sg6mf5s9q5-dep"
	nar1  = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
	nar2  = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
)

// canonical is the example of the specification.
const canonical = `version = 1
source = "` + nar2 + `"

[[cache]]
url = "https://example.cachix.org"
keys = ["` + keyA + `", "` + keyB + `"]

[paths.aarch64-linux]
"` + dep + `" = { nar = "` + nar2 + `", size = 96, refs = [] }

[outputs.x86_64-linux]
"packages.default" = "` + hello + `"

[paths.x86_64-linux]
"` + hello + `" = { nar = "` + nar1 + `", size = 168, refs = ["` + hello + `", "` + dep + `"], ca = "fixed:r:sha256:1mkvday29m2qxg1fnbv8xh9s6151bh8a2xzhh0k86j7lqhyfwibh", by = ["cache-1"] }
`

func mustParse(t testing.TB, text string) *Lock {
	t.Helper()
	l, err := Parse("flake.cache-lock", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustPrint(t testing.TB, l *Lock) string {
	t.Helper()
	text, err := l.Print()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPrintKeepsTheCanonicalTextToTheByte(t *testing.T) {
	l := mustParse(t, canonical)
	if got := mustPrint(t, l); got != canonical {
		t.Errorf("printed\n%s\nwant\n%s", got, canonical)
	}
	p, ok := l.Find(hello)
	if !ok || p.NAR.String() != nar1 || p.Size != 168 || len(p.Refs) != 2 || p.Refs[0] != hello || p.By[0] != "cache-1" {
		t.Errorf("the pin reads as %+v", p)
	}
	if l.Source.String() != nar2 || len(l.Systems) != 2 || l.Systems["x86_64-linux"].Outputs["packages.default"] != hello {
		t.Errorf("the lock reads as %+v", l)
	}
}

func TestParseTakesAnotherLayoutForTheSameLock(t *testing.T) {
	text := `# made by hand
version=1 # the first
[ paths . "x86_64-linux" ]
'` + hello + `' = { refs = [ "` + hello + `", "` + dep + `", ], by=['cache-1'], size = 1_68, nar = "\u0073ha256-` + nar1[7:] + `", ca = "fixed:r:sha256:1mkvday29m2qxg1fnbv8xh9s6151bh8a2xzhh0k86j7lqhyfwibh" }
[paths.aarch64-linux]

` + dep + ` = { nar = """` + nar2 + `""", size = 96, refs = [] }
[outputs.x86_64-linux]
"packages.default" = "` + hello + `"
[[cache]]
keys = [ "` + keyB + `", "` + keyA + `" ]
url = 'https://example.cachix.org'
`
	want := strings.Replace(canonical, "source = \""+nar2+"\"\n", "", 1)
	text = strings.Replace(text, "1_68", "168", 1)
	if got := mustPrint(t, mustParse(t, text)); got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}

// Each row changes the canonical text once, and says what is then wrong where.
var refusals = []struct {
	name, old, new string
	kind           Kind
	where, text    string
	other          string
}{
	{"a newer version", "version = 1", "version = 2", KindVersion, ":1:11", "reads version 1", ""},
	{"a version in quotes", "version = 1", `version = "1"`, KindVersion, ":1:11", "version 1", ""},
	{"a version in hexadecimal", "version = 1", "version = 0x1", KindVersion, ":1:11", "version 1", ""},
	{"no version", "version = 1\n", "", KindVersion, ":1:1", "version = 1", ""},
	{"the version twice", "version = 1\n", "version = 1\nversion = 1\n", KindDuplicate, ":2:1", "version is there twice", ":1:1"},
	{"an unknown key at the top", "source =", "sauce =", KindUnknown, ":2:1", `no key "sauce"`, ""},
	{"the source twice", "\n[[cache", "source = \"" + nar1 + "\"\n[[cache", KindDuplicate, ":3:1", "source is there twice", ":2:1"},
	{"a source that is no hash", nar2 + "\"\n\n[[", "sha256-x\"\n\n[[", KindValue, ":2:10", "a hash is written", ""},
	{"a dotted key", "source =", "source.x =", KindUnknown, ":2:1", "one part", ""},
	{"an unknown table", "[outputs.x86_64-linux]", "[output.x86_64-linux]", KindUnknown, ":11:1", "and no other", ""},
	{"a table of three parts", "[outputs.x86_64-linux]", "[outputs.x86_64-linux.x]", KindUnknown, ":11:1", "and no other", ""},
	{"a list of sections", "[outputs.x86_64-linux]", "[[outputs.x86_64-linux]]", KindUnknown, ":11:1", "and no other", ""},
	{"a cache that is no list", "[[cache]]", "[cache]", KindUnknown, ":4:1", "and no other", ""},
	{"a system with a slash", "[outputs.x86_64-linux]", `[outputs."x86/64"]`, KindValue, ":11:10", "a system is", ""},
	{"a table twice", "[paths.x86_64-linux]", "[paths.aarch64-linux]", KindDuplicate, ":14:8", "[paths.aarch64-linux] is there twice", ":8:1"},
	{"an unknown key of a cache", "url =", "uri =", KindUnknown, ":5:1", `no "uri"`, ""},
	{"the URL twice in a cache", "keys =", "url = \"https://b.example\"\nkeys =", KindDuplicate, ":6:1", "url is there twice", ":5:1"},
	{"a cache without a URL", "url = \"https://example.cachix.org\"\n", "", KindValue, ":4:1", "no url", ""},
	{"a cache without keys", "keys = [\"" + keyA + "\", \"" + keyB + "\"]\n", "", KindValue, ":4:1", "keys = []", ""},
	{"keys that are no list", "keys = [\"" + keyA + "\", \"" + keyB + "\"]", "keys = \"" + keyA + "\"", KindValue, ":6:8", "are a list", ""},
	{"a key without padding", keyA + "\"", keyA[:len(keyA)-1] + "\"", KindValue, ":6:9", "one spelling", ""},
	{"a key too short", keyA, "cache-1:YWJj", KindValue, ":6:9", "cannot be read", ""},
	{"a key that anybody can sign for", keyA, "cache-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", KindValue, ":6:9", "anybody can sign for", ""},
	{"a key not in its one encoding", keyA, "cache-1:7v///////////////////////////////////////38=", KindValue, ":6:9", "one encoding", ""},
	{"a key twice", keyB, keyA, KindDuplicate, ":6:65", "twice in one cache", ""},
	{"two keys of one name", keyB, keyA2, KindDuplicate, ":6:65", "two different keys are called cache-1", ":6:1"},
	{"a cache twice", "[outputs.x", "[[cache]]\nurl = \"https://example.cachix.org\"\nkeys = []\n[outputs.x", KindDuplicate, ":12:7", "is there twice", ":5:1"},
	{"a cache with a password", "https://ex", "https://me:secret@ex", KindValue, ":5:7", "credentials", ""},
	{"a cache over ssh", "https://ex", "ssh://ex", KindValue, ":5:7", "http, https or file", ""},
	{"an output twice", "\n[paths.x86", "\"packages.default\" = \"" + dep + "\"\n[paths.x86", KindDuplicate, ":13:1", "packages.default is there twice", ":12:1"},
	{"an output without a name", `"packages.default"`, `""`, KindValue, ":12:1", "the name of an output", ""},
	{"an output with an escape sequence in its name", `"packages.default"`, `"a\u001b[2J"`, KindValue, ":12:1", "control characters", ""},
	{"an output whose name is read backwards", `"packages.default"`, "\"a\u202eb\"", KindValue, ":12:1", "not seen", ""},
	{"an output with nothing in its name", `"packages.default"`, "\"a\u200bb\"", KindValue, ":12:1", "not seen", ""},
	{"an output that is no path", `= "` + hello, `= "/nix/store/` + hello, KindValue, ":12:22", "without the folder", ""},
	{"a pin that is no table", "{ nar = \"" + nar2 + "\", size = 96, refs = [] }", "\"" + nar2 + "\"", KindValue, ":9:1", "a pin is written", ""},
	{"a pin without a hash", "nar = \"" + nar2 + "\", size", "size", KindValue, ":9:1", "lacks nar", ""},
	{"a pin without a size", "size = 96, ", "", KindValue, ":9:1", "lacks size", ""},
	{"a pin without references", ", refs = [] }", " }", KindValue, ":9:1", "lacks refs", ""},
	{"an unknown key of a pin", "size = 96", "size = 96, sig = \"\"", KindUnknown, ":9:116", `no "sig"`, ""},
	{"a key twice in a pin", "size = 96", "size = 96, size = 96", KindDuplicate, ":9:116", "size is there twice", ""},
	{"a size of nothing", "size = 96", "size = 0", KindValue, ":9:112", "above 0", ""},
	{"a size below nothing", "size = 96", "size = -96", KindValue, ":9:112", "above 0", ""},
	{"a size with a sign", "size = 96", "size = +96", KindValue, ":9:112", "above 0", ""},
	{"a size with digits in groups", "size = 168", "size = 1_68", KindValue, ":15:114", "above 0", ""},
	{"a size that overflows", "size = 96", "size = 9223372036854775808", KindValue, ":9:112", "above 0", ""},
	{"a size that is a fraction", "size = 96", "size = 96.0", KindValue, ":9:112", "above 0", ""},
	{"the hash of nothing", nar2 + "\", size", "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\", size", KindValue, ":9:50", "all zeros", ""},
	{"a hash with unused bits", "YfIAFa0=\", size", "YfIAFa1=\", size", KindValue, ":9:50", "canonical", ""},
	{"a hash with a newline in it", nar2 + "\", size", nar2[:20] + `\n` + nar2[21:] + "\", size", KindValue, ":9:50", "canonical", ""},
	{"a SHA-512", nar2 + "\", size", "sha512" + nar2[6:] + "\", size", KindValue, ":9:50", "sha256-", ""},
	{"a hash in base 32", nar2 + "\", size", "sha256:1mkvday29m2qxg1fnbv8xh9s6151bh8a2xzhh0k86j7lqhyfwibh\", size", KindValue, ":9:50", "sha256-", ""},
	{"references out of order", `["` + hello + `", "` + dep + `"]`, `["` + dep + `", "` + hello + `"]`, KindValue, ":15:167", "sorted", ""},
	{"a reference twice", `["` + hello + `", "` + dep + `"]`, `["` + dep + `", "` + dep + `"]`, KindValue, ":15:167", "each there once", ""},
	{"a reference that is no path", `["` + hello + `",`, `["hello",`, KindValue, ":15:127", "a store path", ""},
	{"a reference that is a number", `["` + hello + `",`, `[1,`, KindValue, ":15:127", "in quotes", ""},
	{"a content address of another kind", "fixed:r:sha256:", "fixed:sha256:x", KindValue, "", "content address", ""},
	{"a signer with a space", `["cache-1"]`, `["cache 1"]`, KindValue, "", "name of a key", ""},
	{"a path with a bad hash part", `"` + dep + `" = {`, `"e` + dep[1:] + `" = {`, KindValue, ":9:1", "without e, o, t and u", ""},
	{"one path with two pins in one table", "\n[outputs.x", "\"" + dep + "\" = { nar = \"" + nar1 + "\", size = 96, refs = [] }\n[outputs.x", KindTwoPins, ":10:1", dep + " has two pins", ":9:1"},
	{"one path with two pins in two tables", `"` + hello + `" = {`, `"` + dep + `" = {`, KindTwoPins, ":15:1", dep + " has two pins", ":9:1"},
	{"one path twice", "\n[outputs.x", "\"" + dep + "\" = { nar = \"" + nar2 + "\", size = 96, refs = [] }\n[outputs.x", KindDuplicate, ":10:1", "twice in one table", ":9:1"},
	{"another path under the same hash part", `"` + hello + `" = {`, `"` + dep + `x" = {`, KindTwoPins, ":15:1", "has the hash part of " + dep, ":9:1"},
	{"a value over two lines", "refs = [] }", "refs = [\n] }", KindSyntax, ":9:", "one statement of TOML", ""},
	{"a string that does not end", `"packages.default" = "`, `"packages.default = "`, KindSyntax, ":12:", "one statement of TOML", ""},
	{"two statements on a line", "url = ", "url = \"a\" url = ", KindSyntax, ":5:11", "one statement of TOML", ""},
	{"carriage returns", "version = 1\n", "version = 1\r\n", KindSyntax, ":1:12", "carriage return", ""},
	{"a byte order mark", "version = 1\n", "\ufeffversion = 1\n", KindSyntax, ":1:1", "byte order mark", ""},
	{"a byte that is not UTF-8", "packages.default", "packages.\xff", KindSyntax, ":12:11", "UTF-8", ""},
	{"no newline at the end", "by = [\"cache-1\"] }\n", "by = [\"cache-1\"] }", KindSyntax, "", "cut off", ""},
	{"cut in a line", "by = [\"cache-1\"] }\n", "by = [\"cac\n", KindSyntax, ":15:", "one statement of TOML", ""},
	{"conflict markers", "url = ", "<<<<<<< HEAD\nurl = ", KindConflict, ":5:1", "merge conflict", ""},
	{"the end of a conflict alone", "url = ", ">>>>>>> theirs\nurl = ", KindConflict, ":5:1", "merge conflict", ""},
	{"the middle of a conflict alone", "url = ", "=======\nurl = ", KindConflict, ":5:1", "merge conflict", ""},
	{"the base of a conflict alone", "url = ", "||||||| base\nurl = ", KindConflict, ":5:1", "merge conflict", ""},
}

func TestParseRefusesAndSaysWhere(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(canonical, c.old) == 0 {
				t.Fatalf("the example has no %q", c.old)
			}
			l, err := Parse("f", []byte(strings.Replace(canonical, c.old, c.new, 1)))
			if err == nil {
				t.Fatalf("it was taken as %+v", l)
			}
			var e *Error
			if !errors.As(err, &e) || l != nil {
				t.Fatalf("lock %v, error %T %v", l, err, err)
			}
			msg := err.Error()
			if e.Kind != c.kind || !strings.HasPrefix(msg, "f"+c.where) || !strings.Contains(msg, c.text) {
				t.Errorf("kind %s, message %q; want %s, f%s…, …%s…", e.Kind, msg, c.kind, c.where, c.text)
			}
			if c.where == "" && (e.Pos.Line == 0 || e.Pos.Col == 0) {
				t.Errorf("%q has no place", msg)
			}
			if other := "(the other is at f" + c.other + ")"; (c.other != "") != strings.Contains(msg, "the other is at") || c.other != "" && !strings.Contains(msg, other) {
				t.Errorf("%q does not name the other line as %q", msg, c.other)
			}
		})
	}
}

func TestParseRefusesAnEmptyFile(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n"} {
		if l, err := Parse("f", []byte(text)); err == nil {
			t.Errorf("%q was taken as %+v", text, l)
		}
	}
}

func TestASystemDoesNotChangeTheTextOfAnother(t *testing.T) {
	l := mustParse(t, canonical)
	before := mustPrint(t, l)
	h, err := ParseHash(nar1)
	if err != nil {
		t.Fatal(err)
	}
	s := l.Section("i686-linux")
	s.Paths["00000000000000000000000000000000-new"] = Pin{NAR: h, Size: 1}
	s.Outputs["a\"b\\c"] = hello
	after := mustPrint(t, l)
	delete(l.Systems, "i686-linux")
	if mustPrint(t, l) != before {
		t.Error("taking the system away again does not give the first text")
	}
	i := strings.Index(after, "[outputs.i686-linux]")
	j := strings.Index(after, "[outputs.x86_64-linux]")
	if i < 0 || j < i || after[:i]+after[j:] != before {
		t.Errorf("the rest changed:\n%s", after)
	}
	mustParse(t, after)
}

func TestTheZeroValuesPinNothing(t *testing.T) {
	var l Lock
	if text, err := l.Print(); err == nil {
		t.Errorf("the zero lock prints as %q", text)
	}
	if d, err := l.Digest(); err == nil || d != "" {
		t.Errorf("the zero lock has the digest %q", d)
	}
	if _, ok := l.Find(hello); ok {
		t.Error("the zero lock pins a path")
	}
	if (Pin{}).Same(Pin{}) {
		t.Error("a pin of nothing matches something")
	}
	m := New()
	m.Section("x86_64-linux").Paths[hello] = Pin{}
	if text, err := m.Print(); err == nil {
		t.Errorf("a pin of nothing prints as %q", text)
	}
}

func TestDigestChangesWithEveryPart(t *testing.T) {
	digest := func(text string) string {
		d, err := mustParse(t, text).Digest()
		if err != nil || len(d) != 64 {
			t.Fatal(d, err)
		}
		return d
	}
	first := digest(canonical)
	if digest("# a comment\n"+canonical) != first {
		t.Error("a comment changes the digest of the content")
	}
	for _, r := range [][2]string{
		{"source = \"" + nar2 + "\"\n", ""}, {nar1, nar2}, {"168", "169"}, {"https://ex", "https://x"}, {", \"" + keyB + "\"", ""},
		{"aarch64-linux", "i686-linux"}, {"packages.default", "packages.hello"}, {", by = [\"cache-1\"]", ""}, {", \"" + dep + "\"]", "]"},
	} {
		if digest(strings.Replace(canonical, r[0], r[1], 1)) == first {
			t.Errorf("the digest does not depend on %q", r[0])
		}
	}
}
