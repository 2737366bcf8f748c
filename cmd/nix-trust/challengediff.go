package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/nix-trust/nix-trust/lock/challenge"
)

// challenged is a report and what was found out about its mismatches.
type challenged struct {
	*challenge.Report
	flags challengeFlags
	diffs map[int][]compared // by item
	kept  *kept              // nil without --keep
	// cachix is what cachix.org says of caches named cachix:NAME.
	cachix []cachixTold
}

// compared are the files of two voters who disagree.
type compared struct {
	a, b string // names of voters; b is "" when only one side has bytes
	diff *challenge.Diff
	err  error
}

// kept are the two sides of a mismatch, unpacked.
type kept struct {
	a, b    string // names of voters
	command string // for diffoscope; "" when there are not two
	err     error
}

// mostFiles is how many files of one comparison are kept; text shows fewer.
const mostFiles = 1000

// compare lists the files that differ, between the side that most agree on and
// each of the others. What was read is checked, so that nobody's files are
// taken for what they are not.
func (c *challenged) compare(ctx context.Context, o challenge.Options) {
	c.diffs = map[int][]compared{}
	for i, item := range c.Items {
		if item.Verdict != challenge.Mismatch {
			continue
		}
		trees := c.trees(o, item)
		for k := 1; k < len(trees); k++ {
			d, err := challenge.Compare(ctx, trees[0], trees[k], mostFiles)
			c.diffs[i] = append(c.diffs[i], compared{trees[0].Voter, trees[k].Voter, d, err})
		}
		if len(trees) < 2 {
			c.diffs[i] = []compared{{err: errFewSides}}
		}
	}
}

var errFewSides = errors.New("no two sides have the bytes: a lock has only their hash")

// trees returns the bytes of each side that has some, the largest side first.
// The local store's are nearest.
func (c *challenged) trees(o challenge.Options, item challenge.Item) (trees []challenge.Tree) {
	for _, side := range item.Sides {
		var found *challenge.Tree
		for _, i := range side.Votes {
			t, ok := c.Tree(o, item, i)
			if ok && (found == nil || c.Voters[i].Kind == challenge.Store) {
				found = &t
			}
		}
		if found != nil {
			trees = append(trees, *found)
		}
	}
	return trees
}

// unpack keeps two sides of the one item, when it is a mismatch.
func (c *challenged) unpack(ctx context.Context, o challenge.Options) {
	c.kept = &kept{}
	item := c.Items[0]
	if item.Verdict != challenge.Mismatch {
		c.kept.err = errors.New("nothing was unpacked, as nobody says something else")
		return
	}
	trees := c.trees(o, item)
	if len(trees) < 2 {
		c.kept.err = errFewSides
		return
	}
	dir := c.flags.keep
	root, err := challenge.OpenEmpty(dir)
	if err != nil {
		c.kept.err = fmt.Errorf("%s: %w", dir, cause(err))
		return
	}
	defer root.Close()
	for i, name := range []string{"a", "b"} {
		if c.kept.err = challenge.Unpack(ctx, trees[i], root, name); c.kept.err != nil {
			return
		}
	}
	c.kept.a, c.kept.b = trees[0].Voter, trees[1].Voter
	c.kept.command = "diffoscope " + shellQuote(filepath.Join(dir, "a")) + " " + shellQuote(filepath.Join(dir, "b"))
}

// again is the command that unpacks an item's sides.
func (c *challenged) again(item challenge.Item) string {
	words := []string{"nix-trust", "challenge", string(item.Path)}
	flag := func(name string, values ...string) {
		for _, v := range values {
			words = append(words, name, shellQuote(v))
		}
	}
	if c.flags.lock != "" {
		flag("--lock", c.flags.lock)
	}
	for _, u := range c.flags.caches {
		flag("--cache", challenge.CacheName(u))
	}
	if c.flags.netrc != "" {
		flag("--netrc", c.flags.netrc)
	}
	if c.flags.noStore {
		words = append(words, "--no-store")
	}
	if c.flags.rebuild {
		words = append(words, "--rebuild")
	}
	return strings.Join(append(words, "--keep", "DIR"), " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,][A-Za-z0-9_./:@%+=,-]*$`)

// shellQuote writes a word so that a shell takes it for what it is. One that
// begins with a dash is a path here, and is written as one.
func shellQuote(word string) string {
	if strings.HasPrefix(word, "-") {
		word = "./" + word
	}
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
