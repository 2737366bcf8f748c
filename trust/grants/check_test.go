package grants

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
)

const trustedURL = "https://cache.nixos.org"

// proposal is one that nothing stands against.
func proposal(t testing.TB) Proposal {
	t.Helper()
	l := lockOf("1.2", map[lock.StorePath]lock.Pin{storePath(1, "a"): pin(1), storePath(2, "b"): pin(2)})
	return Proposal{
		Grant: grantFor(t, flakeID, l), Lock: l, Now: noon, Scopes: []Scope{scopeOf()},
		Trusted: Comparison{
			Known: true, Caches: []string{trustedURL},
			Answers: []Answer{
				{Cache: trustedURL, Path: storePath(1, "a"), Has: Absent},
				{Cache: trustedURL, Path: storePath(2, "b"), Has: Absent},
			},
		},
	}
}

func kinds(cs []Concern) (out []ConcernKind) {
	for _, c := range cs {
		out = append(out, c.Kind)
	}
	return out
}

func TestAGrantIsGivenOnlyWhenNothingStandsAgainstIt(t *testing.T) {
	if cs := Check(proposal(t)); len(cs) != 0 || !Allowed(cs, false) {
		t.Fatalf("%+v", cs)
	}
	relock := func(p *Proposal, change func(*lock.Lock)) {
		change(p.Lock)
		p.Grant.Lock = digestOf(t, p.Lock)
		p.Grant.Caches = p.Lock.Caches
	}
	weak := "cache.example-1:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	sameRefs := pin(1)
	otherRefs := pin(1)
	otherRefs.Refs = []lock.StorePath{storePath(2, "b")}
	for name, c := range map[string]struct {
		change func(*Proposal)
		kind   ConcernKind
		weight Weight
	}{
		"nothing at all":      {func(p *Proposal) { *p = Proposal{} }, ConcernInvalid, Blocks},
		"no lock":             {func(p *Proposal) { p.Lock = nil }, ConcernInvalid, Blocks},
		"another lock":        {func(p *Proposal) { p.Grant.Lock = digestA }, ConcernInvalid, Blocks},
		"an invalid lock":     {func(p *Proposal) { p.Lock.Version = 3 }, ConcernInvalid, Blocks},
		"no clock":            {func(p *Proposal) { p.Now = time.Time{} }, ConcernInvalid, Blocks},
		"a grant of tomorrow": {func(p *Proposal) { p.Now = noon.Add(-time.Hour) }, ConcernInvalid, Blocks},
		"expired already": {func(p *Proposal) {
			p.Grant.Expires = noon.Add(1)
			p.Grant.Expires = noon.Add(time.Second)
			p.Now = noon.Add(time.Minute)
		}, ConcernInvalid, Blocks},
		"a lock that pins nothing":   {func(p *Proposal) { relock(p, func(l *lock.Lock) { clear(l.Systems[system].Paths) }) }, ConcernNoPins, Blocks},
		"a system it does not have":  {func(p *Proposal) { p.Grant.Systems = []string{system, "riscv64-linux"} }, ConcernNoPins, Blocks},
		"denied":                     {func(p *Proposal) { p.Scopes = append(p.Scopes, denied()) }, ConcernDenied, Blocks},
		"grants not looked at":       {func(p *Proposal) { p.Scopes = nil }, ConcernUnread, Blocks},
		"a scope not looked at":      {func(p *Proposal) { p.Scopes = append(p.Scopes, Scope{}) }, ConcernUnread, Blocks},
		"a broken scope":             {func(p *Proposal) { p.Scopes = append(p.Scopes, Scope{Err: errors.New("x")}) }, ConcernUnread, Blocks},
		"detached, source not known": {func(p *Proposal) { relock(p, func(l *lock.Lock) { l.Source = lock.Hash{4} }) }, ConcernSource, Blocks},
		"detached, another source":   {func(p *Proposal) { relock(p, func(l *lock.Lock) { l.Source = lock.Hash{4} }); p.Source = lock.Hash{5} }, ConcernOtherSource, Blocks},
		"a weak key":                 {func(p *Proposal) { p.Grant.Caches = []lock.Cache{{URL: "https://cache.example", Keys: []string{weak}}} }, ConcernInvalid, Blocks},
		"a believed key's name":      {func(p *Proposal) { p.Trusted.Keys = []string{otherK1} }, ConcernKeyClash, Blocks},
		"a cache of another":         {func(p *Proposal) { p.Grant.Caches = []lock.Cache{{URL: "https://other.example", Keys: []string{key1}}} }, ConcernForeignCache, Confirm},
		"a key of another": {func(p *Proposal) {
			p.Grant.Caches = []lock.Cache{{URL: "https://cache.example", Keys: []string{otherK1}}}
		}, ConcernForeignCache, Confirm},
		"no key":                         {func(p *Proposal) { p.Grant.Caches = []lock.Cache{{URL: "https://cache.example"}} }, ConcernNoKeys, Mentions},
		"trusted caches not known":       {func(p *Proposal) { p.Trusted = Comparison{} }, ConcernNotCompared, Blocks},
		"more caches than could be seen": {func(p *Proposal) { p.Trusted.Doubt = "A file is hidden." }, ConcernUnseen, Confirm},
		"a grant that cannot be read":    {func(p *Proposal) { p.Hidden = []Identity{"github:b/b"} }, ConcernUnseen, Confirm},
		"a cache that was not asked":     {func(p *Proposal) { p.Trusted.Caches = append(p.Trusted.Caches, "https://more.example") }, ConcernNotCompared, Blocks},
		"a cache left out":               {func(p *Proposal) { p.Trusted.Answers, p.Trusted.Without = nil, p.Trusted.Caches }, ConcernLeftOut, Confirm},
		"one path without an answer":     {func(p *Proposal) { p.Trusted.Answers = p.Trusted.Answers[:1] }, ConcernNotCompared, Blocks},
		"an answer that says nothing":    {func(p *Proposal) { p.Trusted.Answers[1].Has = PresenceUnknown }, ConcernNotCompared, Blocks},
		"no answer, then one": {func(p *Proposal) {
			p.Trusted.Answers = append([]Answer{{Cache: trustedURL, Path: storePath(1, "a")}}, p.Trusted.Answers...)
		}, ConcernNotCompared, Blocks},
		"other bytes": {func(p *Proposal) {
			p.Trusted.Answers[0] = Answer{Cache: trustedURL, Path: storePath(1, "a"), Has: Present, Pin: pin(7)}
		}, ConcernDiffers, Blocks},
		"other references": {func(p *Proposal) {
			p.Trusted.Answers[0] = Answer{Cache: trustedURL, Path: storePath(1, "a"), Has: Present, Pin: otherRefs}
		}, ConcernDiffers, Blocks},
		"present, and no word of what": {func(p *Proposal) {
			p.Trusted.Answers[0] = Answer{Cache: trustedURL, Path: storePath(1, "a"), Has: Present}
		}, ConcernDiffers, Blocks},
		"said to differ": {func(p *Proposal) {
			p.Trusted.Answers[0] = Answer{Cache: trustedURL, Path: storePath(1, "a"), Has: Different}
		}, ConcernDiffers, Blocks},
		"different in one answer of two": {func(p *Proposal) {
			p.Trusted.Answers = append(p.Trusted.Answers, Answer{Cache: trustedURL, Path: storePath(1, "a"), Has: Different})
		}, ConcernDiffers, Blocks},
		"different in a cache nobody named": {func(p *Proposal) {
			p.Trusted.Answers = append(p.Trusted.Answers, Answer{Cache: "https://x.example", Path: storePath(1, "a"), Has: Different})
		}, ConcernDiffers, Blocks},
		"the same bytes": {func(p *Proposal) {
			p.Trusted.Answers[0] = Answer{Cache: trustedURL, Path: storePath(1, "a"), Has: Present, Pin: sameRefs}
		}, ConcernRedundant, Mentions},
		"another grant's bytes": {func(p *Proposal) {
			p.Others = NewPool([]Standing{active(t, "github:b/b", lockOf("1", map[lock.StorePath]lock.Pin{storePath(1, "a"): pin(7)}))})
		}, ConcernConflict, Blocks},
		"another grant's name": {func(p *Proposal) {
			p.Others = NewPool([]Standing{active(t, "github:b/b", lockOf("1", map[lock.StorePath]lock.Pin{storePath(1, "z"): pin(1)}))})
		}, ConcernConflict, Blocks},
		"other bytes than before": {func(p *Proposal) { p.Before = lockOf("1.2", map[lock.StorePath]lock.Pin{storePath(1, "a"): pin(7)}) }, ConcernRehashed, Confirm},
		"an older version":        {func(p *Proposal) { p.Before = lockOf("1.3", onePin) }, ConcernRollback, Confirm},
		"one that was replaced": {func(p *Proposal) {
			g := grantFor(t, flakeID, lockOf("9", onePin))
			g.Replaced = []string{p.Grant.Lock}
			p.Scopes = []Scope{scopeOf(g)}
		}, ConcernRollback, Confirm},
	} {
		p := proposal(t)
		c.change(&p)
		cs := Check(p)
		i := slices.Index(kinds(cs), c.kind)
		if i < 0 || cs[i].Weight != c.weight || cs[i].Text == "" {
			t.Errorf("%s: %+v, want %s", name, cs, c.kind)
		}
		if Allowed(cs, true) != (c.weight != Blocks) || Allowed(cs, false) != (c.weight == Mentions) {
			t.Errorf("%s: allowed %v, once confirmed %v: %+v", name, Allowed(cs, false), Allowed(cs, true), cs)
		}
		if _, err := PlanGrant(Source{Path: "/g.toml"}, p.Grant, cs, false); (err == nil) != (c.weight == Mentions) {
			t.Errorf("%s: planned: %v", name, err)
		}
	}
}

func TestAConcernOfNoKnownWeightBlocks(t *testing.T) {
	for _, cs := range [][]Concern{{{}}, {{Weight: 9}}} {
		if Allowed(cs, true) {
			t.Errorf("%+v", cs)
		}
	}
}

func TestAnotherSystemsPathsAreNotCompared(t *testing.T) {
	p := proposal(t)
	p.Lock.Section("aarch64-linux").Paths[storePath(8, "z")] = pin(8)
	p.Grant.Lock = digestOf(t, p.Lock)
	if cs := Check(p); len(cs) != 0 {
		t.Errorf("%+v", cs)
	}
	p.Grant.Systems = []string{"aarch64-linux"}
	if cs := Check(p); Allowed(cs, true) {
		t.Errorf("nobody was asked about %s: %+v", storePath(8, "z"), cs)
	}
}
