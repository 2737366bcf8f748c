package main

import (
	"fmt"

	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// printStore says what the local store has: all that is wrong, what could not
// be read, and one line about the rest. It says nothing when it was not asked.
func (a *app) printStore(s explain.Style, r *verify.Report) {
	var wrong, unread []verify.Pin
	reasons := map[string]bool{}
	right, absent := 0, 0
	for _, p := range r.Pins {
		an, ok := inStore(p)
		switch {
		case !ok:
			return
		case an.Verdict.Bad():
			wrong = append(wrong, p)
		case an.Verdict.Open():
			unread = append(unread, p)
			reasons[an.Text] = true
		case an.Verdict == verify.Absent:
			absent++
		default:
			right++
		}
	}
	show := func(text string) string { return safetext.Text(text).String() }
	if len(wrong) > 0 {
		a.print(paint(s, explain.Danger, fmt.Sprintf("ALARM: the local store has something else than is pinned (%d)", len(wrong))))
		for _, p := range wrong {
			an, _ := inStore(p)
			a.print("  " + paint(s, explain.Strong, show(string(p.Path))))
			a.printFound(an, show)
		}
		a.print("  Do not use them before you know why: a path was built here with another outcome, came from elsewhere, or was changed.")
	}
	if len(unread) > 0 {
		a.print(paint(s, explain.Unsure, fmt.Sprintf("unknown: the local store could not be read (%d)", len(unread))))
		for i, p := range unread {
			an, _ := inStore(p)
			if len(reasons) == 1 { // most likely there is no nix at all
				a.print("  " + show(an.Text))
				break
			}
			if i == mostListed {
				a.print(fmt.Sprintf("  and %d more; --json lists them", len(unread)-i))
				break
			}
			a.print("  "+paint(s, explain.Strong, show(string(p.Path))), "      "+show(an.Text))
		}
	}
	if len(unread) < len(r.Pins) {
		a.print(fmt.Sprintf("local store: %d as pinned, %d wrong, %d unknown, %d not there", right, len(wrong), len(unread), absent))
	}
}

// inStore is the answer of the local store, when it was asked.
func inStore(p verify.Pin) (verify.Answer, bool) {
	for _, an := range p.Answers {
		if an.Cache == verify.LocalStore {
			return an, true
		}
	}
	return verify.Answer{}, false
}

// silentOnes says who gave no answer that decides.
func silentOnes(r *verify.Report) string {
	for _, p := range r.Pins {
		for _, an := range p.Answers {
			if an.Cache != verify.LocalStore && an.Verdict.Open() {
				return "not every cache answered"
			}
		}
	}
	return "the local store could not be read"
}
