package explain

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// Where renders a place as "file:line", or "" when there is none.
func Where(p nixconf.Pos, s Style) string { return s.where(p).String() }

func (s Style) where(p nixconf.Pos) safetext.S { return safetext.Line(s.Spot(p)) }

// Cache renders the verdict on a cache: its state, the step that settles it,
// its keys, the numbered chain of reasons in the order Nix goes through them,
// and the ways out.
func Cache(v trust.CacheVerdict, s Style) []string {
	p := &page{Style: s}
	m := CacheMark(v.State, s.glyphs())
	at := Settles(m, v.Reasons)
	p.head(m, safetext.URL(v.URL))
	p.because(v.Reasons, at)
	p.suspect(v.URL)
	p.text("  ", Plain, safetext.Line(CacheMeans(v.State)))
	p.probed(v.Probed)
	p.body(v.Reasons, at, func() {
		p.at("at", v.Where)
		for _, k := range v.Keys {
			p.spans("  ", "      ", own(Faint, "key"), span{Plain, safetext.ASCII(k)})
		}
	})
	return p.lines
}

// Setting renders the verdict on one setting of a flake's nixConfig.
func Setting(v trust.SettingVerdict, s Style) []string {
	p := &page{Style: s}
	m := SettingMark(v, s.glyphs())
	at := Settles(m, v.Reasons)
	p.head(m, safetext.Line(v.Name))
	p.because(v.Reasons, at)
	p.text("  ", Plain, safetext.Line(SettingMeans(v)))
	items := v.Items
	if len(items) == 0 {
		items = []string{v.Value}
	}
	for _, item := range items {
		p.suspect(item)
	}
	p.body(v.Reasons, at, func() {
		p.at("at", v.Where)
		if v.Risk != nixconf.RiskNone {
			p.spans("  ", "    ", own(Faint, "gives the flake"), own(RiskRole(v.Risk), string(v.Risk)))
		}
		for _, item := range items {
			p.spans("  ", "        ", own(Faint, "value"), span{Plain, Value(v.Name, item)})
		}
	})
	return p.lines
}

// body adds the chain, the ways out and the facts, the last first unless brief.
func (p *page) body(reasons []trust.Reason, at int, facts func()) {
	if !p.Brief {
		facts()
	}
	p.chain(reasons, at)
	p.fixes(Fixes(reasons), StepsWithWays(reasons) == 1)
	if p.Brief {
		p.blank()
		facts()
	}
}

// Value renders the value of a setting, with *** for what is secret in it.
func Value(setting, value string) safetext.S {
	return safetext.Text(safetext.RedactValue(setting, value))
}

// Redact returns the value of a setting with *** for what is secret in it. The
// result is not yet safe to show.
func Redact(setting, value string) string { return safetext.RedactValue(setting, value) }

// Reason renders one step of a chain without its fixes.
func Reason(r trust.Reason, s Style) []string {
	p := &page{Style: s}
	p.reason("", r)
	return p.lines
}

// Chain renders numbered steps and then the ways out of those that fail.
func Chain(reasons []trust.Reason, s Style) []string {
	p := &page{Style: s}
	p.chain(reasons, Decisive(reasons))
	p.fixes(Fixes(reasons), StepsWithWays(reasons) == 1)
	return p.lines
}

// Finding renders something wrong that is not one cache's verdict.
func Finding(f trust.Finding, s Style) []string {
	p := &page{Style: s}
	m := SeverityMark(f.Severity, s.glyphs())
	p.spans("", "  ", span{m.Role, safetext.Line(m.String())}, span{Strong, safetext.Line(f.Code.Title())}, own(Faint, "["+string(f.Code)+"]"))
	switch {
	case f.Code == trust.CodeConfigFatal || f.Code == trust.CodeConfigWarning || f.Code == trust.CodeUnreadableLayer:
		// the subject is a word for programs, and the text says it
	case strings.Contains(f.Subject, "://"):
		p.text("  ", Strong, safetext.URL(f.Subject))
		p.suspect(f.Subject)
	case f.Subject != "":
		p.text("  ", Strong, safetext.Text(f.Subject))
	}
	p.text("  ", Plain, safetext.Text(f.Text))
	p.at("at", f.Where)
	if e := f.Code.Explain(); e != "" {
		p.blank()
		p.text("  ", Faint, safetext.Line(e))
	}
	p.fixes(f.Fixes, true)
	return p.lines
}

