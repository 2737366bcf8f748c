package probe

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Order says in which order Nix asks the caches of a list of substituters: by
// priority, the lowest first and those of the same one as they are listed. rest
// are those whose place is not known; the others are not asked.
// Nix: src/libstore/store-api.cc, getDefaultSubstituters, whose sort is stable.
func Order(list []Result) (asked, rest []int) {
	for i, r := range list {
		switch r.Effect {
		case Asks:
			asked = append(asked, i)
		case EffectUnknown:
			rest = append(rest, i)
		}
	}
	slices.SortStableFunc(asked, func(a, b int) int { return cmp.Compare(list[a].Priority, list[b].Priority) })
	return asked, rest
}

// priorityOf is the priority that a store URL itself sets. A value that is no
// number makes Nix leave the cache out with a warning; ok is false then.
func priorityOf(storeURL string) (n int, set, ok bool) {
	u, err := url.Parse(storeURL)
	if err != nil || !u.Query().Has("priority") {
		return 0, false, true
	}
	n, err = strconv.Atoi(u.Query().Get("priority"))
	if err != nil || int(int32(n)) != n {
		return 0, true, false
	}
	return n, true, true
}

// DefaultConnections is Nix's http-connections unless it is set.
const DefaultConnections = 25

// AtOnce is how many narinfos a Nix asks for at a time, from the value of its
// http-connections: as many as that, and 0 is one for each processor.
// Nix: src/libstore/misc.cc, Store::queryMissing; src/libutil/thread-pool.cc.
func AtOnce(setting string, processors int) int {
	n, err := strconv.Atoi(setting)
	switch {
	case err != nil || n < 0:
		return DefaultConnections
	case n == 0:
		return max(processors, 1)
	}
	return n
}

// Cost is what a cache costs a build at least for paths that it does not have:
// Nix asks for up to atOnce narinfos at a time before it starts, and each takes
// as long as a miss. It is paid once in an hour, for as long as Nix remembers
// that the cache does not have them (narinfo-cache-negative-ttl), and only for
// paths that no cache before it in Order has. What is asked one after another,
// as what a path refers to is known only once its narinfo came, costs more.
func Cost(miss time.Duration, paths, atOnce int) time.Duration {
	if paths <= 0 || atOnce <= 0 || miss <= 0 {
		return 0
	}
	rounds := (paths + atOnce - 1) / atOnce
	return time.Duration(rounds) * miss
}
