package explain

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func pos(file string, line int) nixconf.Pos { return nixconf.Pos{File: file, Line: line, Col: 3} }

func ignored() trust.CacheVerdict {
	return trust.CacheVerdict{
		URL: "https://hyprland.cachix.org", Keys: []string{"hyprland.cachix.org-1:a7pgxzMz7+chwVL3/pzj6jIBMioiJM7ypFP8PwtkuGc="}, Claimed: true,
		State: trust.StateIgnored, Where: pos("/home/ada/p/flake.nix", 5),
		Reasons: []trust.Reason{
			{Code: trust.CodeSavedYes, Outcome: trust.Pass, Where: pos("/home/ada/.local/share/nix/trusted-settings.json", 1), Subject: "extra-substituters", Text: "It was accepted permanently."},
			{
				Code: trust.CodeSubstituterUnlisted, Outcome: trust.Fail, Where: pos("/etc/nix/nix.conf", 4), Subject: "https://hyprland.cachix.org",
				Text:    "It is in neither list of the daemon.",
				NixSays: "warning: ignoring untrusted substituter 'https://hyprland.cachix.org', you are not a trusted user.\nRun `man nix.conf` for more information on the `substituters` configuration option.",
				Fixes: []trust.Fix{
					{Title: "List it", Detail: "For every user of the machine, where a flake names it.", Command: "trusted-substituters = https://hyprland.cachix.org/\nextra-trusted-public-keys = hyprland.cachix.org-1:a7pgxzMz7+chwVL3/pzj6jIBMioiJM7ypFP8PwtkuGc=", File: "/etc/nix/nix.conf", Admin: true},
					{Title: "Restart", Command: "sudo systemctl restart nix-daemon"},
				},
			},
			{Code: trust.CodeKeyMissing, Outcome: trust.Unknown, Text: "The key could not be checked.", Fixes: []trust.Fix{{Title: "Restart", Command: "sudo systemctl restart nix-daemon"}}},
		},
	}
}

func setting() trust.SettingVerdict {
	return trust.SettingVerdict{
		Name: "extra-sandbox-paths", Value: "/dev /home", Items: []string{"/dev", "/home"}, State: trust.SettingApplied, Daemon: trust.Dropped,
		Risk: nixconf.RiskSandbox, Where: pos("/home/ada/p/flake.nix", 9),
		Reasons: []trust.Reason{{Code: trust.CodeSettingRestricted, Outcome: trust.Fail, Text: "Restricted."}},
	}
}

func finding() trust.Finding {
	return trust.Finding{Code: trust.CodeSkeletonKey, Severity: trust.Danger, Where: pos("/home/ada/.local/share/nix/trusted-settings.json", 1), Subject: "accept-flake-config", Text: "Everything is accepted.", Fixes: []trust.Fix{{Title: "Forget it", Command: "nix-trust answers forget accept-flake-config true"}}}
}

// all renders one of each thing.
func all(s Style) []string {
	var out []string
	for _, part := range [][]string{
		Cache(ignored(), s), Setting(setting(), s), Finding(finding(), s), Reason(ignored().Reasons[1], s), Chain(ignored().Reasons, s),
		{Headline(ignored(), s)}, {SettingHeadline(setting(), s)}, {Because(ignored().Reasons, s)},
	} {
		out = append(out, part...)
		out = append(out, strings.Repeat("=", 20))
	}
	return out
}

func TestRendersEverythingAsLookedAt(t *testing.T) {
	for name, s := range map[string]Style{
		"plain": {Glyphs: Unicode(), Home: "/home/ada"},
		"ascii": {Width: 72},
		"fit":   {Width: 44, Glyphs: Unicode(), Fit: true, Home: "/home/ada"},
		"brief": {Width: 60, Glyphs: Unicode(), Fit: true, Brief: true},
	} {
		t.Run(name, func(t *testing.T) {
			golden.RequireEqual(t, strings.Join(all(s), "\n")+"\n")
		})
	}
}

