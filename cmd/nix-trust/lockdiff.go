package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func (a *app) lockDiffCommand() *cobra.Command {
	all := false
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what changed between two locks, the gravest first",
		Long: `diff compares two locks by what they mean. That the same store path stands for
other bytes than before is said first and loudest: no update of a flake does
that.

Paths that are only new or gone are counted; --paths lists them.

Exit code: 0 no difference; 1 differences; 3 a file could not be read, or is no
lock; 4 a store path stands for something else than it did.`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return a.lockDiff(args[0], args[1], all) },
	}
	c.Flags().BoolVar(&all, "paths", false, "list every path that is new or gone, too")
	return c
}

type lockDiffJSON struct {
	Version int            `json:"version"`
	Old     jsonLockFile   `json:"old"`
	New     jsonLockFile   `json:"new"`
	Alarm   bool           `json:"alarm"`
	Counts  map[string]int `json:"counts"` // of the classes that there are changes of
	Changes []jsonChange   `json:"changes"`
}

type jsonLockFile struct {
	Path   string `json:"path"`
	Digest string `json:"digest"`
}

type jsonChange struct {
	Class   string   `json:"class"`
	System  string   `json:"system"`
	Subject string   `json:"subject"`
	Old     string   `json:"old"`
	New     string   `json:"new"`
	OldPin  *jsonPin `json:"oldPin"`
	NewPin  *jsonPin `json:"newPin"`
}

type jsonPin struct {
	NAR  string   `json:"nar"`
	Size int64    `json:"size"`
	Refs []string `json:"refs"`
	CA   string   `json:"ca"`
	By   []string `json:"by"`
}

func pinJSON(p lock.Pin) *jsonPin {
	if p.NAR.IsZero() {
		return nil
	}
	return &jsonPin{p.NAR.String(), p.Size, list(p.Refs, func(r lock.StorePath) string { return string(r) }), p.CA, list(p.By, same)}
}

func (a *app) lockDiff(from, to string, all bool) error {
	var locks [2]*lock.Lock
	var files [2]jsonLockFile
	for i, path := range []string{from, to} {
		text, err := readLockText(path)
		if err != nil {
			return err
		}
		l, err := lock.Parse(path, text)
		if err != nil {
			return lockProblem(err)
		}
		digest, err := l.Digest()
		if err != nil {
			return lockProblem(err)
		}
		locks[i], files[i] = l, jsonLockFile{path, digest}
	}
	d := lock.Compare(locks[0], locks[1])
	if a.json {
		out := lockDiffJSON{Version: 1, Old: files[0], New: files[1], Alarm: d.Alarm(), Counts: map[string]int{}}
		out.Changes = list(d, func(c lock.Change) jsonChange {
			out.Counts[string(c.Class)]++
			return jsonChange{string(c.Class), c.System, c.Subject, c.Old, c.New, pinJSON(c.OldPin), pinJSON(c.NewPin)}
		})
		if err := a.writeJSON(out); err != nil {
			return err
		}
		return silent(diffCode(d))
	}
	a.printDiff(d, all)
	return silent(diffCode(d))
}

func diffCode(d lock.Diff) int {
	switch {
	case d.Alarm():
		return exitBad
	case len(d) > 0:
		return exitFindings
	}
	return exitOK
}

