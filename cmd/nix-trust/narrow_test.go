package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/global"
)

// lines is a person who types a line whenever one is read.
type lines []string

func (l *lines) Read(p []byte) (int, error) {
	if len(*l) == 0 {
		return 0, io.EOF
	}
	n := copy(p, (*l)[0]+"\n")
	*l = (*l)[1:]
	return n, nil
}

func TestAPersonChoosesTheFlakesAndSilenceChoosesNone(t *testing.T) {
	report := &trust.Report{Flakes: []trust.FlakeReport{
		{ID: trust.FlakeID{Ref: "path:/src/other", Path: "/src/other"}},
		{ID: trust.FlakeID{Ref: "path:/src/needs", Path: "/src/needs"}, Caches: []trust.CacheVerdict{{URL: "https://a.example/", Claimed: true}}},
		{ID: trust.FlakeID{Ref: "github:o/r", Path: "/nix/store/x-source"}},
		{ID: trust.FlakeID{Ref: "path:/src/\x1b[2Jevil", Path: "/src/\x1b[2Jevil"}},
	}}
	for name, c := range map[string]struct {
		typed  []string
		want   []string
		said   string
		refuse bool
	}{
		"a number":          {[]string{"1"}, []string{"/src/needs"}, "1  path:/src/needs  asks for it", false},
		"several":           {[]string{"1, 3"}, []string{"/src/needs", "github:o/r"}, "2  path:/src/other  does not ask for it; whether the cache has its outputs was not asked", false},
		"all that ask":      {[]string{"all"}, []string{"/src/needs"}, "", false},
		"a folder":          {[]string{"./x github:a/b"}, []string{"./x", "github:a/b"}, "", false},
		"one that is not":   {[]string{"9", "0", "two", "2"}, []string{"/src/other"}, `"9" is none of them`, false},
		"an empty line":     {[]string{""}, nil, "", true},
		"the end of input":  {nil, nil, "", true},
		"nothing but wrong": {[]string{"nope"}, nil, `"nope" is none of them`, true},
	} {
		t.Run(name, func(t *testing.T) {
			typed := lines(c.typed)
			var out, errs bytes.Buffer
			n := &narrowing{
				app:    &app{streams: streams{in: &typed, out: &out, err: &errs, terminal: true}},
				book:   &grantBook{store: "/nix/store"},
				report: report, cache: global.Cache{URL: "https://a.example", Flakes: []int{1}},
			}
			got, err := n.choose(context.Background())
			var p *problem
			if c.refuse != (errors.As(err, &p) && p.code == exitFindings) || !slices.Equal(got, c.want) {
				t.Errorf("%q, %v", got, err)
			}
			if !strings.Contains(errs.String(), c.said) || strings.Contains(errs.String(), "\x1b[2J") || out.Len() > 0 {
				t.Errorf("it says %q and prints %q", errs.String(), out.String())
			}
		})
	}
}

func TestAFileIsNamedAfterWhatItIsForAndLeadsNowhereElse(t *testing.T) {
	for text, want := range map[string]string{
		"../../etc/passwd": "etc-passwd", "github:o/r": "github-o-r", ".hidden": "hidden", "a\x00b\u202ec": "a-b-c", strings.Repeat("x", 500): strings.Repeat("x", 80), "": "",
	} {
		if got := slug(text); got != want {
			t.Errorf("slug(%q) = %q, want %q", text, got, want)
		}
	}
}