func TestLinesFitAndColoursChangeNoWord(t *testing.T) {
	for w := 20; w < 130; w++ {
		for _, g := range []Glyphs{Unicode(), ASCII()} {
			for _, brief := range []bool{false, true} {
				s := Style{Width: w, Glyphs: g, Fit: true, Brief: brief, Home: "/home/ada"}
				plain := all(s)
				for _, l := range plain {
					if n := ansi.StringWidth(l); n > w {
						t.Fatalf("%d cells in a line for %d: %q", n, w, l)
					}
				}
				s.Paint = func(r Role, text string) string { return fmt.Sprintf("\x1b[%dm%s\x1b[m", 31+int(r)%7, text) }
				painted := all(s)
				if ansi.Strip(strings.Join(painted, "\n")) != strings.Join(plain, "\n") {
					t.Fatalf("colours change the words at width %d", w)
				}
			}
		}
	}
}

func TestCommandsStayOnOneLineUnlessTheyHaveToFit(t *testing.T) {
	out := strings.Join(Cache(ignored(), Style{Width: 40, Glyphs: Unicode()}), "\n")
	for line := range strings.SplitSeq(ignored().Reasons[1].Fixes[0].Command, "\n") {
		if !strings.Contains(out, line+"\n") && !strings.HasSuffix(out, line) {
			t.Errorf("%q is broken up:\n%s", line, out)
		}
	}
}

func TestEachFixIsGivenOnceAndOnlyForWhatFails(t *testing.T) {
	chain := ignored().Reasons
	chain[0].Fixes = []trust.Fix{{Title: "for a step that passes"}}
	if got := Fixes(chain); len(got) != 2 || got[0].Title != "List it" || got[1].Title != "Restart" {
		t.Errorf("the fixes are %+v", got)
	}
}

func TestTheZeroValuesAreUnknown(t *testing.T) {
	for _, l := range []string{
		CacheMark(trust.CacheVerdict{}.State, ASCII()).String(), SettingMark(trust.SettingVerdict{}, ASCII()).String(),
		OutcomeMark(trust.Reason{}.Outcome, ASCII()).String(), TrustMark(&trust.Report{}, ASCII()).String(),
		SettingMark(trust.SettingVerdict{State: trust.SettingApplied}, ASCII()).String(),
		CacheMark(99, ASCII()).String(), SettingMark(trust.SettingVerdict{State: -1}, ASCII()).String(), OutcomeMark(-7, ASCII()).String(),
	} {
		if !strings.HasPrefix(l, "[??]") || !strings.Contains(l, "unknown") {
			t.Errorf("a value that says nothing is marked %q", l)
		}
	}
}

func TestAnUnknownVerdictIsPutDownToWhatIsUnknown(t *testing.T) {
	v := trust.CacheVerdict{URL: "https://x.example", Reasons: []trust.Reason{
		{Code: trust.CodeSavedYes, Outcome: trust.Pass}, {Code: trust.CodeTrustUnknown, Text: "no daemon"}, {Code: trust.CodeKeyMissing, Outcome: trust.Fail, Text: "no key"},
	}}
	for _, s := range []Style{{}, {Width: 80, Brief: true}} {
		if out := strings.Join(Cache(v, s), "\n"); !strings.Contains(out, "because "+trust.CodeTrustUnknown.Title()) || !strings.Contains(out, "no daemon") {
			t.Errorf("an unknown verdict is put down to something else:\n%s", out)
		}
	}
	if out := Headline(v, Style{}); !strings.Contains(out, trust.CodeTrustUnknown.Title()) {
		t.Errorf("the headline is %q", out)
	}
	v.State = trust.StateWrongKey
	if out := Headline(v, Style{}); !strings.Contains(out, trust.CodeKeyMissing.Title()) {
		t.Errorf("the headline of a wrong key is %q", out)
	}
}

