package challenge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
)

// judge settles one path. It fills in the item's verdict, sentence and sides.
func judge(item *Item, voters []Voter, require int) {
	item.Sides = sides(item.Votes)
	switch {
	case len(item.Sides) > 1:
		item.Verdict, item.Text = Mismatch, describe(item)
	case len(item.Sides) == 0:
		item.Verdict, item.Text = nobody(item.Votes)
	case slices.ContainsFunc(item.Votes, func(v Vote) bool { return v.Answer == Said && v.Split }):
		item.Verdict = Inconclusive
		item.Text = fmt.Sprintf("%s of %d say the same, but logs behind one of them say otherwise", voices(item.Sides[0].Distinct), len(voters))
	case item.Sides[0].Distinct >= require:
		item.Verdict = Match
		item.Text = fmt.Sprintf("%s of %d say the same, and nobody says otherwise%s", voices(item.Sides[0].Distinct), len(voters), misfits(item))
	default:
		item.Verdict, item.Text = Inconclusive, tooFew(item, voters, require)
	}
}

// sides sorts the votes by what they say.
func sides(votes []Vote) (sides []Side) {
	for i, v := range votes {
		if v.Answer != Said {
			continue
		}
		at := slices.IndexFunc(sides, func(s Side) bool {
			return !slices.ContainsFunc(s.Votes, func(j int) bool { return !votes[j].same(v) })
		})
		if at < 0 {
			sides, at = append(sides, Side{}), len(sides)
		}
		sides[at].Votes = append(sides[at].Votes, i)
	}
	for i := range sides {
		sides[i].Distinct = distinct(votes, sides[i].Votes)
	}
	slices.SortStableFunc(sides, func(a, b Side) int {
		return cmp.Or(cmp.Compare(b.Distinct, a.Distinct), cmp.Compare(len(b.Votes), len(a.Votes)))
	})
	return sides
}

// distinct counts how many of some votes, which say the same, are distinct
// voters: no two that are counted have a mark in common. The marks of a vote
// are where it comes from: the keys that signed it, the signatures themselves
// (also of unknown keys), and the cache that it is of. So two caches that serve
// one key's signature are one voter, and a copy in the local store that a cache
// signed is that cache's voice. Those with the fewest marks count first: a cache
// that gathers the signatures of others takes nobody's voice.
//
// A vote with a forged signature does not count. One of a copy that came from
// nobody knows where, or of a pin, may be any of the others', and counts only
// alone.
func distinct(votes []Vote, of []int) int {
	of = slices.DeleteFunc(slices.Clone(of), func(i int) bool { return votes[i].Forged() })
	slices.SortStableFunc(of, func(i, j int) int { return cmp.Compare(len(votes[i].marks), len(votes[j].marks)) })
	taken := map[string]bool{}
	count := 0
	for _, i := range of {
		v := votes[i]
		if v.nowhere || slices.ContainsFunc(v.marks, func(m string) bool { return taken[m] }) {
			continue
		}
		for _, m := range v.marks {
			taken[m] = true
		}
		count++
	}
	if count == 0 && len(of) > 0 {
		return 1
	}
	return count
}

// describe says in which fields the sides differ.
func describe(item *Item) string {
	var fields []string
	first := item.Votes[item.Sides[0].Votes[0]]
	differs := func(f func(Vote) bool) bool {
		return slices.ContainsFunc(item.Sides[1:], func(s Side) bool { return f(item.Votes[s.Votes[0]]) })
	}
	if differs(func(v Vote) bool { return v.NAR != first.NAR }) {
		fields = append(fields, "hash")
	}
	if differs(func(v Vote) bool { return v.Size != first.Size }) {
		fields = append(fields, "size")
	}
	if differs(func(v Vote) bool { return v.RefsKnown && first.RefsKnown && !sameRefs(v.Refs, first.Refs) }) {
		fields = append(fields, "references")
	}
	signed := 0
	for _, s := range item.Sides {
		if slices.ContainsFunc(s.Votes, func(i int) bool { return len(item.Votes[i].By) > 0 }) {
			signed++
		}
	}
	text := fmt.Sprintf("the voters say %d different things; %s differ%s", len(item.Sides), strings.Join(fields, ", "), map[bool]string{true: "s"}[len(fields) == 1 && fields[0] != "references"])
	if signed > 1 {
		text += ", and more than one of them is signed by a key that is listed"
	}
	return text
}

// nobody is the verdict when no voter says anything.
func nobody(votes []Vote) (Verdict, string) {
	missing, lost := 0, 0
	for _, v := range votes {
		switch v.Answer {
		case Missing:
			missing++
		case Abstains:
		default:
			lost++
		}
	}
	if missing > 0 && lost == 0 {
		return Absent, "no voter has it"
	}
	return Inconclusive, fmt.Sprintf("no voter says what it is: %d do not have it, and %d gave no answer that counts", missing, lost)
}

// tooFew says why votes that agree are not enough.
func tooFew(item *Item, voters []Voter, require int) string {
	side := item.Sides[0]
	said := make([]string, len(side.Votes))
	var keys []string
	for k, i := range side.Votes {
		said[k] = voters[i].Name
		keys = append(keys, item.Votes[i].By...)
	}
	var text string
	switch {
	case len(said) == 1:
		text = "only " + said[0] + " says what it is"
	case side.Distinct == 1:
		text = strings.Join(said, ", ") + " say the same, and count as one voter"
		slices.Sort(keys)
		if keys = slices.Compact(keys); len(keys) > 0 {
			text += ", as they rest on the key " + strings.Join(keys, ", ")
		}
	default:
		text = fmt.Sprintf("%s of %d say the same", voices(side.Distinct), len(voters))
	}
	return fmt.Sprintf("%s%s; %d have to agree", text, misfits(item), require)
}

// misfits tells of votes that do not count for their signatures, or is "".
func misfits(item *Item) string {
	forged := 0
	for _, v := range item.Votes {
		if v.Forged() {
			forged++
		}
	}
	if forged == 0 {
		return ""
	}
	return fmt.Sprintf("; %d with a signature that does not fit", forged)
}

func voices(n int) string {
	if n == 1 {
		return "1 distinct voter"
	}
	return fmt.Sprintf("%d distinct voters", n)
}

func sameRefs(a, b []lock.StorePath) bool { return slices.Equal(a, b) }
