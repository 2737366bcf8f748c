package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/markdown"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// printReview prints a review for a person.
func (a *app) printReview(v reviewed) {
	s := a.style()
	name := flakeName(&v.Flake)
	if v.input != "" {
		name = "input " + safetext.Line(v.input).String() + ", " + name
	}
	a.print(paint(s, explain.Strong, name))
	a.print(a.standingLine(v.report))
	if v.input != "" {
		a.print("As an input its nixConfig is never applied. This is what it would ask if it were named on the command line.")
	}
	if v.Flake.Err != "" {
		a.print("", paint(s, explain.Unsure, "What it asks for is not known: ")+safetext.Text(v.Flake.Err).String())
		return
	}
	if v.Flake.Rejected != nil {
		a.print("")
		a.print(explain.Chain([]trust.Reason{*v.Flake.Rejected}, s)...)
	}
	if !v.Known {
		return
	}
	if len(v.Asks) == 0 {
		a.print("", "The flake asks for nothing.")
	}
	class := "none yet"
	for _, ask := range v.Asks {
		if c := className(ask); c != class {
			class = c
			a.print("", paint(s, explain.RiskRole(ask.Class), paint(s, explain.Strong, class)))
		}
		a.printAsk(ask, s)
	}
	a.printChanges(v, s)
}

// printAsk prints one setting: what becomes of it, what is in it, what is saved.
func (a *app) printAsk(ask trust.Ask, s explain.Style) {
	a.print("  " + explain.SettingHeadline(ask.SettingVerdict, narrow(s, 2)))
	if len(ask.Items) == 0 && ask.Value != "" {
		a.print(prefixed("      ", "", explain.Value(ask.Name, ask.Value), s)...)
	}
	alarmed := func(text safetext.S) {
		a.print(prefixed("      ", paint(s, explain.Danger, s.Glyphs.Alarm)+" ", text, s)...)
	}
	alarm := func(text string) { alarmed(safetext.Text(text)) }
	if ask.Suspect {
		alarm("The name or the value has characters that cannot be seen, or that change what a terminal shows.")
	}
	if ask.Hidden {
		alarm("*** stands for what looks like a secret. Look at it in the file before you accept it.")
	}
	if ask.Opaque {
		alarm("The value is a file of the flake. What is in it decides, and is not looked at here.")
	}
	keys := isKeyList(ask.Name)
	for _, it := range ask.Items {
		line := "      " + safetext.URL(it.Text).String()
		if !keys {
			line = "      " + mark(s, it.State) + " " + safetext.URL(it.Text).String()
		}
		a.print(line)
		if it.Suspect.String() != "" {
			alarmed(it.Suspect)
		}
		if it.Problem != nil {
			alarm(it.Problem.Text)
		}
		if text := others(it.Others); text != "" {
			a.print(prefixed("        ", "", safetext.Text(text), s)...)
		}
	}
	for _, saved := range ask.Saved {
		a.print("      " + savedText(saved, s))
	}
}

// others says who else asks for the same.
func others(ids []trust.FlakeID) string {
	const most = 3
	names := make([]string, 0, most)
	for _, id := range ids[:min(len(ids), most)] {
		names = append(names, safetext.Redact(id.Ref))
	}
	switch more := len(ids) - len(names); {
	case len(ids) == 0:
		return ""
	case more > 0:
		return fmt.Sprintf("also asked for by %s and %s", strings.Join(names, ", "), plural(more, "more flake"))
	}
	return "also asked for by " + strings.Join(names, ", ")
}

func savedText(saved trust.AnswerReport, s explain.Style) string {
	word, of := "no", "the saved answer"
	if saved.Yes {
		word = "yes"
	}
	if saved.Root {
		of = "root's saved answer"
	}
	return of + " is " + word + " (" + s.Path(saved.File).String() + ")"
}

// printChanges prints how it differs from the record.
func (a *app) printChanges(v reviewed, s explain.Style) {
	a.print("")
	switch from := safetext.Line(v.from).String(); {
	case v.since == nil:
		a.print(a.faint("No earlier review is recorded. --accept records this one."))
		for _, c := range v.failed {
			a.print(paint(s, explain.Danger, "fails") + " " + changeLine(c, s))
		}
		return
	case len(v.changes) == 0:
		a.print("It asks for what it asked for at the last review (" + from + ").")
		return
	default:
		a.print(paint(s, explain.Strong, "Since the last review") + a.faint(" ("+from+")"))
	}
	for _, c := range v.changes {
		m := explain.SeverityMark(c.Severity, s.Glyphs)
		head := paint(s, m.Role, m.Glyph)
		if slices.ContainsFunc(v.failed, func(f trust.Finding) bool { return f.Code == c.Code && f.Subject == c.Subject && f.Where == c.Where }) {
			head += " " + paint(s, explain.Danger, "fails")
		}
		a.print("  " + head + " " + changeLine(c, s))
	}
}

func changeLine(c trust.Finding, s explain.Style) string {
	line := safetext.Text(c.Text).String() + " [" + string(c.Code) + "]"
	if why := suspicion(c); why != "" {
		line = safetext.URL(c.Subject).String() + ". " + why + ". [" + string(c.Code) + "]"
	}
	if at := explain.Where(c.Where, s); at != "" {
		line += " " + columned(at, c)
	}
	return line
}

// prefixed wraps a text behind a mark, its further lines below its first word.
func prefixed(by, mark string, text safetext.S, s explain.Style) []string {
	width := 100
	if s.Width > 0 {
		width = s.Width
	}
	hang := ""
	if mark != "" {
		hang = "  "
	}
	var out []string
	for i, l := range explain.Wrap(text, max(width-len(by)-2, 20)) {
		if i == 0 {
			out = append(out, by+mark+l)
		} else {
			out = append(out, by+hang+l)
		}
	}
	return out
}

// markdownReview writes a review for a comment on a change.
func markdownReview(v reviewed, found []trust.Finding, unread []trust.Note, base string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### What the flake asks for\n\n%s\n\n", codeSpan(v.Flake.ID.Ref))
	if v.Known {
		if len(v.Asks) == 0 {
			b.WriteString("It asks for nothing.\n")
		} else {
			b.WriteString("| class | setting | value |\n|---|---|---|\n")
		}
		for _, ask := range v.Asks {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", className(ask), cell(ask.Name), cell(secretless(ask.Name, ask.Value)))
		}
	}
	if len(v.failed) > 0 {
		b.WriteString("\n**Not accepted:** ")
		var words []string
		for _, f := range v.failed {
			if w := "`" + string(f.Code) + "`"; !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
		b.WriteString(strings.Join(words, ", ") + "\n")
	}
	if v.Known && v.since != nil && len(found) == 0 {
		b.WriteString("\nNothing of it has changed.\n")
		return strings.TrimSuffix(b.String(), "\n")
	}
	title := "Compared with nothing: no earlier review was given"
	if v.since != nil {
		title = "What has changed"
	}
	if len(found) > 0 || len(unread) > 0 {
		b.WriteString("\n" + markdownFindings(title, found, unread, base) + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// cell is a code span for a table, where a bar would end the cell even in code.
func cell(s string) string { return markdown.Cell(codeSpan(s)) }
