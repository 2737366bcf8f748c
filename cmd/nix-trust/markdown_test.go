package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/markdown/markdowntest"
)

func TestMarkdownKeepsStrangersTextInCode(t *testing.T) {
	for _, text := range []string{
		"@everybody", "<b>x</b>", "[x](https://evil.example)", "![x](http://e)", "`", "``", "` ` `` x", "a`b``c", "www.evil.example",
		"https://evil.example", "x | y", "# title", "**bold**", "~~x~~", "&lt;", "\x1b[31m", "a\nb\n- c", "owner/repo#1", "a@b.example", "(@x)", "@x)", "\\`", "´`x",
	} {
		f := trust.Finding{
			Code: trust.CodeUnknownSetting, Where: nixconf.Pos{File: "/f/" + text, Line: 1}, Subject: "s " + text, Text: "It is " + text + ".",
			Fixes: []trust.Fix{{Title: "Write " + text, Command: text + " = 1"}},
		}
		got := markdownFindings("title", []trust.Finding{f}, []trust.Note{{Path: text, Text: text}}, "")
		for line := range strings.Lines(got) {
			rest := markdowntest.OutsideCode(strings.TrimSuffix(line, "\n"))
			rest = strings.NewReplacer("### title", "", "- **info**", "", "*Way out:*", "", "- ", "").Replace(rest)
			if i := strings.IndexAny(rest, "@<>[]|`#*~&/_\\"); i >= 0 {
				t.Errorf("%q: %q has %q outside of code", text, line, rest)
			}
		}
	}
}

func TestSarifPlacesAreRelativeToWhereItRuns(t *testing.T) {
	p := sarifPlace(nixconf.Pos{File: "/src/a b/flake.nix", Line: 3, Col: 5}, "/src")
	if p.Artifact.URI != "a%20b/flake.nix" || p.Artifact.URIBaseID != sarifRoot || p.Region == nil || p.Region.StartLine != 3 {
		t.Errorf("%+v", p)
	}
	if p := sarifPlace(nixconf.Pos{File: "/etc/nix/nix.conf"}, "/src"); p.Artifact.URI != "file:///etc/nix/nix.conf" || p.Artifact.URIBaseID != "" || p.Region != nil {
		t.Errorf("%+v", p)
	}
	if _, in := below("/src", "/srcs/x"); in {
		t.Error("/srcs is not below /src")
	}
}

// docs/lint.md describes every rule and every kind of difference, and no other.
func TestDocsHaveEveryRule(t *testing.T) {
	text, err := os.ReadFile("../../docs/lint.md")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)`").FindAllStringSubmatch(string(text), -1) {
		have = append(have, row[1])
	}
	var want []string
	for _, c := range slices.Concat(trust.LintCodes(), trust.ReviewCodes()) {
		want = append(want, string(c))
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("it has  %v\nthere are %v", have, want)
	}
}

func FuzzProse(f *testing.F) {
	for _, s := range []string{"a `b` c", "(`", "``) ```", "x (see `nix.conf`).", "\u202e@x", "https://a`b", "' ’", "`` `"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, out := range []string{prose(s), codeSpan(s) + " " + codeSpan(s)} {
			if rest := markdowntest.OutsideCode(out); strings.Trim(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'’ .,:;?()") != "" {
				t.Errorf("%q: %q has %q outside of code", s, out, rest)
			}
		}
	})
}
