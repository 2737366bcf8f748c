package page

import (
	"math"
	"strconv"
	"strings"

	"github.com/nix-trust/nix-trust/tui/markdown"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// writeMarkdown writes a document as Markdown that GitHub and GitLab show.
func writeMarkdown(d *document) string {
	w := &markdownWriter{signs: barSigns}
	if d.ASCII {
		w.signs = asciiSigns
	}
	w.line(markdownMark)
	w.line("")
	w.line("# " + d.Title)
	w.line("")
	about := written(d.About)
	if d.Demo {
		about = "**DEMO: a made-up host.** " + about
	}
	w.line(about)
	w.line("")
	for _, t := range d.Tiles {
		w.line("- **" + t.Figure + "** " + t.Of)
	}
	for _, s := range d.Sections {
		w.heading(2, s.Title)
		w.blocks(s.Blocks, "", 3)
	}
	return w.String()
}

type markdownWriter struct {
	strings.Builder
	signs map[string]string // of bars
	empty bool              // the last line was
}

// line writes a line, and no second empty one.
func (w *markdownWriter) line(s string) {
	s = strings.TrimRight(s, " ")
	if s == "" && w.empty {
		return
	}
	w.empty = s == ""
	w.WriteString(s + "\n")
}

// code writes a block of code.
func (w *markdownWriter) code(lines []safetext.S, indent string) {
	w.WriteString(markdown.Block(lines, indent))
	w.empty = false
}

func (w *markdownWriter) heading(depth int, title string) {
	w.line("")
	w.line(strings.Repeat("#", min(depth, 6)) + " " + title)
	w.line("")
}

// blocks writes blocks, each with an empty line behind it. depth is that of a
// heading among them.
func (w *markdownWriter) blocks(all []block, indent string, depth int) {
	for _, b := range all {
		switch b := b.(type) {
		case para:
			w.line(indent + written(b.Line))
		case fields:
			for _, f := range b.Rows {
				w.field(f, indent)
			}
		case items:
			for _, l := range b.Lines {
				w.line(indent + "- " + written(l))
			}
		case table:
			w.table(b)
		case legend:
			var parts []string
			for _, p := range b.Parts {
				parts = append(parts, "`"+w.signs[p.Class]+"` "+p.Text)
			}
			w.line(indent + strings.Join(parts, ", "))
		case chain:
			w.chain(b, indent, depth)
		case ways:
			w.ways(b, indent, depth)
		case said:
			w.line(indent + b.Who + ":")
			w.line("")
			w.code(b.Lines, indent)
		case group:
			w.heading(depth, written(b.Title))
			w.blocks(b.Blocks, indent, depth+1)
			continue
		case sub:
			w.heading(depth, written(b.Title))
			w.blocks(b.Blocks, indent, depth+1)
			continue
		}
		w.line("")
	}
}

func (w *markdownWriter) field(f field, indent string) {
	if len(f.Values) == 1 {
		w.line(indent + "- **" + upright(f.Label) + ":** " + written(f.Values[0]))
		return
	}
	w.line(indent + "- **" + upright(f.Label) + ":**")
	for _, v := range f.Values {
		w.line(indent + "  - " + written(v))
	}
}

func (w *markdownWriter) table(t table) {
	w.line("**" + t.Caption + "**")
	w.line("")
	heads := t.columns()
	row, rule := "|", "|"
	for _, h := range heads {
		row += " " + markdown.Cell(written(h)) + " |"
		rule += "---|"
	}
	w.line(row)
	w.line(rule)
	for _, cells := range t.Rows {
		row := "|"
		for _, c := range cells {
			row += " " + markdown.Cell(w.cell(c)) + " |"
		}
		w.line(row)
	}
}

func (w *markdownWriter) cell(c cell) string {
	var lines []string
	for _, l := range c.Lines {
		lines = append(lines, written(l))
	}
	if c.Bar != nil {
		lines = append(lines, "`"+c.Bar.draw(w.signs)+"`", c.Bar.Says)
	}
	return strings.Join(lines, "<br>")
}

// The parts of a bar in text, and how many make a full one.
var (
	barSigns   = map[string]string{"one": "█", "two": "▒", "three": "░"}
	asciiSigns = map[string]string{"one": "#", "two": "=", "three": "."}
)

const barSteps = 20

func (b *bar) draw(signs map[string]string) string {
	var out strings.Builder
	for _, p := range b.Parts {
		n := max(int(math.Round(p.W*barSteps/100)), 1)
		out.WriteString(strings.Repeat(signs[p.Class], n))
	}
	if out.Len() == 0 {
		return "-"
	}
	return out.String()
}

func (w *markdownWriter) chain(c chain, indent string, depth int) {
	for i, s := range c.Steps {
		number := strconv.Itoa(i+1) + ". "
		w.line(indent + number + pieceText(s.Mark) + " **" + s.Title + "** `" + s.Code + "`")
		w.line("")
		w.blocks(s.Blocks, indent+strings.Repeat(" ", len(number)), depth)
	}
}

func (w *markdownWriter) ways(all ways, indent string, depth int) {
	w.line(indent + "**" + all.Title + "**")
	w.line("")
	for _, f := range all.Ways {
		title := "**" + written(f.Title) + "**"
		if f.Admin {
			title += " (administrator)"
		}
		w.line(indent + "- " + title)
		inner := indent + "  "
		if len(f.Detail) > 0 {
			w.line("")
			w.line(inner + written(f.Detail))
		}
		if len(f.Lines) > 0 {
			w.line("")
			if len(f.In) > 0 {
				w.line(inner + "in " + written(f.In))
				w.line("")
			}
			w.code(f.Lines, inner)
		}
		if f.Hidden {
			w.line("")
			w.line(inner + "**" + hiddenText + "**")
		}
	}
}

// hiddenText warns of a command that is not what it looks like.
const hiddenText = "It has characters that cannot be seen. Do not paste it."

func written(l line) string {
	parts := make([]string, 0, len(l))
	for _, p := range l {
		if t := pieceText(p); t != "" {
			parts = append(parts, t)
		}
	}
	return strings.Join(parts, " ")
}

// pieceText writes a piece. Only words of this program are written as they are.
func pieceText(p piece) string {
	switch p.Kind {
	case ownText, faint:
		return p.Text.String()
	case strong:
		return "**" + p.Text.String() + "**"
	case badge:
		return strings.TrimSpace(upright(p.Glyph) + " " + p.Text.String())
	case codeText, placeText:
		return markdown.Code(p.Text)
	}
	return markdown.Sentence(p.Text)
}

// upright keeps a mark from striking through what follows.
func upright(own string) string { return strings.ReplaceAll(own, "~", `\~`) }

// columns are the heads of the columns.
func (t table) columns() []line {
	if t.Heads != nil {
		return t.Heads
	}
	out := make([]line, len(t.Head))
	for i, h := range t.Head {
		out[i] = line{{Kind: ownText, Text: safetext.Line(h)}}
	}
	return out
}