// Headline says in one line of at most the style's width why a cache is used
// or not: state, URL, the decisive reason and its place.
func Headline(v trust.CacheVerdict, s Style) string {
	g := s.glyphs()
	m := CacheMark(v.State, g)
	pieces := []span{{m.Role, safetext.Line(m.String())}, {Strong, safetext.URL(v.URL)}}
	return s.oneLine(append(pieces, s.because(v.Reasons, Settles(m, v.Reasons), v.Where)...))
}

// SettingHeadline is Headline for a setting.
func SettingHeadline(v trust.SettingVerdict, s Style) string {
	m := SettingMark(v, s.glyphs())
	pieces := []span{{m.Role, safetext.Line(m.String())}, {Strong, safetext.Line(v.Name)}}
	return s.oneLine(append(pieces, s.because(v.Reasons, Settles(m, v.Reasons), v.Where)...))
}

// Because renders the decisive reason of a chain and its place in one line.
func Because(chain []trust.Reason, s Style) string {
	return s.oneLine(s.because(chain, Decisive(chain), nixconf.Pos{}))
}

func (s Style) because(chain []trust.Reason, i int, claim nixconf.Pos) []span {
	where := claim
	var out []span
	if i >= 0 {
		out = append(out, own(Faint, s.glyphs().Dot), own(Plain, chain[i].Code.Title()))
		if chain[i].Where.File != "" {
			where = chain[i].Where
		}
	}
	if w := s.Spot(where); w != "" {
		out = append(out, own(Place, "("+w+")"))
	}
	return out
}

// oneLine joins pieces with spaces and cuts the line at the style's width.
func (s Style) oneLine(pieces []span) string {
	w, used := s.width(), 0
	var b strings.Builder
	for i, piece := range pieces {
		text := piece.text
		if i > 0 {
			if w > 0 && used+1 > w {
				break
			}
			b.WriteByte(' ')
			used++
		}
		if w > 0 && used+text.Width() > w {
			b.WriteString(s.paint(piece.role, Trim(text, w-used, s.glyphs().More)))
			break
		}
		b.WriteString(s.paint(piece.role, text.String()))
		used += text.Width()
	}
	return b.String()
}

func (p *page) head(m Mark, subject safetext.S) {
	p.spans("", "  ", span{m.Role, safetext.Line(m.String())}, span{Strong, subject})
}

// because adds the step that settles a chain, in one line where it fits.
func (p *page) because(chain []trust.Reason, i int) {
	if i < 0 {
		return
	}
	r := chain[i]
	pieces := []span{own(Faint, "because"), own(Strong, r.Code.Title())}
	if w := p.Spot(r.Where); w != "" {
		pieces = append(pieces, own(Place, "("+w+")"))
	}
	p.spans("  ", "          ", pieces...)
}

// at adds a place after a label.
func (p *page) at(label string, where nixconf.Pos) {
	if w := p.where(where); w.Width() > 0 {
		p.spans("  ", "     ", own(Faint, label), span{Place, w})
	}
}

// suspect warns of a URL whose host may be taken for another.
func (p *page) suspect(url string) {
	if why, ok := safetext.SuspectHost(url); ok {
		p.spans("  ", "    ", own(Danger, p.glyphs().Alarm), span{Danger, why})
	}
}

// chain adds numbered steps; the decisive one is told in full even when brief.
func (p *page) chain(reasons []trust.Reason, decisive int) {
	if len(reasons) == 0 {
		return
	}
	p.blank()
	digits := len(strconv.Itoa(len(reasons)))
	for i, r := range reasons {
		number := fmt.Sprintf("%*d ", digits, i+1)
		if p.Brief && i != decisive {
			p.step(number, r)
			continue
		}
		p.reason(number, r)
	}
}

// step adds a reason in one line, with no more of its place than a file's name
// and of its subject than fits.
func (p *page) step(number string, r trust.Reason) {
	m := StepMark(r, p.glyphs())
	line := p.paint(Faint, number) + p.paint(m.Role, m.Glyph) + " "
	used := len(number) + ansi.StringWidth(m.Glyph) + 1
	title, subject := safetext.Line(r.Code.Title()), safetext.Text(r.Subject)
	r.Where.File = r.Where.File[strings.LastIndexByte(r.Where.File, '/')+1:]
	place := p.where(r.Where)
	rest := title.Width()
	if place.Width() > 0 {
		rest += place.Width() + 3
	}
	w, more := p.width(), p.glyphs().More
	switch room := w - used - rest - 2; {
	case w > 0 && w-used < rest: // not even the title and the place
		line += p.paint(Plain, Trim(title, w-used, more))
		place = safetext.S{}
	case subject.Width() == 0 || w > 0 && room < min(subject.Width(), 12):
		line += p.paint(Plain, title.String())
	case w > 0:
		line += p.paint(Plain, title.String()+": "+Shorten(subject, room, more))
	default:
		line += p.paint(Plain, title.String()+": "+subject.String())
	}
	if place.Width() > 0 {
		line += " " + p.paint(Place, "("+place.String()+")")
	}
	p.lines = append(p.lines, line)
}

