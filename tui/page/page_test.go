package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	stdhtml "html"
	"regexp"
	"strings"
	"testing"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/storedb"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func TestPagesLookAsLookedAt(t *testing.T) {
	s := demoShown(t)
	t.Run("html", func(t *testing.T) { golden.RequireEqual(t, steady([]byte(html(t, s)))) })
	t.Run("markdown", func(t *testing.T) { golden.RequireEqual(t, steady([]byte(Markdown(s)))) })
}

// shownText is what a reader of a page of HTML sees.
func shownText(page string) string {
	_, body, _ := strings.Cut(page, "<body>")
	body = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, "\x00")
	return stdhtml.UnescapeString(strings.ReplaceAll(body, "\x00", ""))
}

// What one of the two pages tells, the other does: each code with its title, each
// cache, key, flake, place, line that Nix prints, and way out of the report.
func TestNoPageKeepsAFactBack(t *testing.T) {
	s := demoShown(t)
	r := s.Report
	facts := map[string]bool{}
	add := func(fact string) {
		if fact != "" {
			facts[fact] = true
		}
	}
	place := func(p nixconf.Pos) {
		if p.File != "" {
			add(strings.Replace(p.String(), s.Home+"/", "~/", 1))
		}
	}
	reasons := func(rs []trust.Reason) {
		for _, step := range rs {
			add(string(step.Code))
			add(step.Code.Title())
			place(step.Where)
			for _, l := range safetext.Block(step.NixSays) {
				add(l.String())
			}
			for _, f := range step.Fixes {
				if step.Outcome == trust.Pass && step.Code != trust.CodeGranted {
					continue // nothing is missing
				}
				for _, l := range safetext.Verbatim(f.Command) {
					add(l.String())
				}
			}
		}
	}
	for _, f := range r.Findings {
		add(string(f.Code))
		add(f.Code.Title())
		place(f.Where)
		for _, x := range f.Fixes {
			add(x.Command)
		}
	}
	for _, f := range r.Flakes {
		if !asks(&f) {
			continue
		}
		if f.Rejected != nil {
			reasons([]trust.Reason{*f.Rejected})
			continue
		}
		add(strings.Replace(f.ID.Path, s.Home+"/", "~/", 1))
		for _, c := range f.Caches {
			add(safetext.URL(c.URL).String())
			add(c.State.String())
			if c.Own() {
				reasons(c.Reasons)
			}
		}
		for _, v := range f.Settings {
			add(v.Name)
			if !aboutCaches(v.Name) {
				reasons(v.Reasons)
			}
		}
		for _, in := range f.Inputs {
			add(in.Name)
			for _, u := range in.URLs {
				add(u)
			}
		}
	}
	for _, c := range r.Caches {
		add(safetext.URL(c.URL).String())
		if c.InEffect {
			reasons(c.Reasons)
		}
	}
	for _, k := range r.Keys {
		add(k.Text)
	}
	for _, a := range r.Answers {
		for _, item := range a.Items {
			add(item)
		}
	}
	for _, g := range r.Grants {
		add(g.Identity)
	}
	for _, k := range s.Probes.Kept {
		add(k.URL)
	}
	reasons(r.TrustReasons)
	if len(facts) < 100 {
		t.Fatalf("only %d facts were collected", len(facts))
	}
	page, text := shownText(html(t, s)), Markdown(s)
	for f := range facts {
		if !strings.Contains(page, f) {
			t.Errorf("HTML does not tell %q", f)
		}
		if !strings.Contains(text, f) && !strings.Contains(text, strings.ReplaceAll(f, "|", `\|`)) {
			t.Errorf("Markdown does not tell %q", f)
		}
	}
}

func TestAPageRunsNothingAndLoadsNothing(t *testing.T) {
	page := html(t, demoShown(t))
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	policy := stdhtml.UnescapeString(regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)[1])
	if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
		t.Errorf("the style is not the one of the policy %s", policy)
	}
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy allows more: %s", policy)
	}
	for _, bad := range []string{"<script", "javascript:", " style=", "@import", "url(", " src=", "<link", "<iframe", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if id := strings.TrimPrefix(m[1], "#"); id == m[1] || !strings.Contains(page, `id="`+id+`"`) {
			t.Errorf("a link leads to %q", m[1])
		}
	}
}

func TestAPageOfNothingSaysThatNothingIsKnown(t *testing.T) {
	s := Shown{Report: &trust.Report{}, Flake: -1}
	for name, text := range map[string]string{"HTML": shownText(html(t, s)), "Markdown": Markdown(s)} {
		for _, want := range []string{"trust unknown", "Whether the daemon trusts this user", "The store was left out", "which one is not known", "no command called nix was found", "could not be read", "It was not looked at."} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", name, want)
			}
		}
		_, body, _ := strings.Cut(text, "What was looked at")
		for _, bad := range []string{"✓", "usable"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s says %q of what it knows nothing of", name, bad)
			}
		}
	}
}

// A verdict that is open is counted at the top, and told under what is not known.
func TestAnOpenVerdictIsNotPassedOver(t *testing.T) {
	s := demoShown(t)
	before := len((&builder{shown: s, r: s.Report, limit: wholePage}).unknowns())
	for i := range s.Report.Flakes {
		for k := range s.Report.Flakes[i].Caches {
			if c := &s.Report.Flakes[i].Caches[k]; c.Claimed && c.URL == "https://fern.cachix.org" {
				c.State = trust.StateUnknown
			}
		}
	}
	text := Markdown(s)
	for _, want := range []string{
		fmt.Sprintf("- **%d** %s", before+1, noun(before+1, "thing that is not known", "things that are not known")),
		"- ? unknown `~/src/fern` asks for `https://fern.cachix.org` and how that stands could not be determined.",
		"? unknown<br>a saved answer says no",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q", want)
		}
	}
}

