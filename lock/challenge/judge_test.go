package challenge

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

const somePath lock.StorePath = "a0000000000000000000000000000000-hello"

// says is a vote for what a digit stands for, with marks.
func says(what byte, marks ...string) Vote {
	v := Vote{Answer: Said, NAR: lock.Hash{what}, Size: 100, RefsKnown: true, marks: marks}
	for _, m := range marks {
		if key, ok := strings.CutPrefix(m, "key "); ok {
			v.Signed, v.By = bincache.Verified, append(v.By, key)
		}
	}
	return v
}

func forged(v Vote) Vote {
	v.Signed, v.By = bincache.BadSignature, nil
	return v
}

func nowhere(what byte) Vote {
	v := says(what)
	v.nowhere = true
	return v
}

func sized(v Vote, size int64) Vote {
	v.Size = size
	return v
}

func referring(v Vote, refs ...lock.StorePath) Vote {
	v.Refs = refs
	return v
}

func TestVotesMakeVerdicts(t *testing.T) {
	missing, lost, lied, silent, abstains := Vote{Answer: Missing}, Vote{Answer: Unreachable}, Vote{Answer: Misbehaved}, Vote{}, Vote{Answer: Abstains}
	for _, c := range []struct {
		name    string
		votes   []Vote
		require int
		want    Verdict
		agree   int // distinct voters of the largest side
		text    string
	}{
		{"two agree", []Vote{says(1, "a"), says(1, "b")}, 2, Match, 2, "2 distinct voters of 2 say the same"},
		{"two differ", []Vote{says(1, "a"), says(2, "b")}, 2, Mismatch, 1, "2 different things; hash differs"},
		{"three voters, two agree", []Vote{says(1, "a"), says(2, "evil"), says(1, "b")}, 2, Mismatch, 2, "2 different things"},
		{"two agree, the third is away", []Vote{says(1, "a"), lost, says(1, "b")}, 2, Match, 2, "2 distinct voters of 3 say the same"},
		{"who is away does not agree", []Vote{says(1, "a"), lost, says(1, "b")}, 3, Inconclusive, 2, "2 distinct voters of 3 say the same; 3 have to agree"},
		{"two of three is no three of three", []Vote{says(1, "a"), missing, says(1, "b")}, 3, Inconclusive, 2, "3 have to agree"},
		{"three of three", []Vote{says(1, "a"), says(1, "c"), says(1, "b")}, 3, Match, 3, ""},
		{"more than there are", []Vote{says(1, "a"), says(1, "b")}, 9, Inconclusive, 2, "9 have to agree"},
		{"one voter", []Vote{says(1, "a")}, 2, Inconclusive, 1, "only v0 says what it is"},
		{"one voter, and one is enough", []Vote{says(1, "a"), missing}, 1, Match, 1, "1 distinct voter of 2 say"},
		{"one of five", []Vote{missing, lost, lied, silent, says(1, "a")}, 2, Inconclusive, 1, "only v4"},
		{"who misbehaves does not agree", []Vote{says(1, "a"), lied}, 2, Inconclusive, 1, "only v0"},
		{"nobody has it", []Vote{missing, missing, abstains}, 2, Absent, 0, "no voter has it"},
		{"nobody that answers has it", []Vote{missing, lost}, 2, Inconclusive, 0, "1 do not have it, and 1 gave no answer"},
		{"only abstentions", []Vote{abstains}, 2, Inconclusive, 0, "no voter says"},
		{"nobody answers", []Vote{silent, lied}, 1, Inconclusive, 0, "2 gave no answer"},
		{"no votes", nil, 1, Inconclusive, 0, ""},

		{"two caches of one key", []Vote{says(1, "key k", "cache a"), says(1, "key k", "cache b")}, 2, Inconclusive, 1, "v0, v1 say the same, and count as one voter, as they rest on the key k"},
		{"three caches of two keys", []Vote{says(1, "key k", "cache a"), says(1, "key k", "cache b"), says(1, "key l", "cache c")}, 2, Match, 2, ""},
		{"three caches of two keys are not three", []Vote{says(1, "key k", "cache a"), says(1, "key k", "cache b"), says(1, "key l", "cache c")}, 3, Inconclusive, 2, "2 distinct voters of 3"},
		{"the same signature by a key that nobody knows", []Vote{says(1, "signature x:1", "cache a"), says(1, "signature x:1", "cache b")}, 2, Inconclusive, 1, "count as one voter"},
		{"one cache with two keys is one voter", []Vote{says(1, "key k", "key l", "cache a")}, 2, Inconclusive, 1, "only v0"},
		{"who gathers signatures takes no voice away", []Vote{says(1, "key k", "key l", "cache all"), says(1, "key k", "cache a"), says(1, "key l", "cache b")}, 2, Match, 2, ""},
		{"nor adds one", []Vote{says(1, "key k", "key l", "cache all"), says(1, "key k", "cache a"), says(1, "key l", "cache b")}, 3, Inconclusive, 2, ""},
		{"http and https of one cache", []Vote{says(1, "cache a"), says(1, "cache a")}, 2, Inconclusive, 1, ""},

		{"a forged signature does not agree", []Vote{says(1, "a"), forged(says(1, "b"))}, 2, Inconclusive, 1, "1 with a signature that does not fit"},
		{"a forged signature beside two that agree", []Vote{says(1, "a"), forged(says(1, "b")), says(1, "c")}, 2, Match, 2, "nobody says otherwise; 1 with a signature that does not fit"},
		{"a forged signature alone is nobody's", []Vote{forged(says(1, "b"))}, 1, Inconclusive, 0, "does not fit"},
		{"a forged signature objects", []Vote{says(1, "a"), says(1, "b"), forged(says(2, "c"))}, 2, Mismatch, 2, ""},
		{"a copy from nowhere may be the other's", []Vote{says(1, "a"), nowhere(1)}, 2, Inconclusive, 1, "count as one voter"},
		{"a copy from nowhere is one alone", []Vote{nowhere(1)}, 1, Match, 1, ""},
		{"a copy from nowhere objects", []Vote{says(1, "a"), nowhere(2)}, 2, Mismatch, 1, ""},

		{"the same bytes with other references", []Vote{says(1, "a"), referring(says(1, "b"), somePath)}, 2, Mismatch, 1, "; references differ"},
		{"the same hash with another size", []Vote{says(1, "a"), sized(says(1, "b"), 99)}, 2, Mismatch, 1, "; size differs"},
		{"a rebuild that differs in nobody knows what", []Vote{says(1, "a"), says(1, "b"), {Answer: Said, marks: []string{"rebuild"}}}, 2, Mismatch, 2, ""},
		{"two of which nothing is known", []Vote{{Answer: Said, marks: []string{"a"}}, {Answer: Said, marks: []string{"b"}}}, 2, Mismatch, 1, ""},
		{"two signed lies", []Vote{says(1, "key k"), says(2, "key l")}, 2, Mismatch, 1, "more than one of them is signed by a key that is listed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			item := Item{Path: somePath, Votes: c.votes}
			var voters []Voter
			for i := range c.votes {
				voters = append(voters, Voter{Name: fmt.Sprintf("v%d", i)})
			}
			judge(&item, voters, c.require)
			agree := 0
			if len(item.Sides) > 0 {
				agree = item.Sides[0].Distinct
			}
			if item.Verdict != c.want || agree != c.agree || !strings.Contains(item.Text, c.text) {
				t.Errorf("%v with %d: %q; want %v with %d: %q", item.Verdict, agree, item.Text, c.want, c.agree, c.text)
			}
		})
	}
}

