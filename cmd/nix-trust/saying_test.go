package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/trust/message"
)

// What real Nix prints, as it was recorded, normalised, and is kept in
// testdata/sayings: a folder for each version, a file for each saying.
func sayingFile(version, name string) string {
	return filepath.Join("testdata", "sayings", version, name)
}

// normal puts fixed words in the place of what differs from one run to another.
func normal(text string, known ...string) string {
	text = strings.NewReplacer(known...).Replace(text)
	for _, r := range changing {
		text = r.re.ReplaceAllString(text, r.by)
	}
	return text
}

var changing = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`[0-9abcdfghijklmnpqrsvwxyz]{32}([-.])`), "00000000000000000000000000000000$1"},
	{regexp.MustCompile(`retrying in \d+ ms`), "retrying in 300 ms"},
	{regexp.MustCompile(`after \d+ ms`), "after 0 ms"},
	{regexp.MustCompile(`from pid \d+`), "from pid 1"},
	// Which of the two it is depends on who is faster.
	{regexp.MustCompile(`writing to file: Broken pipe`), "reading from file: Connection reset by peer"},
	{regexp.MustCompile(`write of \d+ bytes: Broken pipe`), "read of 32768 bytes: Connection reset by peer"},
	{regexp.MustCompile(`lastModified=\d+&narHash=\S+' \([-\d]+\)`), "lastModified=1' (2026-01-01)"},
	{regexp.MustCompile(`http://127\.0\.0\.1:\d{4,}`), "http://base.example"},
}

// about is what a message says, as the table has it.
func about(m message.Message) string {
	for _, s := range []string{m.Setting, m.URL, m.Path, m.User, m.File, m.Key, m.Detail} {
		if s != "" {
			return fmt.Sprintf("%s %s", m.Kind, s)
		}
	}
	return string(m.Kind)
}

// understood is what is read in a text, each thing once.
func understood(text string) []string {
	var r message.Reader
	said := []string{}
	for _, m := range append(r.Read([]byte(text)), r.End()...) {
		if a := about(m); !slices.Contains(said, a) {
			said = append(said, a)
		}
	}
	return said
}

func TestWhatRealNixSaidIsUnderstood(t *testing.T) {
	for _, s := range sayings {
		for _, version := range []string{"2.8", "2.26", "2.34"} {
			text, err := os.ReadFile(sayingFile(version, s.name))
			if err != nil {
				t.Error(err)
				continue
			}
			want := []string{}
			for _, w := range s.in(version) {
				want = append(want, w[:strings.LastIndex(w, ": ")])
			}
			if got := understood(string(text)); !slices.Equal(got, want) {
				t.Errorf("%s, Nix %s: understood %q, want %q, of\n%s", s.name, version, got, want, text)
			}
		}
	}
}

// Every row of the table in the documentation names the sayings that were played
// for it, or says why there is none.
func TestEveryReasonWasPlayedOrItIsSaidWhyNot(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "explain.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \|.*\| (.+) \|$`).FindAllStringSubmatch(string(text), -1) {
		rows[m[1]] = []string{}
		if strings.HasPrefix(m[2], "not played: ") {
			continue
		}
		for _, name := range regexp.MustCompile("`([a-z0-9-]+)`").FindAllStringSubmatch(m[2], -1) {
			rows[m[1]] = append(rows[m[1]], name[1])
		}
		if len(rows[m[1]]) == 0 {
			t.Errorf("row %s names no saying, and no reason for that", m[1])
		}
	}
	for n := 1; n <= 42; n++ {
		if rows[fmt.Sprint(n)] == nil {
			t.Errorf("there is no row %d", n)
		}
	}
	for _, s := range sayings {
		if !slices.Contains(rows[s.row], s.name) {
			t.Errorf("row %s does not name the saying %s", s.row, s.name)
		}
	}
	for n, names := range rows {
		for _, name := range names {
			if !slices.ContainsFunc(sayings, func(s saying) bool { return s.row == n && s.name == name }) {
				t.Errorf("row %s names %s, which is no saying of it", n, name)
			}
		}
	}
}
