package challenge

import (
	"context"
	"errors"
	"sync"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/trustix"
)

// trustixAtOnce is how many paths one node is asked about at a time.
const trustixAtOnce = 8

// askTrustix asks the i-th voter, a Trustix node, for every path.
func (r *run) askTrustix(ctx context.Context, i int, votes map[lock.StorePath][]Vote) {
	node := r.voters[i].node
	defer node.Close()
	upstreams, unknown := node.Upstreams(ctx)
	places := make(chan struct{}, trustixAtOnce)
	var all sync.WaitGroup
	for _, p := range r.paths {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			if ctx.Err() == nil {
				// Nobody else writes this vote.
				votes[p][i] = r.decision(ctx, i, p, upstreams, unknown)
			}
			r.step(1)
		})
	}
	all.Wait()
}

// decision is a node's vote. It is the voice of the node, of the logs that it
// names, and of the caches that those logs say are theirs. Where the logs cannot
// be told apart from anybody else, it counts only alone.
func (r *run) decision(ctx context.Context, i int, p lock.StorePath, upstreams map[string]string, unknown error) Vote {
	d, err := r.voters[i].node.Decide(ctx, r.o.StoreDir, p)
	if err != nil {
		v := Vote{Answer: Silent, Text: err.Error()}
		var f *trustix.Failure
		switch {
		case !errors.As(err, &f):
		case f.Misbehaved:
			v.Answer = Misbehaved
		case f.Unreached:
			v.Answer = Unreachable
		}
		return v
	}
	v := Vote{
		Answer: Said, Text: d.String(), NAR: d.NAR, Size: int64(d.Size), Refs: d.References, RefsKnown: true,
		Split: len(d.Others) > 0, marks: []string{r.voters[i].mark},
	}
	v.nowhere = unknown != nil
	for _, id := range d.Logs {
		v.marks = append(v.marks, "log "+id)
		at, told := upstreams[id]
		if at != "" {
			v.marks = append(v.marks, cacheMark(CacheName(at)))
		}
		v.nowhere = v.nowhere || !told
	}
	if v.nowhere {
		v.Text += "; whose the logs are it did not say, so that it counts only where nobody else says the same"
	}
	return v
}
