package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// savedAnswers are the user's own saved answers that have the cache or a key of it.
func (n *narrowing) savedAnswers() []trust.AnswerReport {
	var out []trust.AnswerReport
	for _, v := range n.report.Answers {
		if v.File == n.report.AnswerFiles[0].Path && slices.ContainsFunc(v.Items, n.cache.Gone) {
			out = append(out, v)
		}
	}
	return out
}

// forgetAnswers forgets the user's saved answers that have the cache, or says
// how that is done.
func (n *narrowing) forgetAnswers(ctx context.Context) error {
	saved := n.savedAnswers()
	if len(saved) == 0 {
		return nil
	}
	forget := n.f.forget
	if !forget && n.terminal && !n.json && !n.f.yes && !n.f.dryRun {
		forget = n.asksYes(ctx, fmt.Sprintf("forget %s that have it, too?", count(len(saved), "saved answer", "saved answers")))
	}
	if !forget {
		for _, item := range slices.Concat([]string{n.cache.URL}, n.cache.Going()) {
			if slices.ContainsFunc(saved, func(v trust.AnswerReport) bool {
				return v.Yes && slices.ContainsFunc(v.Items, func(it string) bool { return trust.SameItem(it, item) })
			}) {
				n.plan.Commands = append(n.plan.Commands, trust.Fix{Title: "Forget the saved yes to " + item, Detail: "Nix then asks again.", Command: "nix-trust answers forget " + shellQuote(item)})
			}
		}
		return nil
	}
	p, err := n.planFor(n.report, n.report.AnswerFiles[0].Path, func(now trust.Answers) []trust.AnswerEdit {
		var edits []trust.AnswerEdit
		for _, item := range slices.Concat([]string{n.cache.URL}, n.cache.Going()) {
			for _, e := range now.ForgetItem(item) {
				if !slices.Contains(edits, e) {
					edits = append(edits, e)
				}
			}
		}
		return edits
	})
	if err != nil {
		return err
	}
	n.take(p)
	return nil
}

// asksYes asks the person at the terminal. No answer is a no.
func (n *narrowing) asksYes(ctx context.Context, question string) bool {
	fmt.Fprintf(n.err, "nix-trust: %s [y/N] ", safetext.Text(question))
	line, ok := n.reply(ctx, bufio.NewReader(io.LimitReader(n.in, 4096)))
	word := strings.ToLower(strings.TrimSpace(line))
	return ok && (word == "y" || word == "yes")
}
