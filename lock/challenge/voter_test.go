package challenge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/nix"
)

// A shelf is a local store in memory.
type shelf struct {
	infos map[lock.StorePath]nix.Info
	nars  map[lock.StorePath][]byte
	err   error
}

func (s shelf) Info(context.Context, []lock.StorePath, bool) (map[lock.StorePath]nix.Info, error) {
	return s.infos, s.err
}

func (s shelf) Hash(_ context.Context, p lock.StorePath) (lock.Hash, int64, error) {
	nar, ok := s.nars[p]
	if !ok {
		return lock.Hash{}, 0, &fs.PathError{Op: "lstat", Path: string(p), Err: fs.ErrNotExist}
	}
	return hashOf(nar), int64(len(nar)), nil
}

func (s shelf) OpenNar(_ context.Context, p lock.StorePath) io.ReadCloser {
	return io.NopCloser(bytes.NewReader(s.nars[p]))
}

func shelfWith(nar []byte, change func(*nix.Info)) shelf {
	info := nix.Info{NAR: hashOf(nar), Size: int64(len(nar))}
	if change != nil {
		change(&info)
	}
	return shelf{infos: map[lock.StorePath]nix.Info{somePath: info}, nars: map[lock.StorePath][]byte{somePath: nar}}
}

func TestTheStoreVotesForWhomeverItsCopyIsFrom(t *testing.T) {
	signed := serve(somePath, plainNar, alice)
	sigs := func(i *nix.Info) { i.Signatures = signed.info.Signatures }
	for _, c := range []struct {
		name     string
		store    shelf
		want     Verdict
		distinct int
		answer   Answer
		says     string
	}{
		{"built here", shelfWith(plainNar, func(i *nix.Info) { i.Ultimate = true }), Match, 2, Said, "it was built here"},
		{"fetched from this cache", shelfWith(plainNar, sigs), Inconclusive, 1, Said, "it was fetched"},
		{"built here, and signed as in the cache", shelfWith(plainNar, func(i *nix.Info) { i.Ultimate = true; sigs(i) }), Inconclusive, 1, Said, "it was built here"},
		{"from nobody knows where", shelfWith(plainNar, nil), Inconclusive, 1, Said, "nothing says where it came from"},
		{"of its contents", shelfWith(plainNar, func(i *nix.Info) { i.CA = "fixed:r:sha256:x" }), Match, 2, Said, "computed from its contents"},
		{"other bytes, built here", shelfWith(otherNar, func(i *nix.Info) { i.Ultimate = true }), Mismatch, 1, Said, ""},
		{"other bytes than its database says", shelfWith(otherNar, func(i *nix.Info) { i.NAR = hashOf(plainNar); sigs(i) }), Mismatch, 1, Said, "the files were changed"},
		{"other references", shelfWith(plainNar, func(i *nix.Info) { i.Ultimate, i.Refs = true, []lock.StorePath{somePath} }), Mismatch, 1, Said, ""},
		{"not there", shelf{}, Inconclusive, 1, Missing, "not in the store"},
		{"there by its database alone", shelf{infos: map[lock.StorePath]nix.Info{somePath: {NAR: hashOf(plainNar)}}}, Inconclusive, 1, Misbehaved, "on disk it is not there"},
		{"no nix", shelf{err: errors.New("no nix was found")}, Inconclusive, 1, Silent, "no nix was found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, item := challengeOne(t, Options{Caches: []lock.Cache{{URL: cacheWith(t, signed), Keys: []string{alice.Public()}}}, Store: c.store})
			v := item.Votes[1]
			if item.Verdict != c.want || item.Sides[0].Distinct != c.distinct || v.Answer != c.answer || !strings.Contains(v.Text, c.says) {
				t.Errorf("%v %d: %v %q", item.Verdict, item.Sides[0].Distinct, v.Answer, v.Text)
			}
		})
	}
}