func TestATrustedUserIsTheOneWhoIsWarned(t *testing.T) {
	for _, c := range []struct {
		trust trust.Trust
		store trust.StoreKind
		want  string
		role  Role
	}{
		{trust.Untrusted, trust.StoreDaemon, "untrusted", Plain},
		{trust.Trusted, trust.StoreDaemon, "! trusted", Caution},
		{trust.Trusted, trust.StoreUnknown, "! trusted", Caution},
		{trust.Trusted, trust.StoreLocal, "own store", Plain},
		{trust.TrustUnknown, trust.StoreLocal, "? trust unknown", Unsure},
		{99, trust.StoreLocal, "? trust unknown", Unsure},
	} {
		r := &trust.Report{Trust: c.trust, Nix: trust.Nix{Store: c.store}}
		if m := TrustMark(r, Unicode()); m.String() != c.want || m.Role != c.role {
			t.Errorf("%v with store %v is marked %q in role %v", c.trust, c.store, m, m.Role)
		}
	}
}

func TestOnlyWhatIsUsedIsMarkedGood(t *testing.T) {
	for s := trust.CacheState(-2); s < 20; s++ {
		m := CacheMark(s, Unicode())
		if good := s == trust.StateUsable || s == trust.StateScoped; (m.Role == Good) != good || (m.Glyph == Unicode().Good) != good {
			t.Errorf("%v is marked %v", s, m)
		}
	}
	for s := trust.SettingState(-2); s < 20; s++ {
		for d := trust.DaemonVerdict(-2); d < 20; d++ {
			m := SettingMark(trust.SettingVerdict{State: s, Daemon: d}, Unicode())
			good := s == trust.SettingApplied && (d == trust.Honoured || d == trust.NotForwarded)
			if (m.Role == Good) != good || (m.Glyph == Unicode().Good) != good {
				t.Errorf("%v and %v is marked %v", s, d, m)
			}
		}
	}
}

func TestDecisiveStep(t *testing.T) {
	step := func(o trust.Outcome, c trust.Code) trust.Reason { return trust.Reason{Outcome: o, Code: c} }
	pass, fail, unknown := step(trust.Pass, "p"), step(trust.Fail, "f"), step(trust.Unknown, "u")
	standing := step(trust.Fail, trust.CodeUserUntrusted)
	for _, c := range []struct {
		chain []trust.Reason
		want  int
	}{
		{nil, -1},
		{[]trust.Reason{pass, pass}, 1},
		{[]trust.Reason{pass, unknown, fail, fail}, 2},
		{[]trust.Reason{pass, unknown, pass, unknown}, 1},
		{[]trust.Reason{standing, pass, fail}, 2},
		{[]trust.Reason{pass, standing, pass}, 1},
	} {
		if got := Decisive(c.chain); got != c.want {
			t.Errorf("of %v, %d is decisive, want %d", c.chain, got, c.want)
		}
	}
}

func TestALongTextTakesNoLongTime(t *testing.T) {
	long := strings.Repeat("\xfe", 10<<20) + strings.Repeat(" word", 1<<20)
	v := ignored()
	v.URL, v.Keys = long, []string{long}
	v.Reasons[1].Text, v.Reasons[1].NixSays, v.Reasons[1].Subject = long, long, long
	start := time.Now()
	out := strings.Join(Cache(v, Style{Width: 80}), "\n") + Headline(v, Style{Width: 80}) + Shorten(safetext.Line(long), 40, "~")
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %v", took)
	}
	if len(out) > 2<<20 {
		t.Errorf("%d bytes are shown of it", len(out))
	}
}