func TestAPageOfOneFlakeTellsOfNoOther(t *testing.T) {
	s := demoShown(t)
	for i, f := range s.Report.Flakes {
		if strings.HasSuffix(f.ID.Path, "/orbit") {
			s.Flake = i
		}
	}
	text := Markdown(s)
	if !strings.Contains(text, "### `~/src/orbit`") || strings.Contains(text, "### `~/src/comet`") || strings.Contains(text, "\n| `~/src/comet` |") {
		t.Errorf("%s", text)
	}
}

// A comment has an end, and what does not fit is counted.
func TestMarkdownFitsACommentAndSaysWhatItLeavesOut(t *testing.T) {
	s := demoShown(t)
	r := *s.Report
	for i := range 300 {
		f := r.Flakes[i%9]
		f.ID = trust.FlakeID{Ref: fmt.Sprintf("path:/srv/%d", i), Path: fmt.Sprintf("/srv/%d", i)}
		r.Flakes = append(r.Flakes, f)
		r.Answers = append(r.Answers, r.Answers[i%13])
	}
	s.Report = &r
	text := Markdown(s)
	if len(text) > commentLimit {
		t.Errorf("%d bytes", len(text))
	}
	if !strings.Contains(text, "more; nix-trust status --json has all.") {
		t.Error("it does not say that it leaves something out")
	}
	page := html(t, s)
	if strings.Contains(page, "has all.") || strings.Count(page, "<article") < 270 {
		t.Error("the HTML page leaves something out, too")
	}
	long := strings.Repeat("x", 1<<20)
	for i := range r.Flakes {
		r.Flakes[i].ID = trust.FlakeID{Ref: long, Path: ""}
	}
	r.User.Name, r.Nix.StoreWhy = long, long
	if n := len(Markdown(s)); n > commentLimit {
		t.Errorf("%d bytes", n)
	}
}

func TestAPageInASCIIHasNothingElse(t *testing.T) {
	s := demoShown(t)
	s.ASCII = true
	for name, text := range map[string]string{"HTML": html(t, s), "Markdown": Markdown(s)} {
		if i := strings.IndexFunc(text, func(r rune) bool { return r > '~' }); i >= 0 {
			t.Errorf("%s has %q", name, text[i:min(len(text), i+10)])
		}
		if !strings.Contains(text, "ignored") || !Ours([]byte(text)) {
			t.Errorf("%s is no page", name)
		}
	}
	if text := Markdown(s); !strings.Contains(text, "`#########") || strings.Contains(text, "??????") {
		t.Error("bars cannot be read")
	}
}

func TestOnlyPagesAreTakenForPages(t *testing.T) {
	s := demoShown(t)
	for _, text := range [][]byte{[]byte(html(t, s)), []byte(Markdown(s))} {
		if !Ours(text) {
			t.Errorf("a page is not recognised: %.80q", text)
		}
	}
	for _, text := range []string{"", "<!doctype html>\n<html lang=\"en\">", "# Which caches Nix trusts here", " " + markdownMark} {
		if Ours([]byte(text)) {
			t.Errorf("%q is taken for a page", text)
		}
	}
}

// The numbers are those of `nix-trust audit`.
func TestTheStoreIsTheAudits(t *testing.T) {
	s := demoShown(t)
	text := Markdown(s)
	got := s.Store.Audit
	for _, k := range got.Signers() {
		if k.Signed.All.Paths == 0 {
			continue
		}
		want := fmt.Sprintf("%s<br>", sumText(k.Signed.All))
		if row := regexp.MustCompile("(?m)^\\| `"+regexp.QuoteMeta(got.Keys[k.Key].Name)+"`.*$").FindAllString(text, -1); !strings.Contains(strings.Join(row, "\n"), want) || !strings.Contains(strings.Join(row, "\n"), sumText(k.Alone.All)) {
			t.Errorf("%s: %q, want %q and %q", got.Keys[k.Key].Name, row, want, sumText(k.Alone.All))
		}
	}
	for c, sum := range got.ByClass() {
		if row := "<br>" + explain.ClassTitle(c) + " | "; sum.All.Paths > 0 && !bytes.Contains([]byte(text), fmt.Appendf(nil, "%s%s | %d |", row, explain.Size(sum.All.Size), sum.All.Paths)) {
			t.Errorf("%v: %+v is not in it", c, sum.All)
		}
	}
	for _, row := range got.Store.Rows {
		if row.Path != "" && strings.Contains(text, string(row.Path)) {
			t.Errorf("%s is named", row.Path)
		}
	}
}

func TestAStoreThatADaemonToldIsNotPassedOffAsRead(t *testing.T) {
	s := demoShown(t)
	s.Store.Audit.Store.Told = &storedb.Told{Socket: "/run/so\x1bcket", Why: "permission denied"}
	want := "so this is what the daemon at `/run/so\\x1bcket` says of it. Why it could not: permission denied"
	if text := Markdown(s); !strings.Contains(text, want) {
		i := strings.Index(text, "The database could not")
		t.Errorf("%q, and not %q", text[max(i, 0):][:200], want)
	}
}

// Nothing that a signature vouches for looks good while it is not certain which
// keys are believed.
func TestDoubtLeavesNothingSignedGood(t *testing.T) {
	s := demoShown(t)
	good := []string{"\u2713 signed", "\u2713 believed"}
	for _, doubts := range [][]string{nil, {"The daemon may have read other files."}} {
		s.Store.Doubts = doubts
		text := Markdown(s)
		for _, g := range good {
			if strings.Contains(text, g) != (doubts == nil) {
				t.Errorf("%q: %q is there: %v", doubts, g, doubts != nil)
			}
		}
	}
}