// A rebuilder gives what it is told to.
type rebuilder struct{ err error }

func (r rebuilder) Rebuild(context.Context, lock.StorePath, nix.Info) error { return r.err }

func TestARebuildThatDiffersObjectsWhateverIsKnownOfIt(t *testing.T) {
	store := shelfWith(plainNar, func(i *nix.Info) { i.Ultimate = true })
	store.nars["kept"] = otherNar
	for _, c := range []struct {
		err    error
		want   Verdict
		answer Answer
		known  bool
	}{
		{nil, Match, Said, true},
		{&Other{Kept: "kept", Text: "otherwise"}, Mismatch, Said, true},
		{&Other{Text: "otherwise"}, Mismatch, Said, false},
		{&Other{Kept: "gone", Text: "otherwise"}, Mismatch, Said, false},
		{NoSay("cannot be built"), Inconclusive, Abstains, false},
		{errors.New("the build failed"), Inconclusive, Silent, false},
	} {
		o := Options{Store: store, Build: rebuilder{c.err}}
		r, item := challengeOne(t, o)
		v := item.Votes[1]
		if item.Verdict != c.want || v.Answer != c.answer || v.NAR.IsZero() == c.known {
			t.Errorf("%v: %v %+v", c.err, item.Verdict, v)
		}
		if _, ok := r.Tree(o, item, 1); ok != (v.Kept != "") {
			t.Errorf("%v: bytes %v", c.err, ok)
		}
	}
	_, item := challengeOne(t, Options{Store: shelf{err: errors.New("no nix")}, Build: rebuilder{nil}})
	if item.Verdict != Inconclusive || item.Votes[1].Answer != Silent {
		t.Errorf("%v %+v", item.Verdict, item.Votes)
	}
	_, item = challengeOne(t, Options{Store: shelf{}, Build: rebuilder{nil}})
	if item.Verdict != Absent || item.Votes[1].Answer != Abstains {
		t.Errorf("%v %+v", item.Verdict, item.Votes)
	}
}

func TestALockVotesWithItsPins(t *testing.T) {
	n := serve(somePath, plainNar, alice).info
	l := lock.New()
	l.Section("x86_64-linux").Paths[somePath] = lock.Pin{NAR: n.NarHash, Size: int64(n.NarSize)}
	o := Options{Caches: []lock.Cache{{URL: cacheWith(t, serve(somePath, plainNar, alice)), Keys: []string{alice.Public()}}}, Lock: l}
	// Whoever writes a lock beside a cache of his own is one voter, whatever he
	// says who had signed: nobody, or somebody else.
	for _, by := range [][]string{nil, {"alice-1"}, {"bob-1"}, {"cache.nixos.org-1"}} {
		l.Systems["x86_64-linux"].Paths[somePath] = lock.Pin{NAR: n.NarHash, Size: int64(n.NarSize), By: by}
		if _, item := challengeOne(t, o); item.Verdict != Inconclusive || item.Sides[0].Distinct != 1 {
			t.Errorf("a pin by %q is another voter: %v %s", by, item.Verdict, item.Text)
		}
	}
	one := o
	one.Caches, one.Require = nil, 1
	if _, item := challengeOne(t, one); item.Verdict != Match {
		t.Errorf("alone: %v %s", item.Verdict, item.Text)
	}
	l.Systems["x86_64-linux"].Paths[somePath] = lock.Pin{NAR: hashOf(otherNar), Size: int64(len(otherNar))}
	r, item := challengeOne(t, o)
	if item.Verdict != Mismatch {
		t.Errorf("%v %s", item.Verdict, item.Text)
	}
	if _, ok := r.Tree(o, item, 1); ok {
		t.Error("a lock has bytes")
	}
	delete(l.Systems["x86_64-linux"].Paths, somePath)
	if _, item := challengeOne(t, o); item.Votes[1].Answer != Missing {
		t.Errorf("%+v", item.Votes[1])
	}
}