// No order of the votes may change what they come to.
func TestTheOrderOfTheVotersChangesNothing(t *testing.T) {
	votes := []Vote{says(1, "key k", "key l", "cache all"), says(1, "key k", "cache a"), says(1, "key l", "cache b"), says(2, "cache c"), nowhere(1), {Answer: Missing}}
	var permute func(k int)
	permute = func(k int) {
		if k == len(votes) {
			item := Item{Votes: votes}
			judge(&item, make([]Voter, len(votes)), 2)
			if item.Verdict != Mismatch || item.Sides[0].Distinct != 2 || len(item.Sides[0].Votes) != 4 {
				t.Fatalf("%v %+v", item.Verdict, item.Sides)
			}
			return
		}
		for i := k; i < len(votes); i++ {
			votes[k], votes[i] = votes[i], votes[k]
			permute(k + 1)
			votes[k], votes[i] = votes[i], votes[k]
		}
	}
	permute(0)
}

func TestAReportSumsUpAsGuixDoes(t *testing.T) {
	report := func(vs ...Verdict) *Report {
		r := &Report{}
		for _, v := range vs {
			r.Items = append(r.Items, Item{Verdict: v})
		}
		return r
	}
	for _, c := range []struct {
		r    *Report
		want Verdict
	}{
		{nil, Inconclusive}, {report(), Inconclusive},
		{report(Match, Match), Match},
		{report(Match, Inconclusive), Inconclusive},
		{report(Match, Absent), Inconclusive},
		{report(Absent), Inconclusive},
		{report(Match, Inconclusive, Mismatch), Mismatch},
	} {
		if got := c.r.Outcome(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.r, got, c.want)
		}
	}
	if (Item{}).Verdict != Inconclusive || (Vote{}).Answer != Silent {
		t.Error("the zero values say something")
	}
}
