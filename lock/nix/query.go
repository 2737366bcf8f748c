package nix

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed query.nix
var query string

// An ask is a question about a flake's outputs.
type ask struct {
	what     string   // "kind", "self", or "range"
	path     []string // of attribute names, with the system
	from, to int      // for a range: of the attributes at path, in Nix's order
}

// count is how many answers there are.
func (a ask) count() int {
	if a.what == "range" {
		return a.to - a.from
	}
	return 1
}

// An answer is one thing in a flake's outputs.
type answer struct {
	Kind   string   `json:"kind"`   // "absent", "derivation", "attributes", "failed", or another type of Nix
	Names  []string `json:"names"`  // for "kind" and attributes
	Drv    string   `json:"drv"`    // for "self", "range": the whole path
	Output string   `json:"output"` // the name of the output that stands for the derivation
	err    error    // an *Error: it could not be evaluated
}

// An evaluation asks one flake.
type evaluation struct {
	nix   *Nix
	src   *Source
	args  []string // more flags
	env   []string
	calls int // so far
}

const (
	// maxCalls bounds how often nix is started for one flake: a flake full of
	// broken packages ends in words, not after hours.
	maxCalls   = 400
	cannotEval = "the flake could not be evaluated"
)

// ask returns the answers to each ask, in order. What fails is asked again in
// halves until it is alone, so that one broken attribute is one broken answer;
// its err is nix's own message. Only the context's error is returned.
func (e *evaluation) ask(ctx context.Context, asks []ask) ([][]answer, error) {
	total := 0
	for _, a := range asks {
		total += a.count()
	}
	if total == 0 {
		return make([][]answer, len(asks)), nil
	}
	got, err := e.call(ctx, asks, total > 1)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	switch {
	case err == nil:
		return got, e.reasons(ctx, asks, got)
	case total == 1:
		got = make([][]answer, len(asks))
		for i, a := range asks {
			if a.count() == 1 {
				got[i] = []answer{{err: err}}
			}
		}
		return got, nil
	}
	left, right := halves(asks, total/2)
	first, err := e.ask(ctx, left)
	if err != nil {
		return nil, err
	}
	second, err := e.ask(ctx, right)
	if err != nil {
		return nil, err
	}
	for i := range first {
		first[i] = append(first[i], second[i]...)
	}
	return first, nil
}

// halves splits questions behind the n-th answer. Both have every question,
// with fewer answers.
func halves(asks []ask, n int) (left, right []ask) {
	for _, a := range asks {
		l, r := a, a
		if a.what != "range" {
			// One that is asked in the other half is an empty range in this.
			none := ask{what: "range", path: a.path}
			if n > 0 {
				r = none
			} else {
				l = none
			}
		} else {
			mid := a.from + min(n, a.count())
			l.to, r.from = mid, mid
		}
		n -= l.count()
		left, right = append(left, l), append(right, r)
	}
	return left, right
}

// reasons asks once more, alone, for what failed in company.
func (e *evaluation) reasons(ctx context.Context, asks []ask, got [][]answer) error {
	for i, a := range asks {
		for j := range got[i] {
			if got[i][j].Kind != "failed" || got[i][j].err != nil {
				continue
			}
			one := a
			if a.what == "range" {
				one.from, one.to = a.from+j, a.from+j+1
			}
			again, err := e.ask(ctx, []ask{one})
			if err != nil {
				return err
			}
			got[i][j] = again[0][0]
		}
	}
	return nil
}

// call runs nix once.
func (e *evaluation) call(ctx context.Context, asks []ask, careful bool) ([][]answer, error) {
	if e.calls++; e.calls > maxCalls {
		return nil, &Error{Text: cannotEval + ": too much of it is broken", Hint: "name the attributes that are wanted"}
	}
	fn := fmt.Sprintf("(%s) { careful = %t; asks = [ %s ]; }", query, careful, nixAsks(asks))
	args := append([]string{"eval", "--json"}, e.args...)
	if e.src.dirty != "" {
		args = append(args, "--no-update-lock-file", e.src.dirty+"#.", "--apply", "outputs: { narHash = null; answers = "+fn+" outputs; }")
	} else {
		expr := fmt.Sprintf("let flake = builtins.getFlake %s; in { inherit (flake.sourceInfo) narHash; answers = %s flake.outputs; }",
			nixString(e.src.locked(e.nix.storeDir())), fn)
		args = append(args, "--expr", expr)
	}
	out, err := e.nix.run(ctx, cannotEval, e.env, args...)
	if said, ok := err.(*Error); ok {
		// Files of the flake are called as its author calls them.
		said.Said = strings.ReplaceAll(said.Said, e.src.Path.In(e.nix.storeDir())+"/", "")
		e.hint(said)
	}
	if err != nil {
		return nil, err
	}
	var got struct {
		NarHash *string
		Answers [][]answer
	}
	if err := json.Unmarshal(out, &got); err != nil {
		return nil, &Error{Text: cannotEval + ": what nix printed is not understood: " + err.Error()}
	}
	if e.src.dirty == "" && (got.NarHash == nil || *got.NarHash != e.src.NarHash.String()) {
		return nil, &Error{Text: cannotEval + ": nix evaluated another tree than the one it named before"}
	}
	if len(got.Answers) != len(asks) {
		return nil, &Error{Text: fmt.Sprintf("%s: nix gave %d answers to %d questions", cannotEval, len(got.Answers), len(asks))}
	}
	for i, a := range asks {
		if len(got.Answers[i]) != a.count() {
			return nil, &Error{Text: fmt.Sprintf("%s: nix gave %d answers about %d attributes", cannotEval, len(got.Answers[i]), a.count())}
		}
	}
	return got.Answers, nil
}

func nixAsks(asks []ask) string {
	var b strings.Builder
	for _, a := range asks {
		fmt.Fprintf(&b, "{ what = %s; from = %d; to = %d; path = [", nixString(a.what), a.from, a.to)
		for _, name := range a.path {
			b.WriteString(" " + nixString(name))
		}
		b.WriteString(" ]; } ")
	}
	return b.String()
}

// nixString writes a string of the Nix language.
func nixString(s string) string {
	return `"` + nixEscapes.Replace(s) + `"`
}

var nixEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

// hint adds what to do where an old Nix cannot be asked.
func (e *evaluation) hint(err *Error) {
	switch {
	case noFolder(err):
		err.Hint = "commit what has changed, or use Nix 2.26 or newer: before, it cannot evaluate a folder of a tree that is no commit"
	case e.src.dirty != "" && strings.Contains(err.Said, "does not provide attribute"):
		err.Hint = "commit what has changed, or use Nix 2.19 or newer: before, it cannot name all outputs of a tree with changes"
	}
}

// noFolder reports whether nix could not evaluate a flake in a folder of a tree
// of the store. Nix: src/libfetchers/path.cc; since 2.26 it can.
func noFolder(err error) bool {
	e, ok := err.(*Error)
	return ok && strings.Contains(e.Said, "unsupported parameter 'dir'")
}
