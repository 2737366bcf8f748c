package probe

import (
	"slices"
	"testing"
	"time"
)

func TestOrderIsByPriorityAndThenAsListed(t *testing.T) {
	list := []Result{
		{Effect: Asks, Priority: 40}, {Effect: Skips, Priority: 1}, {Effect: Asks, Priority: 0}, {Priority: 3},
		{Effect: Asks, Priority: 40}, {Effect: Stops}, {Effect: Asks, Priority: -1}, {Effect: Asks, Priority: 39},
	}
	asked, rest := Order(list)
	if !slices.Equal(asked, []int{6, 2, 7, 0, 4}) || !slices.Equal(rest, []int{3}) {
		t.Errorf("%v %v", asked, rest)
	}
	if asked, rest := Order(make([]Result, 2)); len(asked) != 0 || len(rest) != 2 {
		t.Errorf("what was not probed has a place: %v %v", asked, rest)
	}
}

func TestThePriorityInAURLIsReadAsNixDoes(t *testing.T) {
	for url, want := range map[string]struct {
		n       int
		set, ok bool
	}{
		"https://a.example":                         {0, false, true},
		"https://a.example?priority=7":              {7, true, true},
		"https://a.example?trusted=1&priority=-3":   {-3, true, true},
		"https://a.example?priority=":               {0, true, false},
		"https://a.example?priority=7x":             {7, true, false},
		"https://a.example?priority=99999999999":    {0, true, false},
		"https://a.example/priority=7":              {0, false, true},
		"https://a.example?want-mass-query=1":       {0, false, true},
		"https://a.example?priority=99999999999999": {0, true, false},
	} {
		n, set, ok := priorityOf(url)
		if set != want.set || ok != want.ok || ok && n != want.n {
			t.Errorf("%s: %d %v %v", url, n, set, ok)
		}
	}
}

func TestTheCostOfMissesIsInRounds(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		miss   time.Duration
		paths  int
		atOnce int
		want   time.Duration
	}{
		{20 * ms, 0, 25, 0}, {20 * ms, 1, 25, 20 * ms}, {20 * ms, 25, 25, 20 * ms}, {20 * ms, 26, 25, 40 * ms},
		{50 * ms, 1000, 25, 2 * time.Second}, {50 * ms, 1000, 0, 0}, {0, 1000, 25, 0}, {50 * ms, -1, 25, 0},
	} {
		if got := Cost(c.miss, c.paths, c.atOnce); got != c.want {
			t.Errorf("%v: %v", c, got)
		}
	}
	for setting, want := range map[string]int{"": 25, "25": 25, "0": 2, "-1": 25, "many": 25, "100": 100} {
		if got := AtOnce(setting, 2); got != want {
			t.Errorf("%q: %d", setting, got)
		}
	}
}