func TestSecretsAreStarred(t *testing.T) {
	v := trust.SettingVerdict{Name: "extra-access-tokens", Value: "github.com=ghp_hunter2 bare-hunter2", State: trust.SettingAsks}
	c := trust.CacheVerdict{URL: "https://u:hunter2@c.example/", Reasons: []trust.Reason{{Text: "at https://u:hunter2@c.example/?token=hunter2 it", NixSays: "unable to download 'https://u:hunter2@c.example/x'", Subject: "https://u:hunter2@c.example/",
		Outcome: trust.Fail, Fixes: []trust.Fix{{Title: "https://u:hunter2@x", Detail: "https://u:hunter2@x", Command: "curl https://u:hunter2@x"}}}}}
	for _, brief := range []bool{false, true} {
		s := Style{Brief: brief}
		out := strings.Join(append(append(append(Setting(v, s), Cache(c, s)...), Headline(c, s)), Finding(trust.Finding{Subject: c.URL, Text: c.URL}, s)...), "\n")
		if strings.Contains(out, "hunter2") {
			t.Errorf("a secret is shown:\n%s", out)
		}
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

func FuzzNothingActsOnTheTerminal(f *testing.F) {
	f.Add("https://cache.nixos.org/", "text", uint8(0), uint8(40))
	f.Add("\x1b[2J\n\u202e", "a\x1b]0;x\x07\r\nb", uint8(3), uint8(0))
	f.Add("漢字漢字漢字", "e\u0301\u200d👩‍👩‍👧 ﷽", uint8(255), uint8(21))
	f.Fuzz(func(t *testing.T, a, b string, n, width uint8) {
		s := Style{Width: int(width), Glyphs: Unicode(), Fit: true, Brief: n&1 != 0, Home: a}
		if n&2 != 0 {
			s.Glyphs = Glyphs{}
		}
		if n&4 != 0 {
			s.Paint = func(_ Role, text string) string { return "\x1b[1m" + text + "\x1b[m" }
		}
		r := trust.Reason{Code: trust.Code(a), Outcome: trust.Outcome(n % 4), Where: pos(b, int(n)), Subject: a, Text: b, NixSays: a, Fixes: []trust.Fix{{Title: a, Detail: b, Command: a + "\n" + b, File: b, Admin: n&8 != 0}}}
		c := trust.CacheVerdict{URL: a, Keys: []string{b}, State: trust.CacheState(n % 12), Where: pos(a, 1), Reasons: []trust.Reason{r, r}}
		v := trust.SettingVerdict{Name: a, Value: b, Items: []string{a, b}, State: trust.SettingState(n % 9), Daemon: trust.DaemonVerdict(n % 7), Risk: nixconf.Risk(b), Where: pos(b, 2), Reasons: []trust.Reason{r}}
		var lines []string
		for _, part := range [][]string{Cache(c, s), Setting(v, s), Finding(trust.Finding{Code: trust.Code(b), Severity: trust.Severity(n % 5), Where: pos(a, 0), Subject: b, Text: a, Fixes: r.Fixes}, s), Reason(r, s), {Headline(c, s), SettingHeadline(v, s), Because(c.Reasons, s), Where(pos(a, 9), s)}} {
			lines = append(lines, part...)
		}
		lines = append(lines, Shorten(safetext.Line(a), int(n), "…"), Trim(safetext.Line(b), int(n), "…"))
		for i, l := range lines {
			bare := sgr.ReplaceAllString(l, "")
			for _, r := range bare {
				if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == 0x2028 || r == 0xfffd {
					t.Fatalf("%U in %q", r, l)
				}
			}
			if w := s.width(); w > 0 && i < len(lines)-3 && ansi.StringWidth(bare) > w {
				t.Fatalf("%d cells for %d: %q", ansi.StringWidth(bare), w, bare)
			}
		}
		for _, l := range lines[len(lines)-2:] {
			if ansi.StringWidth(l) > int(n) {
				t.Fatalf("%q is wider than %d", l, n)
			}
		}
	})
}

// A cache that is in the list already is usable whatever is not answered yet.
func TestAGoodVerdictIsNotBlamedOnAStepThatDidNotMatter(t *testing.T) {
	chain := []trust.Reason{
		{Code: trust.CodeNotAsked, Outcome: trust.Fail},
		{Code: trust.CodeKeyListed, Outcome: trust.Pass},
	}
	for state, want := range map[trust.CacheState]int{trust.StateUsable: 1, trust.StateAsks: 0} {
		if got := Settles(CacheMark(state, ASCII()), chain); got != want {
			t.Errorf("%v: settled by step %d, want %d", state, got, want)
		}
	}
}
