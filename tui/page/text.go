package page

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A builder makes the parts of a document.
type builder struct {
	shown  Shown
	r      *trust.Report
	limit  limits
	style  explain.Style
	glyphs explain.Glyphs
}

// clip cuts an outside text that has no secret in it any more.
func (b *builder) clip(s string) string {
	if len(s) <= b.limit.text {
		return s
	}
	n := b.limit.text
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return fmt.Sprintf("%s (%d more bytes)", s[:n], len(s)-n)
}

// redacted is clip for a text that may have secrets in it. They go first: a cut
// would hide what they are recognised by.
func (b *builder) redacted(s string) string { return b.clip(safetext.Redact(s)) }

// say is words of this program, with numbers in them and nothing else: they are
// written as they are.
func say(format string, numbers ...int) piece {
	if len(numbers) == 0 {
		return piece{Kind: ownText, Text: safetext.Line(format)}
	}
	args := make([]any, len(numbers))
	for i, n := range numbers {
		args[i] = n
	}
	return piece{Kind: ownText, Text: safetext.Line(fmt.Sprintf(format, args...))}
}

func loud(text string) piece  { return piece{Kind: strong, Text: safetext.Line(text)} }
func quiet(text string) piece { return piece{Kind: faint, Text: safetext.Line(text)} }

// prose is a sentence that may have outside words in it.
func (b *builder) prose(s string) piece {
	return piece{Kind: plainText, Text: safetext.Text(b.redacted(s))}
}

// code is an outside value.
func (b *builder) code(s string) piece {
	return piece{Kind: codeText, Text: safetext.Text(b.redacted(s))}
}

func (b *builder) url(s string) piece {
	return piece{Kind: codeText, Text: safetext.URL(b.redacted(s))}
}

func (b *builder) key(s string) piece {
	return piece{Kind: codeText, Text: safetext.ASCII(b.redacted(s))}
}

// value is the value of a setting.
func (b *builder) value(setting, value string) piece {
	return piece{Kind: codeText, Text: safetext.Text(b.clip(explain.Redact(setting, value)))}
}

// subject is what a finding or a step is about.
func (b *builder) subject(s string) piece {
	if strings.Contains(s, "://") {
		return b.url(s)
	}
	return b.code(s)
}

func (b *builder) path(file string) piece {
	return piece{Kind: placeText, Text: b.style.Path(b.redacted(file))}
}

// place is a file with line and column; ok says that there is one.
func (b *builder) place(p nixconf.Pos) (at piece, ok bool) {
	p.File = b.style.Tilde(b.redacted(p.File))
	return piece{Kind: placeText, Text: safetext.Line(p.String())}, p.File != ""
}

// origin says what a value was set by, after words of this program.
func (b *builder) origin(before string, o nixconf.Origin) piece {
	return piece{Kind: aside, Text: safetext.Text(b.redacted(before + b.style.Origin(o)))}
}

func badgeOf(m explain.Mark) piece {
	class := [...]string{
		explain.Plain: "plain", explain.Strong: "plain", explain.Faint: "off", explain.Good: "good", explain.Bad: "bad",
		explain.Unsure: "unsure", explain.Caution: "caution", explain.Danger: "danger",
	}
	c := "plain"
	if int(m.Role) < len(class) && class[m.Role] != "" {
		c = class[m.Role]
	}
	return piece{Kind: badge, Glyph: m.Glyph, Class: c, Text: safetext.Line(m.Word)}
}

// flake is how a flake is called.
func (b *builder) flake(f *trust.FlakeReport) piece {
	if f.ID.Path != "" {
		return b.path(f.ID.Path)
	}
	return b.url(f.ID.Ref)
}

// suspect warns of a URL whose host may be taken for another.
func (b *builder) suspect(urls ...string) (out []block) {
	for _, u := range urls {
		if why, ok := safetext.SuspectHost(u); ok {
			out = append(out, para{Class: "warn", Line: line{badgeOf(explain.Mark{Glyph: b.glyphs.Alarm, Word: "look-alike", Role: explain.Danger}), {Kind: plainText, Text: why}}})
		}
	}
	return out
}

func text(pieces ...piece) para { return para{Line: pieces} }

func cellOf(pieces ...piece) cell { return cell{Lines: []line{pieces}} }

func figure(n string) cell { return cell{Lines: []line{{say(n)}}, Right: true} }

// few is how many of n are told, and the line that counts the rest.
func (b *builder) few(n int) (most int, rest []block) {
	if n <= b.limit.rows {
		return n, nil
	}
	return b.limit.rows, []block{para{Class: "warn", Line: line{say("There are %d more; nix-trust status --json has all.", n-b.limit.rows)}}}
}

// counted is a number of things in words.
func counted(n int, one, many string) string {
	return fmt.Sprintf("%d %s", n, noun(n, one, many))
}

// noun is the word for a number of things.
func noun(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// moment is a time.
func moment(t time.Time) piece {
	if t.IsZero() {
		return say("at a time that is not known")
	}
	return say(t.UTC().Format("2006-01-02 15:04") + " UTC")
}
