package safetext

import (
	"strings"
	"testing"
)

func TestSpeltIsShownWithoutADoubledBackslash(t *testing.T) {
	for text, want := range map[string]string{
		"cаche.nixos.org": "c[U+0430]che.nixos.org",
		"a\x1bb\nc\td\re": "a[U+001B]b[U+000A]c[U+0009]d[U+000D]e",
		"\xff":            "[byte FF]",
		`a\nb`:            `a\nb`,
		"\U0001d159":      "[U+1D159]",
		"cache.nixos.org": "cache.nixos.org",
	} {
		if got := ASCII(text).Spelt(); got != want {
			t.Errorf("%q is spelt %q, want %q", text, got, want)
		}
	}
	why, ok := SuspectHost("https://cаche.nixos.org")
	if shown := Text(why.Spelt()).String(); !ok || !strings.Contains(shown, "[U+0430]") || strings.Contains(shown, `\`) {
		t.Errorf("the note is shown as %q", shown)
	}
}
