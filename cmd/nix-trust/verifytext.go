package main

import (
	"fmt"
	"strings"

	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// verifyTitle is the heading over each verdict that is not fine, the gravest
// first, and how it is painted.
var verifyTitle = []struct {
	verdict verify.Verdict
	role    explain.Role
	text    string
	advice  string
}{
	{verify.Mismatch, explain.Danger, "ALARM: a cache has something else than is pinned", "Do not use this cache for them before you know why: the path was built again with another outcome, or swapped."},
	{verify.WrongKey, explain.Danger, "wrong key: the name is listed, the bytes of the key are another's", "Either the cache has a new key, which its owner can tell you, or somebody else signs under its name."},
	{verify.BadSignature, explain.Danger, "bad signature: a listed name, and the listed key does not fit", "Compare the key in the lock with the one that the cache's owner publishes."},
	{verify.Unknown, explain.Unsure, "unknown: the cache's answer decides nothing", ""},
	{verify.Unreachable, explain.Unsure, "unreachable", ""},
	{verify.Misbehaved, explain.Unsure, "misbehaved: an answer that must not be believed", ""},
	{verify.UnknownSigner, explain.Caution, "unknown signer: no key that the lock lists for this cache", "Add the key to the cache in the lock only when its owner says that it is theirs."},
	{verify.Unsigned, explain.Caution, "unsigned", ""},
	{verify.Absent, explain.Caution, "absent", ""},
}

// mostListed is how many paths of a kind are listed without --paths. What is
// bad is always listed whole.
const mostListed = 5

func (a *app) printVerify(scope verify.Scope, r *verify.Report, all bool) {
	s := a.style()
	if len(r.Pins) == 0 {
		whom := ""
		if len(scope.Systems) > 0 {
			whom = " for " + safetext.Line(strings.Join(scope.Systems, ", ")).String()
		}
		a.print("the lock pins no path" + whom + ", so that nothing was verified")
		return
	}
	for _, title := range verifyTitle {
		a.printVerdict(s, r, title.verdict, paint(s, title.role, title.text), title.advice, all)
	}
	a.printStore(s, r)
	counts := r.Counts()
	role := map[verify.Outcome]explain.Role{verify.Fine: explain.Good, verify.Bad: explain.Bad, verify.Unproved: explain.Caution}
	painted, ok := role[r.Outcome()]
	if !ok {
		painted = explain.Unsure
	}
	last := fmt.Sprintf("%d of %s verified for %s", counts[verify.Verified], count(len(r.Pins), "path", "paths"), strings.Join(scope.Systems, ", "))
	switch r.Outcome() {
	case verify.Bad:
		last += "; something is wrong, see above"
	case verify.Undetermined:
		last += "; " + silentOnes(r)
	}
	a.print(paint(s, painted, safetext.Line(last).String()))
}

// printVerdict lists what has one verdict, a cache at a time. An answer that
// another cache makes up for is left out when it is only absence or silence.
func (a *app) printVerdict(s explain.Style, r *verify.Report, v verify.Verdict, title, advice string, all bool) {
	show := func(text string) string { return safetext.Text(text).String() }
	byCache, order := map[string][]int{}, []string{}
	total := 0
	for i, p := range r.Pins {
		for _, an := range p.Answers {
			if an.Cache == verify.LocalStore || an.Verdict != v || p.Verdict == verify.Verified && !v.Bad() && !v.Open() {
				continue
			}
			if byCache[an.Cache] == nil {
				order = append(order, an.Cache)
			}
			byCache[an.Cache] = append(byCache[an.Cache], i)
			total++
		}
	}
	if total == 0 {
		return
	}
	a.print(fmt.Sprintf("%s (%d)", title, total))
	for _, url := range order {
		for k, i := range byCache[url] {
			if k == mostListed && !all && !v.Bad() {
				a.print(fmt.Sprintf("  and %d more at %s; --paths lists them", len(byCache[url])-k, show(url)))
				break
			}
			p := r.Pins[i]
			a.print("  " + paint(s, explain.Strong, show(string(p.Path))) + "  " + paint(s, explain.Faint, show(url)))
			for _, an := range p.Answers {
				if an.Cache == url {
					a.printFound(an, show)
				}
			}
		}
	}
	if advice != "" {
		a.print("  " + advice)
	}
}

func (a *app) printFound(an verify.Answer, show func(string) string) {
	for _, d := range an.Differences {
		if d.Field != "references" {
			a.print("      "+show(d.Field)+" pinned  "+show(d.Pinned), "      "+strings.Repeat(" ", len(d.Field))+" got     "+show(d.Got))
			continue
		}
		a.printReferences(d, show)
	}
	a.print("      " + show(an.Text))
}

// mostReferences is how many references of one answer are listed.
const mostReferences = 10

// printReferences lists only what is more or less than is pinned.
func (a *app) printReferences(d verify.Difference, show func(string) string) {
	lines := append(missing(d.Got, d.Pinned, "      references got, not pinned  "), missing(d.Pinned, d.Got, "      references pinned, not got  ")...)
	for i, line := range lines {
		if i == mostReferences {
			a.print(fmt.Sprintf("      and %d more references; --json has all", len(lines)-i))
			return
		}
		a.print(show(line))
	}
}

// missing lists the words of one list that another does not have.
func missing(in, from, title string) (lines []string) {
	has := map[string]bool{"none": true} // the word for an empty list
	for w := range strings.FieldsSeq(from) {
		has[w] = true
	}
	for w := range strings.FieldsSeq(in) {
		if !has[w] {
			lines = append(lines, title+w)
		}
	}
	return lines
}
