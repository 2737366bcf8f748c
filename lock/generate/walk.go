package generate

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// gather asks for everything that is needed, and of the lock's caches alone for
// what is not, until nothing new comes up. It ends early once a cache owes an
// answer: there will be no lock, and nobody else has to learn of anything.
func (m *maker) gather(ctx context.Context) error {
	ctx, m.stop = context.WithCancelCause(ctx)
	defer m.stop(nil)
	m.ask, m.askWeak = m.o.Roots, m.o.Optional
	for len(m.ask)+len(m.askWeak) > 0 {
		if err := m.walkWeak(ctx); err != nil || m.owed() {
			return err
		}
		if err := m.walkNeeded(ctx); err != nil || m.owed() {
			return err
		}
	}
	return nil
}

// owed reports whether some voter gave no answer that counts.
func (m *maker) owed() bool {
	return slices.ContainsFunc(m.voters, (*voter).owes)
}

// walkNeeded asks every voter for what is needed, and for what that refers to.
func (m *maker) walkNeeded(ctx context.Context) error {
	paths := m.ask
	m.ask = nil
	return m.walk(ctx, m.voters, paths, bincache.WalkOptions{
		Skip: m.isNeeded,
		Next: func(f bincache.Found) []lock.StorePath {
			says, open := m.take(f)
			d := settle(f.Path, says, m.old[f.Path.Digest()], open)
			m.needed[f.Path] = d
			delete(m.weak, f.Path)
			if d.fate == remembered {
				m.askWeak = append(m.askWeak, d.refs...)
				return nil
			}
			return d.refs
		},
	})
}

// walkWeak asks the lock's caches for what is not needed, and for what the old
// lock's pins of that refer to. What they have is needed.
func (m *maker) walkWeak(ctx context.Context) error {
	paths := m.askWeak
	m.askWeak = nil
	claimed := slices.DeleteFunc(slices.Clone(m.voters), func(v *voter) bool { return v.listed == nil })
	return m.walk(ctx, claimed, paths, bincache.WalkOptions{
		Skip: func(p lock.StorePath) bool {
			_, done := m.weak[p]
			return done || m.isNeeded(p)
		},
		Next: func(f bincache.Found) []lock.StorePath {
			says, _ := m.take(f)
			if slices.ContainsFunc(says, func(s saying) bool { return s.claimed }) {
				m.ask = append(m.ask, f.Path)
				return nil
			}
			d := settleWeak(f.Path, says, m.old[f.Path.Digest()])
			m.weak[f.Path] = d
			return d.refs
		},
	})
}

func (m *maker) isNeeded(p lock.StorePath) bool {
	_, is := m.needed[p]
	return is
}

func (m *maker) walk(ctx context.Context, voters []*voter, paths []lock.StorePath, o bincache.WalkOptions) error {
	if len(paths) == 0 {
		return nil
	}
	var caches []*bincache.Cache
	var greetings sync.WaitGroup
	for _, v := range voters {
		caches = append(caches, v.cache)
		if !v.known {
			v.known = true
			greetings.Go(func() { v.greet(ctx) })
		}
	}
	defer greetings.Wait()
	before := m.finished
	o.All, o.Accept, o.MaxPaths = true, m.judge, max(1, m.o.MaxPaths-before)
	o.Progress = func(done, known int) {
		m.finished = before + done
		if m.o.Progress != nil {
			m.o.Progress(before+done, before+known)
		}
	}
	_, err := bincache.Walk(ctx, caches, paths, o)
	return err
}

// judge is called by many at once.
func (m *maker) judge(k *bincache.Cache, n *bincache.NarInfo) error {
	v := m.byCache[k]
	if err := accept(v, n); err != nil {
		return err
	}
	s := v.judge(n)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said[n] = s
	return nil
}

// take returns what the voters that have a path say of it, in their order, and
// what the local store does; open says that some voter gave no answer.
func (m *maker) take(f bincache.Found) (says []saying, open bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range f.Answers {
		switch {
		case a.Err == nil:
			says = append(says, m.said[a.Info])
			delete(m.said, a.Info)
			m.refs += len(a.Info.References)
		case bincache.KindOf(a.Err) != bincache.Absent:
			open = true
			m.byCache[a.Cache].failed.add(f.Path, a.Err)
		}
	}
	if m.refs > m.maxRefs {
		m.stop(fmt.Errorf("the closure has more than %d references; a cache may be making it up", m.maxRefs))
	}
	if i, ok := m.o.Local[f.Path]; ok {
		vouch := !slices.ContainsFunc(says, func(s saying) bool { return s.proved })
		says = append(says, m.localSaying(f.Path, i, vouch))
	}
	return says, open
}
