package safetext

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

func TestLineShowsWhatCouldHideOrMove(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                       "plain",
		"":                            "",
		"a\nb":                        `a\nb`,
		"a\tb\r":                      `a\tb\r`,
		"\x1b[31mred":                 `\x1b[31mred`,
		"\x1b]52;c;aGk=\x07":          `\x1b]52;c;aGk=\x07`,
		"\u009b31m":                   `\u{9b}31m`,
		"\x9b31m":                     `\x9b31m`,
		"del\x7f":                     `del\x7f`,
		"abc\u202egpj":                `abc\u{202e}gpj`,
		"\u2066x\u2069":               `\u{2066}x\u{2069}`,
		"zero\u200bwidth\u200d\ufeff": `zero\u{200b}width\u{200d}\u{feff}`,
		"line\u2028para\u2029":        `line\u{2028}para\u{2029}`,
		"no\u00a0break\u3000":         `no\u{a0}break\u{3000}`,
		"soft\u00adhyphen":            `soft\u{ad}hyphen`,
		"tag\U000e0041":               `tag\u{e0041}`,
		"sel\ufe0f":                   `sel\u{fe0f}`,
		"hangul\u3164":                `hangul\u{3164}`,
		"bad\xff\xfe":                 `bad\xff\xfe`,
		"back\\n":                     `back\\n`,
		"Zoë 漢字":                      "Zoë 漢字",
		"e\u0301":                     "e\u0301",
		"e\u0301\u0301\u0301":         "e\u0301\\u{301}\\u{301}",
		"\u0301first":                 `\u{301}first`,
		"שלום":                        `\u{5e9}\u{5dc}\u{5d5}\u{5dd}`,
		"private\ue000":               `private\u{e000}`,
		"replacement\ufffd":           `replacement\u{fffd}`,
		"surrogate\xed\xa0\x80":       `surrogate\xed\xa0\x80`,
	} {
		if got := Line(in).String(); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLineNeverShowsTwoTextsAlike(t *testing.T) {
	for _, p := range [][2]string{{"a\nb", `a\nb`}, {"\u202e", `\u{202e}`}, {`\`, `\\`}, {"\xff", `\xff`}} {
		if Line(p[0]) == Line(p[1]) {
			t.Errorf("%q and %q are shown alike as %q", p[0], p[1], Line(p[0]))
		}
	}
}

func TestLineSaysWhatItCut(t *testing.T) {
	got := Line(strings.Repeat("é", Limit)).String()
	if !strings.HasSuffix(got, " (65536 more bytes)") || len(got) > Limit+64 {
		t.Errorf("the end of a long line is %q", got[len(got)-40:])
	}
	for _, f := range []func(string) S{Line, ASCII, URL, Text} {
		if s := f("https://" + strings.Repeat("x", 2*Limit)); !strings.Contains(s.String(), "more bytes") || s.Width() != ansi.StringWidth(s.String()) {
			t.Errorf("a cut line does not say so: %q", s.String()[Limit-10:])
		}
	}
}

func TestBlockKeepsEachLineApart(t *testing.T) {
	got := Block("one\r\ntwo\x1b\n\nfour\n")
	want := []string{"one", `two\x1b`, "", "four"}
	if len(got) != len(want) {
		t.Fatalf("Block gave %d lines, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].String() != want[i] {
			t.Errorf("line %d is %q, want %q", i, got[i], want[i])
		}
	}
	if Block("") != nil {
		t.Error("nothing became a line")
	}
}

func TestExactRefusesWhatHides(t *testing.T) {
	for s, want := range map[string]bool{
		"nix build\nsudo x": true, `printf '\n'`: true, "a\x1bb": false, "a\u200bb": false, "a\rb": false, "\xff": false, "a\u202eb": false,
	} {
		if Exact(s) != want {
			t.Errorf("Exact(%q) = %v", s, !want)
		}
	}
}

func TestVerbatimKeepsACommandAsItIs(t *testing.T) {
	got := Verbatim("printf 'a\\n'\necho Zoë\n")
	if len(got) != 2 || got[0].String() != `printf 'a\n'` || got[1].String() != "echo Zoë" {
		t.Errorf("the command became %q", got)
	}
	if got := Verbatim("echo \u200b\\"); got[0].String() != `echo \u{200b}\\` {
		t.Errorf("what hides is shown as %q", got[0])
	}
}

func TestURLHidesSecretsAndShowsTricks(t *testing.T) {
	for in, want := range map[string]string{
		"https://cache.nixos.org/":                "https://cache.nixos.org/",
		"https://user:pa55@cache.example/":        "https://***@cache.example/",
		"https://tok3n@cache.example/":            "https://***@cache.example/",
		"https://u:p@ss@cache.example/x?y=1":      "https://***@cache.example/x?y=1",
		"https://cache.nixos.org@evil.example/":   "https://cache.nixos.org@evil.example/",
		"ssh-ng://nix@builder.example":            "ssh-ng://nix@builder.example",
		"git+ssh://git@host.example/x":            "git+ssh://git@host.example/x",
		"ssh://me:pw@builder.example":             "ssh://***@builder.example",
		"git+https://oauth2:t0ken@host.example/x": "git+https://***@host.example/x",
		"//u:p@host": "//u:p@host",
		"s3://b?profile=x&secret-key=/run/key&region=eu":      "s3://b?profile=x&secret-key=***&region=eu",
		"https://c.example/?access_token=abc":                 "https://c.example/?access_token=***",
		"https://c.example/?X-Amz-Signature=abc&X-Amz-Date=1": "https://c.example/?X-Amz-Signature=***&X-Amz-Date=1",
		"https://c.example/?priority=10&trusted=1":            "https://c.example/?priority=10&trusted=1",
		"https://c\u0430che.example/\u202e":                   `https://c\u{430}che.example/\u{202e}`,
	} {
		if got := URL(in).String(); got != want {
			t.Errorf("URL(%q) = %q, want %q", in, got, want)
		}
	}
	if got := Text("add https://me:secret@c.example/ and https://d.example/ here").String(); got != "add https://***@c.example/ and https://d.example/ here" {
		t.Errorf("Text left %q", got)
	}
}

// check fails unless s is one safe line of the width it reports.
func check(t *testing.T, in string, s S) {
	t.Helper()
	out := s.String()
	if !utf8.ValidString(out) {
		t.Fatalf("%q became invalid UTF-8: %q", in, out)
	}
	for _, r := range out {
		if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Bidi_Control) || r != ' ' && unicode.IsSpace(r) {
			t.Fatalf("%q kept %U in %q", in, r, out)
		}
	}
	if w := ansi.StringWidth(out); w != s.Width() {
		t.Fatalf("%q is %d cells wide and said %d", out, w, s.Width())
	}
	if w := ansi.StringWidthWc(out); w != s.Width() {
		t.Fatalf("%q is %d cells wide by character and said %d", out, w, s.Width())
	}
	if ansi.Strip(out) != out {
		t.Fatalf("%q has an escape sequence", out)
	}
}

func FuzzEverythingIsOneSafeLine(f *testing.F) {
	for _, s := range []string{
		"", "a\nb", "\x1b[2J", "\u202e", "👩‍👩‍👧", "🇩🇪", "नमस्ते", "e\u0301\u0301", "\xff", "https://u:p@h/?token=x", "\u1100\u1161\u11a8",
		"👍🏽", "ก็", "xn--80ak6aa92e.com", "https://xn--80ak6aa92e.com/", "\u200d", "﷽", "a\u20e3", "🀄\ufe0f", "\U0001f1e6",
		"\U00011a85", "\uff9e", "\u0e33",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, make := range []func(string) S{Line, ASCII, URL, Text} {
			check(t, s, make(s))
		}
		check(t, s, Join(Line(s), Line(s), URL(s)))
		check(t, s, sentence("<%s>(%s)", Line(s), Line(s)))
		for _, l := range append(Block(s), Verbatim(s)...) {
			check(t, s, l)
		}
		if reason, ok := SuspectHost(s); ok {
			check(t, s, reason)
		}
		if Exact(s) && strings.ContainsAny(s, "\x1b\r\x00") {
			t.Fatalf("%q is called exact", s)
		}
	})
}
