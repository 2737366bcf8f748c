package challenge

import (
	"context"
	"errors"
	"slices"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// askCaches asks every cache for every path.
func (r *run) askCaches(ctx context.Context, votes map[lock.StorePath][]Vote) error {
	var asked []*bincache.Cache
	index := map[*bincache.Cache]int{}
	for i, v := range r.voters {
		switch {
		case v.Kind != Cache:
		case v.err != nil:
			for _, p := range r.paths {
				votes[p][i] = failed(v.err)
			}
			r.step(len(r.paths))
		default:
			index[v.cache] = i
			asked = append(asked, v.cache)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	found, err := bincache.Walk(ctx, asked, r.paths, bincache.WalkOptions{
		All: true, Shallow: true, MaxPaths: len(r.paths),
		Progress: func(int, int) { r.step(len(asked)) },
		// Signatures are checked by those who ask, many at a time; nobody else
		// writes this vote.
		Accept: func(k *bincache.Cache, n *bincache.NarInfo) error {
			i := index[k]
			v := signedVote(n, r.ring)
			v.cache, v.info = k, n
			v.marks = append(v.marks, r.voters[i].mark)
			votes[n.Path][i] = v
			return nil
		},
	})
	for _, f := range found {
		for _, a := range f.Answers {
			if a.Err != nil {
				votes[f.Path][index[a.Cache]] = failed(a.Err)
			}
		}
	}
	return err
}

// failed is the vote of somebody who gave no good answer.
func failed(err error) Vote {
	v := Vote{Answer: Silent, Text: err.Error()}
	var e *bincache.Error
	if errors.As(err, &e) {
		v.Text = e.Text // the cache and the path are told beside it
	}
	switch bincache.KindOf(err) {
	case bincache.Absent:
		v.Answer = Missing
	case bincache.Unreachable:
		v.Answer = Unreachable
	case bincache.Misbehaved:
		v.Answer = Misbehaved
	}
	return v
}

// signedVote is what a narinfo says, with the marks of its signatures.
func signedVote(n *bincache.NarInfo, ring *bincache.Keyring) Vote {
	check := bincache.CheckSignatures(n, ring)
	v := Vote{
		Answer: Said, Text: check.Text, NAR: n.NarHash, Size: int64(n.NarSize), Refs: n.References, RefsKnown: true,
		Signed: check.Verdict, By: slices.Compact(check.By),
	}
	if n.NarSize > 1<<63-1 {
		return Vote{Answer: Misbehaved, Text: "it says that the path has more bytes than any file can have"}
	}
	for _, name := range check.By {
		v.marks = append(v.marks, keyMark(ring, name))
	}
	for _, s := range n.Signatures {
		v.marks = append(v.marks, "signature "+s)
	}
	return v
}

func keyMark(ring *bincache.Keyring, name string) string {
	if key, _, ok := ring.Find(name); ok {
		return "key " + key.String()
	}
	return "key " + name
}

// lockVote is the pin. It tells what somebody once saw in a cache or a store, and
// whoever writes a lock writes the names of the signers, too: it can object, and
// is nobody's voice beside another.
func lockVote(l *lock.Lock, p lock.StorePath) Vote {
	pin, ok := l.Find(p)
	if !ok {
		return Vote{Answer: Missing, Text: "it does not pin the path"}
	}
	return Vote{Answer: Said, Text: "the lock pins it", NAR: pin.NAR, Size: pin.Size, Refs: pin.Refs, RefsKnown: true, nowhere: true}
}
