package main

import (
	"fmt"
	"strings"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/markdown"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// markdownFindings writes findings for a comment or a summary page. What comes
// from outside is inside code spans only, where nothing of it has a meaning: no
// link, no mention, no HTML.
func markdownFindings(title string, findings []trust.Finding, unread []trust.Note, base string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", title)
	switch {
	case len(findings) > 0:
		fmt.Fprintf(&b, "%s.\n", plural(len(findings), "finding"))
	case len(unread) == 0:
		b.WriteString("Nothing was found.\n")
	}
	for _, f := range findings {
		place := where(f.Where)
		if rel, ok := below(base, place); ok {
			place = rel
		}
		fmt.Fprintf(&b, "\n- **%s**: %s (`%s`)", f.Severity, prose(f.Code.Title()), f.Code)
		if place != "" {
			fmt.Fprintf(&b, " at %s", codeSpan(place))
		}
		b.WriteString("  \n")
		if f.Subject != "" && !strings.Contains(f.Text, f.Subject) {
			fmt.Fprintf(&b, "  %s  \n", codeSpan(f.Subject))
		}
		fmt.Fprintf(&b, "  %s\n", prose(f.Text))
		if why := suspect(f); why.Width() > 0 {
			fmt.Fprintf(&b, "  %s.\n", capital(markdown.Sentence(why)))
		}
		for _, fix := range f.Fixes {
			fmt.Fprintf(&b, "  *Way out:* %s.\n", prose(fix.Title))
			for l := range strings.Lines(fix.Command) {
				fmt.Fprintf(&b, "  %s\n", codeSpan(strings.TrimSpace(l)))
			}
		}
	}
	markdownUnread(&b, unread)
	return strings.TrimSuffix(b.String(), "\n")
}

func markdownUnread(b *strings.Builder, unread []trust.Note) {
	if len(unread) == 0 {
		return
	}
	b.WriteString("\nNot everything could be read, so there may be more:\n\n")
	for _, n := range unread {
		if n.Path != "" {
			fmt.Fprintf(b, "- %s: %s\n", codeSpan(n.Path), prose(n.Text))
		} else {
			fmt.Fprintf(b, "- %s\n", prose(n.Text))
		}
	}
}

// prose writes a sentence: words of letters stay, and everything else is code.
func prose(s string) string { return markdown.Sentence(safetext.Text(s)) }

// codeSpan writes a text in which nothing has a meaning.
func codeSpan(s string) string { return markdown.Code(safetext.Text(s)) }
