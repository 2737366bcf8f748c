package main

import (
	"fmt"
	"strings"

	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/trust/storedb"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// mostAudited is how many paths or roots of a kind are listed.
const mostAudited = 20

// printAudit prints what vouches for the store.
func (a *app) printAudit(got *audited) error {
	s := a.style()
	total := got.Total()
	a.print(fmt.Sprintf("%s: %s, %s", safetext.Line(got.Store.Dir), count(total.All.Paths, "path", "paths"), byteText(total.All.Size)))
	if told := got.Store.Told; told != nil {
		a.print("  told by " + toldBy(told).String() + ", as the database could not be read: " + safetext.Line(told.Why).String())
	}
	a.print("  " + count(len(got.Roots.List), "root", "roots") + ": " + keptText(total))
	a.auditDoubts(got)

	sums := got.ByClass()
	if sums[audit.Signed].All.Paths > 0 {
		a.print("", paint(s, explain.Strong, explain.ClassTitle(audit.Signed))+"  "+tallyText(sums[audit.Signed]))
		for _, k := range got.Signers() {
			if got.Keys[k.Key].Believed && k.Signed.All.Paths > 0 {
				a.printSigner(s, got, k)
			}
		}
	}
	for _, c := range []struct {
		class audit.Class
		text  string
	}{{audit.Built, "and not signed."}, {audit.Addressed, got.addressText()}} {
		if sums[c.class].All.Paths > 0 {
			a.print("", paint(s, explain.Strong, explain.ClassTitle(c.class))+"  "+tallyText(sums[c.class]), "  "+c.text)
		}
	}
	for _, c := range []audit.Class{audit.NotBelieved, audit.Imported, audit.Unknown} {
		if sums[c].All.Paths == 0 {
			continue
		}
		a.print("", paint(s, explain.Bad, explain.ClassTitle(c))+"  "+tallyText(sums[c]), "  "+explain.ClassMeans(c))
		if c == audit.NotBelieved {
			for _, k := range got.Signers() {
				if !got.Keys[k.Key].Believed && k.Alone.All.Paths > 0 {
					a.printSigner(s, got, k)
				}
			}
		}
		a.printPaths(s, got, got.Of(c))
	}
	a.printClaims(s, got)
	a.printAdvice(s, got)
	return silent(got.code(nil))
}

// printAdvice says how to check in another way what nothing vouches for.
func (a *app) printAdvice(s explain.Style, got *audited) {
	if len(got.Of(audit.NotBelieved, audit.Imported)) == 0 {
		return
	}
	a.print("", paint(s, explain.Strong, "What to do with what nothing vouches for"))
	for _, f := range explain.UnvouchedFixes() {
		a.print("  " + f.Title + ": " + command(s, f.Command))
	}
}

// toldBy names the daemon that told what the database says.
func toldBy(told *storedb.Told) safetext.S {
	text := "the daemon at " + told.Socket
	if told.Version != "" {
		text += ", Nix " + told.Version
	}
	return safetext.Line(text)
}

// command is a command to be copied, without a secret. What it quotes is anybody's.
func command(s explain.Style, text string) string {
	return paint(s, explain.Command, strings.Join(list(safetext.Verbatim(safetext.Redact(text)), safetext.S.String), "\n"))
}

func (a *app) auditDoubts(got *audited) {
	for _, d := range got.doubts {
		a.warn("%s", d)
	}
	for _, u := range got.Roots.Unseen {
		a.print("  not seen: " + safetext.Text(u).String())
	}
}

// printSigner prints what one key signed.
func (a *app) printSigner(s explain.Style, got *audited, k audit.Signer) {
	key := got.Keys[k.Key]
	name := paint(s, explain.Strong, safetext.Line(key.Name).String())
	if key.Gate {
		name += " (a gate's: it signs what grants pin)"
	}
	line := "  " + sumText(k.Signed.All) + "  " + name
	if k.Alone.All.Paths > 0 {
		line += "  " + paint(s, explain.Faint, "alone for "+strings.TrimSpace(byteText(k.Alone.All.Size))+" in "+count(k.Alone.All.Paths, "path", "paths"))
	}
	a.print(line)
	for _, from := range key.From {
		a.print(strings.Repeat(" ", 24) + paint(s, explain.Faint, s.Path(from).String()))
	}
}

// addressText says how far names prove what they name.
func (got *audited) addressText() string {
	proved := got.Tally(func(_ int32, p *audit.Path) bool {
		return p.Class == audit.Addressed && p.Address == audit.AddressProved
	}).All.Paths
	named := got.Tally(func(_ int32, p *audit.Path) bool {
		return p.Class == audit.Addressed && p.Address == audit.AddressNamed
	}).All.Paths
	text := fmt.Sprintf("The names of %d were computed of the hash of their contents", proved)
	if named > 0 {
		text += fmt.Sprintf("; of %d, of the hash of a file or of contents that name themselves, which Nix compared when they came", named)
	}
	return text + "."
}

// printPaths lists the largest paths with what keeps them.
func (a *app) printPaths(s explain.Style, got *audited, paths []int32) {
	for n, i := range paths {
		if n == mostAudited {
			a.print(fmt.Sprintf("  and %d more; --list and --json have all", len(paths)-n))
			return
		}
		row, p := &got.Store.Rows[i], &got.Paths[i]
		name := string(row.Path)
		if name == "" {
			name = row.Text
		}
		line := fmt.Sprintf("  %8s  %s", byteText(row.NarSize), safetext.Line(name))
		switch {
		case row.Damage != "":
			line += "  " + paint(s, explain.Faint, row.Damage)
		case p.Live == audit.Alive:
			line += "  " + paint(s, explain.Faint, "kept by "+s.Path(got.Roots.List[p.Root].From).String())
		case p.Live == audit.Dead:
			line += "  " + paint(s, explain.Faint, "no root keeps it")
		}
		if p.Address == audit.AddressWrong {
			line += "  " + paint(s, explain.Bad, "its name does not belong to its content address")
		}
		a.print(line)
	}
}

// printClaims lists the signatures that prove nothing.
func (a *app) printClaims(s explain.Style, got *audited) {
	claims := got.Claims()
	if len(claims) == 0 {
		return
	}
	a.print("", paint(s, explain.Strong, "Signatures that prove nothing"), "  Any user can write one into the database.")
	for n, c := range claims {
		if n == mostAudited {
			a.print(fmt.Sprintf("  and %d more; --json has all", len(claims)-n))
			return
		}
		name := safetext.Line(c.Name).String()
		text, role := "", explain.Unsure
		switch c.Kind {
		case audit.ClaimForged:
			text, role = "FORGED: under the name of the believed key "+name+", and not made by it", explain.Bad
			if c.Other {
				text += "; another key of that name made some"
			}
		case audit.ClaimMisfit:
			text = "under the name of the known key " + name + ", and not made by it"
		case audit.ClaimMalformed:
			text = "no signature at all, under the name " + name
		case audit.ClaimUnchecked:
			text = "not to be checked, under the name " + name + ": the database has no size of the path"
		default:
			text = "unknown signer " + name
		}
		a.print("  " + count(len(c.Paths), "path", "paths") + "  " + paint(s, role, text))
		if c.Kind == audit.ClaimForged {
			a.printPaths(s, got, c.Paths)
		}
	}
}

// sumText is a size and a number of paths, in columns.
func sumText(s audit.Sum) string {
	return fmt.Sprintf("%8s  %-12s", byteText(s.Size), count(s.Paths, "path", "paths"))
}

func tallyText(t audit.Tally) string {
	return fmt.Sprintf("%s, %s; %s", count(t.All.Paths, "path", "paths"), byteText(t.All.Size), keptText(t))
}

// keptText says how much of it is kept.
func keptText(t audit.Tally) string {
	text := fmt.Sprintf("%s kept", byteText(t.Live.Size))
	if t.Dead.Paths > 0 {
		text += fmt.Sprintf(", %s not", byteText(t.Dead.Size))
	}
	if n := t.All.Paths - t.Live.Paths - t.Dead.Paths; n > 0 {
		text += fmt.Sprintf(", %s unknown", byteText(t.All.Size-t.Live.Size-t.Dead.Size))
	}
	return text
}
