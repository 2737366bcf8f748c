package page

import (
	stdhtml "html"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/markdown/markdowntest"
)

// Secrets as they stand in URLs and settings.
var secrets = []string{"hunter2", "s3cr3t-token", "ghp_0123456789"}

// attacks are texts that would do something in a page, and texts with secrets.
var attacks = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</style></code></td><h1>x`, `' onmouseover='x`, `<!-- -->`, `--><b>`, `{{.}}`, `</title>`,
	"@everybody", "owner/repo#12", "!33", "[a](https://evil.example)", "![a](http://evil.example/a.png)", "https://evil.example/x", "www.evil.example", "a@evil.example",
	"`code`", "``", "``` x", "a|b", `a\|b`, "# title", "1. item", "- item", "> quote", "**bold**", "~~no~~", "&lt;", "&#x3c;", "| a | b |", "---", "<br>", "$x$",
	"\x1b[31mred\x1b]8;;http://evil.example\x07", "line\nanother\n\n# title\n- @you", "a\u202egnp.exe", "\u200bzero", "\u2066x", "tab\there", "\xff\xfe", "\x00",
	"https://user:hunter2@cache.example", "https://cache.example/?token=s3cr3t-token", "access-tokens = github.com=ghp_0123456789",
	"https://" + strings.Repeat("a", 3984) + ":hunter2@cache.example/" + strings.Repeat("b", 10_000),
	strings.Repeat("x", 3990) + "?token=s3cr3t-token&y=" + strings.Repeat("z", 10_000),
}

// fill puts the next attacks into every text of a value, but for words that only
// this program makes, and grows what is empty.
func fill(v reflect.Value, next func() string, depth int) {
	if depth > 9 || !v.CanSet() {
		return
	}
	switch v.Type() {
	case reflect.TypeFor[trust.Code]():
		if v.String() == "" {
			v.SetString(string(trust.CodeSavedNo))
		}
		return
	case reflect.TypeFor[nixconf.Config]():
		return
	case reflect.TypeFor[*nixconf.Setting]():
		v.Set(reflect.ValueOf(&nixconf.Setting{Name: next()}))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(next())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), next, depth+1)
		}
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem(), next, depth+1)
	case reflect.Slice:
		if v.Len() == 0 && v.Type().Elem().Kind() != reflect.Int {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			fill(v.Index(i), next, depth+1)
		}
	}
}

// hostile is the demo's page with attacks for every text, the n-th of them first.
func hostile(t *testing.T, n int) Shown {
	s := demoShown(t)
	next := func() string {
		n++
		return attacks[n%len(attacks)]
	}
	client, settings := s.Report.Client, s.Report.Settings
	s.Report.Client, s.Report.Settings = nil, nil
	fill(reflect.ValueOf(s.Report).Elem(), next, 0)
	s.Report.Client, s.Report.Settings = client, settings
	fill(reflect.ValueOf(&s.Probes).Elem(), next, 0)
	fill(reflect.ValueOf(&s.Store.Doubts).Elem(), next, 0)
	tokens := &nixconf.Value{Setting: &nixconf.Setting{Name: "access-tokens"}, Items: []nixconf.Item{{Text: "github.com=ghp_0123456789"}}}
	tokens.History = []nixconf.Assignment{{Origin: nixconf.Origin{Layer: nixconf.LayerUser}, Value: "gitlab.com=ghp_0123456789", OverriddenBy: &nixconf.Origin{}}}
	s.Report.Settings = append(s.Report.Settings, trust.SettingReport{Value: tokens, Daemon: tokens})
	s.Report.Answers = append(s.Report.Answers, trust.AnswerReport{Setting: "access-tokens", Value: "github.com=ghp_0123456789", Items: []string{"github.com=ghp_0123456789"}})
	for i := range s.Report.Flakes {
		s.Report.Flakes[i].Rejected = nil // else nothing more would be told of it
		s.Report.Flakes[i].Err = ""
		if i == 0 {
			s.Report.Flakes[i].Settings = append(s.Report.Flakes[i].Settings, trust.SettingVerdict{Name: "access-tokens", Value: "github.com=ghp_0123456789"})
		}
	}
	s.Root = next()
	return s
}

func TestNothingInAPageIsSomebodyElsesMarkup(t *testing.T) {
	for n := 0; n < len(attacks); n += 13 { // each text has another one each time
		s := hostile(t, n)
		page, text := html(t, s), Markdown(s)
		for name, out := range map[string]string{"HTML": page, "Markdown": text} {
			for _, secret := range secrets {
				if i := strings.Index(out, secret); i >= 0 {
					t.Fatalf("%d: %s has the secret %q: %q", n, name, secret, out[max(0, i-200):i+40])
				}
			}
			for i, r := range out {
				if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x200b || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfffd {
					t.Fatalf("%d: %s has %U: %q", n, name, r, out[max(0, i-60):i+20])
				}
			}
		}
		if why := unsound(page); why != "" {
			t.Fatalf("%d: HTML: %s", n, why)
		}
		if why := marked(text); why != "" {
			t.Fatalf("%d: Markdown: %s", n, why)
		}
		if !strings.Contains(page, "more bytes)") {
			t.Fatalf("%d: nothing was cut", n)
		}
	}
}