func (p *page) reason(number string, r trust.Reason) {
	g := p.glyphs()
	m := StepMark(r, g)
	indent := strings.Repeat(" ", len(number)+len([]rune(m.Glyph))+1)
	title := Plain
	if r.Outcome != trust.Pass {
		title = Strong
	}
	p.spans(p.paint(Faint, number), indent,
		span{m.Role, safetext.Line(m.Glyph)}, own(title, r.Code.Title()), own(Faint, "["+string(r.Code)+"]"))
	if r.Text != "" {
		p.text(indent, Plain, safetext.Text(r.Text))
	}
	if w := p.where(r.Where); w.Width() > 0 {
		p.spans(indent, indent+"   ", own(Faint, "at"), span{Place, w})
	}
	if r.NixSays != "" {
		p.text(indent, Faint, safetext.Line("Nix prints"))
		said := safetext.Block(safetext.Redact(r.NixSays))
		if p.Brief && len(said) > 1 { // its first line is the warning, the rest advice
			said = []safetext.S{safetext.Join(said[0], safetext.Line(g.More))}
		}
		for _, l := range said {
			p.text(indent+p.paint(Faint, g.Quote)+" ", Quote, l)
		}
	} else if r.Outcome == trust.Fail && r.Code != trust.CodeUserUntrusted {
		p.text(indent, Faint, safetext.Line("Nix prints nothing about it."))
	}
}

// Fixes returns the ways out of the steps that do not pass, and those to use what
// was granted, each once, in the order of the steps; the engine orders those of a
// step by blast radius.
func Fixes(chain []trust.Reason) []trust.Fix {
	var out []trust.Fix
	seen := map[trust.Fix]bool{}
	for _, r := range chain {
		if r.Outcome == trust.Pass && r.Code != trust.CodeGranted {
			continue
		}
		for _, f := range r.Fixes {
			if !seen[f] {
				seen[f] = true
				out = append(out, f)
			}
		}
	}
	return out
}

// StepsWithWays returns how many steps of a chain have ways out.
func StepsWithWays(chain []trust.Reason) int {
	n := 0
	for _, r := range chain {
		if (r.Outcome != trust.Pass || r.Code == trust.CodeGranted) && len(r.Fixes) > 0 {
			n++
		}
	}
	return n
}

// fixes adds the ways out. ordered says that they are for one step, and so in
// the order of what they change.
func (p *page) fixes(fixes []trust.Fix, ordered bool) {
	if len(fixes) == 0 {
		return
	}
	p.blank()
	title := "What to do"
	if ordered && len(fixes) > 1 {
		title = "What to do, the smallest change first"
	}
	p.text("", Strong, safetext.Line(title))
	for i, f := range fixes {
		if i > 0 {
			p.blank()
		}
		letter := string(rune('a' + i%26))
		pieces := []span{own(Faint, letter), {Strong, safetext.Text(f.Title)}}
		if f.Admin && !strings.Contains(strings.ToLower(f.Title), "administrator") {
			pieces = append(pieces, own(Caution, "(administrator)"))
		}
		p.spans("", "  ", pieces...)
		if f.Detail != "" {
			p.text("  ", Plain, safetext.Text(f.Detail))
		}
		if f.Command == "" {
			continue
		}
		mark := p.glyphs().Prompt + " "
		if f.File != "" {
			p.spans("  ", "  ", own(Faint, "in"), span{Place, p.Path(f.File)})
			mark = "  "
		}
		p.code("  ", mark, safetext.Verbatim(safetext.Redact(f.Command)))
		if !safetext.Exact(f.Command) {
			p.text("  ", Danger, safetext.Line("It has characters that cannot be seen. Do not paste it."))
		}
	}
}

// RiskRole returns how loud a risk is.
func RiskRole(r nixconf.Risk) Role {
	switch r {
	case nixconf.RiskCode, nixconf.RiskSandbox, nixconf.RiskCredential:
		return Danger
	case nixconf.RiskCache, nixconf.RiskEvaluation, nixconf.RiskDenial:
		return Caution
	}
	return Faint
}
