package trust

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A DiffLine is one line of a unified diff, safe to show.
type DiffLine struct {
	Op   byte // ' ' unchanged, '-' before, '+' after, '@' where, 'f' a file's name
	Text safetext.S
}

// String is the line as a terminal shows it.
func (l DiffLine) String() string {
	switch l.Op {
	case ' ', '-', '+':
		return string(l.Op) + l.Text.String()
	}
	return l.Text.String()
}

// diffContext is how many unchanged lines stand around a change.
const diffContext = 3

// Diff is the change as a unified diff, empty where nothing differs. Answers are
// laid out one a line, because the file itself is one line; secrets in them are
// covered, and a secret that changed is still shown as changed.
func (c FileChange) Diff() []DiffLine {
	before, after := c.layOut(c.Before), c.layOut(c.After)
	if c.Before.Equal(c.After) {
		return nil
	}
	name := func(mark string, s FileState) DiffLine {
		if !s.Exists {
			return DiffLine{'f', safetext.Line(mark + " no file")}
		}
		return DiffLine{'f', safetext.Line(mark + " " + c.Path)}
	}
	out := []DiffLine{name("---", c.Before), name("+++", c.After)}
	for _, h := range hunks(diffLines(before, after)) {
		out = append(out, DiffLine{'@', safetext.Line(fmt.Sprintf("@@ -%s +%s @@", span(h[0].i, h, '+'), span(h[0].j, h, '-')))})
		for _, e := range h {
			out = append(out, DiffLine{e.op, e.line.shown()})
		}
	}
	return out
}

// span writes where a hunk is in one of the two files. Lines only the other one
// has do not count.
func span(first int, h []diffEdit, other byte) string {
	n := 0
	for _, e := range h {
		if e.op != other {
			n++
		}
	}
	if n == 0 {
		return fmt.Sprintf("%d,0", first)
	}
	return fmt.Sprintf("%d,%d", first+1, n)
}

// diffLine is one line: what is compared, and the setting whose secrets it may have.
type diffLine struct {
	text    string
	setting string
	value   string
}

func (l diffLine) shown() safetext.S {
	if l.setting != "" {
		return safetext.Line(l.text + l.setting + " = " + safetext.RedactValue(l.setting, l.value))
	}
	return safetext.Text(l.text)
}

// layOut splits a content into lines.
func (c FileChange) layOut(s FileState) []diffLine {
	if !s.Exists {
		return nil
	}
	if c.Form == FormAnswers {
		if a, err := (AnswersSource{State: s}).Answers(); err == nil {
			var out []diffLine
			for _, l := range a.lines() {
				switch {
				case l.none:
					out = append(out, diffLine{text: "     " + l.name})
				case l.yes:
					out = append(out, diffLine{"yes  ", l.name, l.value})
				default:
					out = append(out, diffLine{"no   ", l.name, l.value})
				}
			}
			return out
		}
	}
	text := strings.TrimSuffix(string(s.Data), "\n")
	if text == "" && len(s.Data) == 0 {
		return nil
	}
	var out []diffLine
	for line := range strings.SplitSeq(text, "\n") {
		out = append(out, diffLine{text: line})
	}
	if len(s.Data) > 0 && s.Data[len(s.Data)-1] != '\n' {
		// A last line that is not ended is another line than one that is.
		out = append(out, diffLine{text: `\ no newline at the end`})
	}
	return out
}

// diffEdit is one line of the comparison; i and j are how many lines of the two
// files come before it.
type diffEdit struct {
	op   byte
	line diffLine
	i, j int
}

// mostEdits bounds the search for the shortest diff, whose cost grows with the
// square of what differs. What differs more is shown as all taken out and all
// put in.
const mostEdits = 1000

// diffLines compares two files line by line, by the greedy algorithm of Myers,
// "An O(ND) Difference Algorithm and Its Variations", 1986.
func diffLines(a, b []diffLine) []diffEdit {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out []diffEdit
	for i := range head {
		out = append(out, diffEdit{' ', a[i], i, i})
	}
	for _, e := range shortest(a[head:len(a)-tail], b[head:len(b)-tail]) {
		e.i, e.j = e.i+head, e.j+head
		out = append(out, e)
	}
	for k := range tail {
		i, j := len(a)-tail+k, len(b)-tail+k
		out = append(out, diffEdit{' ', a[i], i, j})
	}
	return out
}

// shortest is the comparison of what is between two equal ends.
func shortest(a, b []diffLine) []diffEdit {
	n, m := len(a), len(b)
	var trace [][]int // for each number of edits, how far each diagonal came
	far := map[int]int{1: 0}
search:
	for d := 0; d <= n+m; d++ {
		if d > mostEdits {
			return replaced(a, b)
		}
		row := make([]int, 2*d+1)
		for k := -d; k <= d; k += 2 {
			x := far[k-1] + 1
			if k == -d || k != d && far[k-1] < far[k+1] {
				x = far[k+1]
			}
			for x < n && x-k < m && a[x] == b[x-k] {
				x++
			}
			far[k], row[k+d] = x, x
			if x >= n && x-k >= m {
				trace = append(trace, row)
				break search
			}
		}
		trace = append(trace, row)
	}
	var out []diffEdit
	x, y := n, m
	for d := len(trace) - 1; d > 0; d-- {
		at := func(k int) int {
			if k < -(d-1) || k > d-1 {
				return -1
			}
			return trace[d-1][k+d-1]
		}
		k := x - y
		before := k - 1
		if k == -d || k != d && at(k-1) < at(k+1) {
			before = k + 1
		}
		px := at(before)
		py := px - before
		for x > px && y > py {
			x, y = x-1, y-1
			out = append(out, diffEdit{' ', a[x], x, y})
		}
		if before == k+1 {
			y--
			out = append(out, diffEdit{'+', b[y], x, y})
		} else {
			x--
			out = append(out, diffEdit{'-', a[x], x, y})
		}
	}
	for x > 0 && y > 0 {
		x, y = x-1, y-1
		out = append(out, diffEdit{' ', a[x], x, y})
	}
	slices.Reverse(out)
	return out
}

func replaced(a, b []diffLine) []diffEdit {
	var out []diffEdit
	for i := range a {
		out = append(out, diffEdit{'-', a[i], i, 0})
	}
	for j := range b {
		out = append(out, diffEdit{'+', b[j], len(a), j})
	}
	return out
}

// hunks cuts a comparison into the changes with what stands around them.
func hunks(edits []diffEdit) [][]diffEdit {
	var out [][]diffEdit
	for i := 0; i < len(edits); {
		if edits[i].op == ' ' {
			i++
			continue
		}
		start, end := max(0, i-diffContext), i
		for quiet := 0; end < len(edits) && quiet <= 2*diffContext; end++ {
			if edits[end].op == ' ' {
				quiet++
			} else {
				quiet = 0
			}
		}
		last := end
		for last > i && edits[last-1].op == ' ' {
			last--
		}
		last = min(len(edits), last+diffContext)
		out = append(out, edits[start:last])
		i = last
	}
	return out
}