// diffTitle is the heading of a class of changes, and how it is painted.
var diffTitle = map[lock.Class]struct {
	role explain.Role
	text string
}{
	lock.ClassRehashed:      {explain.Danger, "ALARM: the same store path now stands for other bytes"},
	lock.ClassAltered:       {explain.Danger, "ALARM: the same bytes now come with other references, size or content address"},
	lock.ClassKeyReplaced:   {explain.Danger, "another key under the name of one that was there"},
	lock.ClassSourceChanged: {explain.Caution, "the lock belongs to another source tree"},
	lock.ClassCacheAdded:    {explain.Caution, "caches added"},
	lock.ClassKeyAdded:      {explain.Caution, "keys added"},
	lock.ClassCacheRemoved:  {explain.Strong, "caches removed"},
	lock.ClassKeyRemoved:    {explain.Strong, "keys removed"},
	lock.ClassSystemDropped: {explain.Caution, "systems dropped"},
	lock.ClassSystemAdded:   {explain.Strong, "systems added"},
	lock.ClassOutputOlder:   {explain.Caution, "outputs that move to an older version"},
	lock.ClassOutputMoved:   {explain.Strong, "outputs that move to another path"},
	lock.ClassOutputRemoved: {explain.Strong, "outputs removed"},
	lock.ClassOutputAdded:   {explain.Strong, "outputs added"},
	lock.ClassPathAdded:     {explain.Strong, "paths added"},
	lock.ClassPathRemoved:   {explain.Strong, "paths removed"},
	lock.ClassSignedBy:      {explain.Strong, "paths that other keys had signed when they were locked"},
}

func (a *app) printDiff(d lock.Diff, all bool) {
	s := a.style()
	if len(d) == 0 {
		a.print("the two locks pin the same")
		return
	}
	for len(d) > 0 {
		class := d[0].Class
		n := d.Count(class)
		title := diffTitle[class]
		a.print(paint(s, title.role, fmt.Sprintf("%s (%d)", title.text, n)))
		many := class == lock.ClassPathAdded || class == lock.ClassPathRemoved || class == lock.ClassSignedBy
		if !many || all {
			for _, c := range d[:n] {
				a.printChange(s, c)
			}
		}
		if class.Alarm() {
			a.print("  No update of a flake does that: the path was built again with another outcome, or swapped.",
				"  Do not grant the new lock before you know which; `nix-trust challenge` asks every cache.")
		}
		d = d[n:]
	}
}

func (a *app) printChange(s explain.Style, c lock.Change) {
	show := func(text string) string { return safetext.Line(text).String() }
	system := ""
	if c.System != "" && c.System != c.Subject {
		system = paint(s, explain.Faint, "for "+show(c.System)) + "  "
	}
	line := "  " + system + paint(s, explain.Strong, show(c.Subject))
	switch c.Class {
	case lock.ClassRehashed, lock.ClassAltered, lock.ClassSignedBy:
		a.print(line)
		for _, d := range pinChanges(c) {
			a.print("      " + show(d))
		}
		return
	case lock.ClassOutputMoved, lock.ClassOutputOlder, lock.ClassKeyReplaced, lock.ClassSourceChanged:
		a.print(line, "      old  "+orNone(show(c.Old)), "      new  "+orNone(show(c.New)))
		return
	case lock.ClassKeyAdded, lock.ClassOutputAdded:
		line += "  " + show(c.New)
	case lock.ClassKeyRemoved, lock.ClassOutputRemoved:
		line += "  " + show(c.Old)
	}
	a.print(line)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// pinChanges lists what differs between two pins, one part a line.
func pinChanges(c lock.Change) (lines []string) {
	add := func(what, from, to string) {
		if from != to {
			lines = append(lines, fmt.Sprintf("%-4s old  %s", what, orNone(from)), fmt.Sprintf("%-4s new  %s", "", orNone(to)))
		}
	}
	o, n := c.OldPin, c.NewPin
	add("path", c.Old, c.New)
	add("nar", o.NAR.String(), n.NAR.String())
	add("size", fmt.Sprint(o.Size), fmt.Sprint(n.Size))
	add("ca", o.CA, n.CA)
	for _, ref := range o.Refs {
		if !slices.Contains(n.Refs, ref) {
			lines = append(lines, "refs gone "+string(ref))
		}
	}
	for _, ref := range n.Refs {
		if !slices.Contains(o.Refs, ref) {
			lines = append(lines, "refs new  "+string(ref))
		}
	}
	add("by", strings.Join(o.By, " "), strings.Join(n.By, " "))
	return lines
}