// What a page of HTML consists of.
var (
	elements   = strings.Fields("html head meta title style body a header p strong h1 h2 h3 h4 ul ol li b span nav main section footer dl div dt dd code table caption thead tbody tr th td br svg rect figure figcaption pre details summary article")
	empty      = strings.Fields("meta br rect")
	attributes = strings.Fields("lang charset name content http-equiv class href id aria-label aria-labelledby aria-hidden role scope tabindex data-label width height x open")
	oneTag     = regexp.MustCompile(`^<(/?)([a-z][a-z0-9]*)((?:\s+[a-z-]+(?:="[^"<>]*")?)*)\s*/?>`)
	oneWord    = regexp.MustCompile(`\s+([a-z-]+)(?:="([^"]*)")?`)
	anEntity   = regexp.MustCompile(`^&(amp|lt|gt|#34|#39|#43|#[0-9]+);`)
)

// unsound is why a page is no sound HTML, or has a part that this program does
// not write; "" for none.
func unsound(page string) string {
	page = strings.TrimPrefix(page, "<!doctype html>")
	var open []string
	ids := map[string]bool{}
	for page != "" {
		i := strings.IndexAny(page, "<&>")
		if i < 0 {
			break
		}
		page = page[i:]
		near := page[:min(len(page), 80)]
		switch page[0] {
		case '>':
			return "a stray >: " + near
		case '&':
			m := anEntity.FindString(page)
			if m == "" {
				return "a stray &: " + near
			}
			page = page[len(m):]
			continue
		}
		m := oneTag.FindStringSubmatch(page)
		if m == nil || !slices.Contains(elements, m[2]) {
			return "no tag of ours: " + near
		}
		page = page[len(m[0]):]
		for _, a := range oneWord.FindAllStringSubmatch(m[3], -1) {
			value := stdhtml.UnescapeString(a[2])
			switch {
			case !slices.Contains(attributes, a[1]):
				return "an attribute that is not ours: " + near
			case a[1] == "href" && !regexp.MustCompile(`^#[a-z0-9-]+$`).MatchString(value), a[1] == "id" && !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(value):
				return "a name that is not ours: " + near
			case a[1] == "id" && ids[value]:
				return "an id twice: " + near
			}
			if a[1] == "id" {
				ids[value] = true
			}
		}
		switch {
		case m[2] == "style" && m[1] == "":
			_, page, _ = strings.Cut(page, "</style>")
		case slices.Contains(empty, m[2]):
		case m[1] == "":
			open = append(open, m[2])
		case len(open) == 0 || open[len(open)-1] != m[2]:
			return "closed what is not open: " + near
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return "left open: " + strings.Join(open, " ")
	}
	return ""
}

// marked finds what has a meaning in Markdown outside of code and is not this
// program's.
func marked(text string) string {
	ours := strings.NewReplacer(markdownMark, "", "<br>", "", "**", "", `\~`, "", `|`, "")
	fence := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		bare := strings.TrimLeft(line, " ")
		if run := bare[:len(bare)-len(strings.TrimLeft(bare, "`"))]; len(run) >= 3 && run == bare {
			switch {
			case fence == "":
				fence = run
			case len(run) >= len(fence):
				fence = ""
			}
			continue
		}
		if fence != "" {
			continue
		}
		rest := ours.Replace(markdowntest.OutsideCode(line))
		rest = regexp.MustCompile(`^\s*(#+ |- |[0-9]+\. |(-{3})+$)`).ReplaceAllString(rest, "")
		if i := strings.IndexAny(rest, "<>[]@#*`&\\$_~"); i >= 0 {
			return rest[max(0, i-60):min(len(rest), i+60)] + " in " + line[:min(len(line), 300)]
		}
		for _, link := range []string{"http:", "https:", "www.", "ftp:"} {
			if strings.Contains(rest, link) {
				return "a link: " + rest
			}
		}
	}
	if fence != "" {
		return "a block of code has no end"
	}
	return ""
}

// The checks above find what they are for.
func TestTheChecksSeeWhatIsWrong(t *testing.T) {
	for _, bad := range []string{`<p>a<script>x</script></p>`, `<p onclick="x">a</p>`, `<p>a`, `</p>`, `<a href="https://x">x</a>`, `<p>a & b</p>`, `<p>a > b</p>`, `<p id="x"></p><p id="x"></p>`, `<p class=x>a</p>`} {
		if unsound(bad) == "" {
			t.Errorf("%s passes", bad)
		}
	}
	for _, bad := range []string{"a @b", "[x](y)", "see https://x", "`a", "<b>", "x\n```\ny"} {
		if marked(bad) == "" {
			t.Errorf("%s passes", bad)
		}
	}
}

// A cell of a table stays one whatever is in it.
func TestAStrangersBarEndsNoCell(t *testing.T) {
	for n := 0; n < len(attacks); n += 13 { // each text has another one each time
		text := Markdown(hostile(t, n))
		columns := 0
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "|") {
				columns = 0
				continue
			}
			cells := len(regexp.MustCompile(`(?:\\.|[^|\\])*\|`).FindAllString(line, -1))
			if columns == 0 {
				columns = cells
			}
			if cells != columns {
				t.Fatalf("%d: %d cells of %d: %s", n, cells, columns, line)
			}
		}
	}
}
