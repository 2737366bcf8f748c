package main

import (
	"fmt"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/challenge"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// challengeTitle is the heading over each verdict but a mismatch, and how it is
// painted.
var challengeTitle = []struct {
	verdict challenge.Verdict
	role    explain.Role
	text    string
}{
	{challenge.Inconclusive, explain.Unsure, "inconclusive"},
	{challenge.Absent, explain.Caution, "absent"},
	{challenge.Match, explain.Good, "match"},
}

func (a *app) printChallenge(c *challenged) {
	s := a.style()
	for i, item := range c.Items {
		if item.Verdict == challenge.Mismatch {
			a.printMismatch(s, c, i)
		}
	}
	counts := c.Counts()
	for _, title := range challengeTitle {
		n := counts[title.verdict]
		if n == 0 || title.verdict == challenge.Match && len(c.Items) > 1 && !c.flags.all {
			continue
		}
		a.print(paint(s, title.role, fmt.Sprintf("%s (%d)", title.text, n)))
		k := 0
		for _, item := range c.Items {
			if item.Verdict != title.verdict {
				continue
			}
			if k++; k > mostListed && !c.flags.all {
				a.print(fmt.Sprintf("  and %d more; --paths lists them", n-mostListed))
				break
			}
			a.print("  "+paint(s, explain.Strong, string(item.Path)), "    "+safetext.Text(item.Text).String())
			a.printVotes(s, c, item, everyVote(item))
		}
	}
	for _, l := range cachixLines(c.cachix, s) {
		a.print(l)
	}
	a.printSilence(s, c)
	a.printKept(c)
	a.printChallengeSum(s, c)
}

// printSilence names the voters that did not answer, and those with signatures
// that do not fit: nobody would notice either behind many matches.
func (a *app) printSilence(s explain.Style, c *challenged) {
	if len(c.Items) == 1 {
		return // all votes stand there
	}
	for i, voter := range c.Voters {
		silent, forged, why := 0, 0, ""
		for _, item := range c.Items {
			switch v := item.Votes[i]; {
			case v.Answer == challenge.Silent, v.Answer == challenge.Unreachable, v.Answer == challenge.Misbehaved:
				if silent++; why == "" {
					why = v.Text
				}
			case v.Forged():
				forged++
			}
		}
		name := safetext.URL(voter.Name).String()
		if silent > 0 {
			a.print(fmt.Sprintf("%s  %s gave no answer that counts for %d of %d paths: %s", paint(s, explain.Unsure, "no vote"), name, silent, len(c.Items), safetext.Text(why)))
		}
		if forged > 0 {
			a.print(fmt.Sprintf("%s  %s has signatures under a known name that its key did not make, for %d of %d paths", paint(s, explain.Bad, "bad signature"), name, forged, len(c.Items)))
		}
	}
}

func (a *app) printChallengeSum(s explain.Style, c *challenged) {
	counts := c.Counts()
	roles := map[challenge.Verdict]explain.Role{challenge.Match: explain.Good, challenge.Mismatch: explain.Bad}
	role, ok := roles[c.Outcome()]
	if !ok {
		role = explain.Unsure
	}
	a.print(paint(s, role, fmt.Sprintf("%s: %d match, %d mismatch, %d inconclusive, %d absent; %d of %s have to agree",
		count(len(c.Items), "path", "paths"), counts[challenge.Match], counts[challenge.Mismatch], counts[challenge.Inconclusive], counts[challenge.Absent],
		c.Require, count(len(c.Voters), "voter", "voters"))))
}

// printMismatch shows who says what, a side at a time.
func (a *app) printMismatch(s explain.Style, c *challenged, at int) {
	item := c.Items[at]
	a.print(paint(s, explain.Danger, "MISMATCH")+"  "+paint(s, explain.Strong, string(item.Path)), "  "+safetext.Text(item.Text).String())
	said := map[int]bool{}
	for i, side := range item.Sides {
		word := fmt.Sprintf("side %d, ", i+1)
		a.print("  " + paint(s, explain.Strong, word+count(side.Distinct, "distinct voter", "distinct voters")))
		a.printVotes(s, c, item, side.Votes)
		for _, v := range side.Votes {
			said[v] = true
		}
		if i > 0 {
			a.printOtherReferences(item.Votes[item.Sides[0].Votes[0]], item.Votes[side.Votes[0]])
		}
	}
	var rest []int
	for i := range item.Votes {
		if !said[i] {
			rest = append(rest, i)
		}
	}
	if len(rest) > 0 {
		a.print("  " + paint(s, explain.Faint, "the others"))
		a.printVotes(s, c, item, rest)
	}
	for _, d := range c.diffs[at] {
		a.printFileDiffs(s, d)
	}
	if c.flags.keep == "" {
		a.print("  to unpack both sides for diffoscope: "+paint(s, explain.Command, safetext.Text(c.again(item)).String()), "")
	}
}

func everyVote(item challenge.Item) []int {
	all := make([]int, len(item.Votes))
	for i := range all {
		all[i] = i
	}
	return all
}

// widestVoter bounds the column of names.
const widestVoter = 48

// printVotes lists votes, hash under hash.
func (a *app) printVotes(s explain.Style, c *challenged, item challenge.Item, votes []int) {
	width := 0
	for _, v := range c.Voters {
		width = max(width, min(safetext.URL(v.Name).Width(), widestVoter))
	}
	for _, i := range votes {
		v := item.Votes[i]
		name := safetext.URL(c.Voters[i].Name)
		line := "    " + name.String() + strings.Repeat(" ", max(0, width-name.Width())) + "  "
		text := safetext.Text(v.Text).String()
		if v.Answer != challenge.Said {
			a.print(line + paint(s, explain.Faint, v.Answer.String()) + "  " + text)
			continue
		}
		hash := "unknown hash"
		if !v.NAR.IsZero() {
			hash = fmt.Sprintf("%s  %s", v.NAR, count(int(v.Size), "byte", "bytes"))
		}
		role := explain.Plain
		if v.Forged() {
			role = explain.Bad
		}
		a.print(line+hash, "    "+strings.Repeat(" ", width)+"  "+paint(s, role, text))
		if v.Kept != "" {
			a.print("    " + strings.Repeat(" ", width) + "  it is kept as " + safetext.Line(v.Kept.In(storeDir())).String())
		}
	}
}

// printOtherReferences lists what one side refers to and the first does not.
func (a *app) printOtherReferences(first, v challenge.Vote) {
	if !first.RefsKnown || !v.RefsKnown {
		return
	}
	join := func(v challenge.Vote) string {
		words := make([]string, len(v.Refs))
		for i, p := range v.Refs {
			words[i] = string(p)
		}
		return strings.Join(words, " ")
	}
	lines := append(missing(join(v), join(first), "    refers to, and side 1 does not  "), missing(join(first), join(v), "    side 1 refers to, and this does not  ")...)
	for i, line := range lines {
		if i == mostReferences {
			a.print(fmt.Sprintf("    and %d more references; --json has all", len(lines)-i))
			return
		}
		a.print(line)
	}
}

// mostFilesShown is how many files of one comparison are shown.
const mostFilesShown = 20

func (a *app) printFileDiffs(s explain.Style, d compared) {
	if d.err != nil {
		a.print("  " + paint(s, explain.Unsure, "files not compared: ") + safetext.Text(d.err.Error()).String())
		return
	}
	a.print("  " + paint(s, explain.Strong, "files") + "  from " + safetext.URL(d.a).String() + " to " + safetext.URL(d.b).String())
	for _, f := range d.diff.Files[:min(len(d.diff.Files), mostFilesShown)] {
		name := safetext.Line(f.Path).String()
		if f.Path == "" {
			name = "(the path itself)"
		}
		a.print(fmt.Sprintf("    %-21s %s%s", f.What, name, fileDiffDetail(f)))
	}
	if hidden := max(0, len(d.diff.Files)-mostFilesShown); hidden > 0 {
		a.print(fmt.Sprintf("    and %d more; --json lists %d of all", hidden+d.diff.More, len(d.diff.Files)))
	} else if d.diff.More > 0 {
		a.print(fmt.Sprintf("    and %d more", d.diff.More))
	}
	if len(d.diff.Files) == 0 {
		a.print("    the files are the same; only what is said of them differs")
	}
}

// fileDiffDetail says in which way a file differs.
func fileDiffDetail(f challenge.FileDiff) string {
	var parts []string
	if f.What&challenge.Kind != 0 {
		parts = append(parts, entryWord(f.A)+", then "+entryWord(f.B))
	}
	if f.What&challenge.Executable != 0 {
		parts = append(parts, map[bool]string{true: "no longer executable", false: "now executable"}[f.A.Executable])
	}
	if f.What&challenge.Target != 0 {
		parts = append(parts, safetext.Line(f.A.Target).String()+", then "+safetext.Line(f.B.Target).String())
	}
	if f.What&challenge.Contents != 0 {
		sizes := fmt.Sprintf("%d bytes", f.A.Size)
		if f.A.Size != f.B.Size {
			sizes = fmt.Sprintf("%d bytes, then %d", f.A.Size, f.B.Size)
		}
		parts = append(parts, fmt.Sprintf("%s; from byte %d on", sizes, f.Offset))
	}
	if f.Within > 0 {
		parts = append(parts, "a folder with "+count(f.Within, "entry", "entries"))
	}
	if len(parts) == 0 {
		return ""
	}
	return "  (" + strings.Join(parts, "; ") + ")"
}

func entryWord(e bincache.Entry) string {
	switch e.Type {
	case bincache.Directory:
		return "a folder"
	case bincache.Symlink:
		return "a link"
	}
	return "a file"
}

func (a *app) printKept(c *challenged) {
	switch k := c.kept; {
	case k == nil:
	case k.err != nil:
		a.warn("%s", k.err)
	default:
		a.print("  a is what "+safetext.URL(k.a).String()+" has, b what "+safetext.URL(k.b).String()+" has:", "  "+safetext.Verbatim(k.command)[0].String(), "")
	}
}
