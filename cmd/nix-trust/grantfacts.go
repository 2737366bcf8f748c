package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/keeper"
)

// lookAtGrants adds to the facts what was granted and denied, how that stands
// for each flake, and which gates there are. Files alone are read, so a lock that
// belongs to one source tree is left unknown: only nix can tell the tree's hash.
func (a *app) lookAtGrants(ctx context.Context, f *trust.Facts) {
	if a.root != "" || a.user != "" {
		f.Notes = append(f.Notes, trust.Note{Text: "Grants and gates were not looked at: they are looked at on this machine, by the user whose they are."})
		return
	}
	b, err := a.openGrants()
	if err != nil {
		f.Notes = append(f.Notes, trust.Note{Text: "The grants were not looked at: " + err.Error() + "."})
		return
	}
	f.Gate = a.lookAtGate(b.files)
	look := b.lookUp(time.Now(), a.demo)
	b.lockAt = look.once(b.lockAt)
	for i := range f.Flakes {
		f.Flakes[i].CacheLock = b.beside(f.Flakes[i].ID.Path)
	}
	b.lookAt(ctx, f, look)
}

// once reads each lock once, and none that was accepted as it stands: a file
// with the digest of an accepted lock is its canonical print, and the same lock.
func (l *grantLook) once(lockAt func(string) (*lock.Lock, error)) func(string) (*lock.Lock, error) {
	type result struct {
		lock *lock.Lock
		err  error
	}
	done := map[string]result{}
	return func(path string) (*lock.Lock, error) {
		r, ok := done[path]
		if ok {
			return r.lock, r.err
		}
		if text, err := l.files.ReadFile(path); err == nil {
			sum := sha256.Sum256(text)
			digest := hex.EncodeToString(sum[:])
			if a := l.read[digest]; a.Is(digest) {
				r.lock = a.Lock()
			}
		}
		if r.lock == nil {
			r.lock, r.err = lockAt(path)
		}
		done[path] = r
		return r.lock, r.err
	}
}

// lookUp reads the grants as a gate does, which takes nothing from a file that
// others could have written. The demo's are in memory.
func (b *grantBook) lookUp(now time.Time, inMemory bool) *grantLook {
	l := &grantLook{grantBook: b, now: now, read: map[string]grants.Accepted{}}
	if inMemory {
		for _, s := range b.shelves {
			l.scopes = append(l.scopes, s.Scope())
		}
		l.serve()
		return l
	}
	k := keeper.New(b.kept(), keeper.Options{})
	standings, _ := k.Standings()
	l.served, l.scopes, l.read = grants.NewPool(standings), k.Scopes(), k.Accepted()
	return l
}

// lookAt adds the grants and denials to the facts.
func (b *grantBook) lookAt(ctx context.Context, f *trust.Facts, l *grantLook) {
	l.ctx = ctx
	empty := true
	for i, s := range b.shelves {
		scope := l.scopes[i]
		file := trust.GrantFile{Path: s.Path, State: nixconf.SourceMissing}
		switch {
		case scope.Err != nil:
			at, text, _ := grants.Broken(scope.Err)
			file.State, file.Err, file.Where = nixconf.SourceUnreadable, text, at
		case s.State.Exists && scope.File != nil:
			file.State = nixconf.SourceRead
			empty = empty && len(scope.File.Grants)+len(scope.File.Denies) == 0
		}
		f.GrantFiles = append(f.GrantFiles, file)
	}
	if empty {
		return
	}
	known := map[grants.Identity]bool{}
	add := func(id grants.Identity, fl trust.FlakeID) {
		known[id] = true
		if g, ok := l.stands(id, fl); ok {
			f.Grants = append(f.Grants, g)
		}
	}
	for _, fl := range f.Flakes {
		if id, ok := b.identify(fl.ID); ok {
			add(id, fl.ID)
		}
	}
	for _, scope := range l.scopes {
		if scope.Err != nil {
			continue
		}
		for _, g := range scope.File.Grants {
			if !known[g.Flake] {
				add(g.Flake, trust.FlakeID{})
			}
		}
	}
	for _, c := range l.served.Conflicts() {
		f.Disputes = append(f.Disputes, trust.GrantDispute{Text: c.String(), Where: l.line("grant", c.Sides[0].Flake)})
	}
}

// A grantLook is one look at the grants, at one moment. Each file is read once.
type grantLook struct {
	*grantBook
	ctx    context.Context
	now    time.Time
	scopes []grants.Scope             // of the shelves, in their order
	read   map[string]grants.Accepted // accepted locks, by their digest
	served *grants.Pool               // what a gate serves: it goes by what was accepted, whatever the flakes offer by now
}

// ordered are the scopes, the given one first.
func (l *grantLook) ordered(first int) []grants.Scope {
	out := []grants.Scope{l.scopes[first]}
	for i, s := range l.scopes {
		if i != first {
			out = append(out, s)
		}
	}
	return out
}

func (l *grantLook) accepted(s shelf, digest string) grants.Accepted {
	a, ok := l.read[digest]
	if !ok {
		a = s.accepted(digest)
		l.read[digest] = a
	}
	return a
}

// serve finds what a gate would serve.
func (l *grantLook) serve() {
	var all []grants.Standing
	for i, s := range l.shelves {
		if l.scopes[i].Err != nil {
			continue
		}
		for _, g := range l.scopes[i].File.Grants {
			all = append(all, grants.Judge(g.Flake, l.ordered(i), l.now, l.accepted(s, g.Lock), grants.Offer{State: grants.OfferNone}))
		}
	}
	l.served = grants.NewPool(all)
}

// identify finds what grants.toml calls a flake.
func (b *grantBook) identify(fl trust.FlakeID) (grants.Identity, bool) {
	if fl.Path != "" {
		id, _, err := b.identity(fl.Path)
		return id, err == nil
	}
	r, err := flake.ParseRef(fl.Ref)
	if err != nil {
		return "", false
	}
	id, err := grants.OfRef(r)
	return id, err == nil
}

// stands finds how a flake stands, by the first grants.toml that has a grant for
// it. It is not ok when there is neither a grant nor a denial.
func (l *grantLook) stands(id grants.Identity, fl trust.FlakeID) (trust.Granted, bool) {
	for i, s := range l.shelves {
		if l.scopes[i].Err != nil {
			continue
		}
		g, ok := l.scopes[i].File.Grant(id)
		if !ok {
			continue
		}
		st := grants.Judge(id, l.ordered(i), l.now, l.accepted(s, g.Lock), l.offer(l.ctx, movedTo(g, fl.Path), false))
		out := grantFact(g, st, fl)
		out.Machine, out.Where = s.machine(), s.line("grant", id)
		if st.State == grants.Denied {
			out.Where, out.Machine = l.denial(id)
		}
		for path, pin := range st.Pins() {
			if got, ok := l.served.Find(path.Digest()); ok && got.Path == path && got.Pin.Same(pin) {
				out.Paths++
			} else {
				out.Disputed++
			}
		}
		return out, true
	}
	at, machine := l.denial(id)
	if at.File == "" {
		return trust.Granted{}, false
	}
	st := grants.Judge(id, l.scopes, l.now, grants.Accepted{}, grants.Offer{})
	return trust.Granted{Flake: fl, Identity: string(id), State: trust.GrantState(st.State.String()), Text: st.Text, Where: at, Machine: machine}, true
}

// grantFact is a grant as the engine is told of it.
func grantFact(g grants.Grant, st grants.Standing, fl trust.FlakeID) trust.Granted {
	out := trust.Granted{
		Flake: fl, Identity: string(g.Flake), State: trust.GrantState(st.State.String()), Text: st.Text,
		Lock: g.Lock[:min(12, len(g.Lock))], Systems: g.Systems, Expires: g.Expires,
	}
	for _, c := range g.Caches {
		out.Caches = append(out.Caches, trust.GrantedCache{URL: c.URL, Keys: c.Keys})
	}
	return out
}

// movedTo is a grant as it is looked at for another worktree of its repository,
// which offers a lock of its own.
func movedTo(g grants.Grant, folder string) grants.Grant {
	if folder == "" || g.Seen == "" || folder == g.Seen {
		return g
	}
	if rest, ok := strings.CutPrefix(g.Offer, g.Seen+"/"); ok {
		g.Seen, g.Offer = folder, filepath.Join(folder, rest)
	}
	return g
}

// denial is where a flake is denied, and whether root did it.
func (l *grantLook) denial(id grants.Identity) (at nixconf.Pos, machine bool) {
	for i, s := range l.shelves {
		if _, ok := l.scopes[i].File.Deny(id); ok {
			return s.line("deny", id), s.machine()
		}
	}
	return nixconf.Pos{}, false
}

// line is where the first grants.toml that does names a flake.
func (b *grantBook) line(table string, id grants.Identity) nixconf.Pos {
	for _, s := range b.shelves {
		if at := s.line(table, id); at.Line > 0 {
			return at
		}
	}
	return nixconf.Pos{}
}

// machine reports whether the shelf is root's.
func (s shelf) machine() bool { return s.Path == filepath.Join(systemGrants, "grants.toml") }

// line is where a grants.toml names a flake in a table of a kind. A file that is
// laid out in another way than it is printed is named without a line.
func (s shelf) line(table string, id grants.Identity) nixconf.Pos {
	in, n := false, 0
	for line := range bytes.Lines(s.State.Data) {
		n++
		text := strings.TrimSpace(string(line))
		if strings.HasPrefix(text, "[") {
			in = text == "[["+table+"]]"
		}
		if in && text == `flake = "`+string(id)+`"` {
			return nixconf.Pos{File: s.Path, Line: n}
		}
	}
	return nixconf.Pos{File: s.Path}
}

// bigLock is the size from which on a lock is not read to see which caches it names.
const bigLock = 1 << 20

// beside is the cache lock beside a flake.nix, nil when none is seen there.
func (b *grantBook) beside(folder string) *trust.OfferedLock {
	if folder == "" {
		return nil
	}
	file := filepath.Join(folder, lockFile)
	info, err := b.files.Lstat(file)
	if err != nil {
		return nil
	}
	o := &trust.OfferedLock{File: file}
	if info.Size() > bigLock {
		return o
	}
	if l, err := b.lockAt(file); err == nil {
		o.Caches = []string{}
		for _, c := range l.Caches {
			o.Caches = append(o.Caches, c.URL)
		}
	}
	return o
}

// lookAtGate reads the public keys of the user's gate and of the machine's.
func (a *app) lookAtGate(files host.Files) trust.Gate {
	own, err := a.gatePlace("")
	if a.demo {
		own, err = gateplace.Place{Dir: demoState, Address: gateplace.Address}, nil
	}
	if err != nil {
		return trust.Gate{User: trust.GateKey{Err: err.Error()}, Machine: a.gateKey(files, gateplace.OfMachine(""))}
	}
	machine := own
	if !own.System {
		machine = gateplace.OfMachine(own.Address)
	}
	return trust.Gate{User: a.gateKey(files, own), Machine: a.gateKey(files, machine), Address: own.Address, URLs: own.URLs()}
}

// gateKey reads the public half of a gate's key: of the user's own gate from what
// it signs with. The secret half of the machine's is not this user's to read.
func (a *app) gateKey(files host.Files, p gateplace.Place) trust.GateKey {
	k := trust.GateKey{File: p.PublicFile()}
	if !p.System && !a.demo {
		switch secret, err := gate.ReadKey(p.KeyFile()); {
		case err == nil:
			k.State, k.Key = nixconf.SourceRead, secret.PublicText()
		case errors.Is(err, fs.ErrNotExist):
			k.State = nixconf.SourceMissing
		default:
			k.File, k.State, k.Err = p.KeyFile(), nixconf.SourceUnreadable, err.Error()
		}
		return k
	}
	text, err := files.ReadFile(k.File)
	_, secret := files.Lstat(p.KeyFile())
	gone := errors.Is(secret, fs.ErrNotExist) && !a.demo // whose gate makes it up
	switch {
	case err == nil && gone:
		k.State = nixconf.SourceMissing
	case errors.Is(err, fs.ErrNotExist) && secret == nil:
		k.State, k.Err = nixconf.SourceUnreadable, "it is not there, though the secret half is"
	case err == nil:
		k.State, k.Key = nixconf.SourceRead, strings.TrimSuffix(string(text), "\n")
	case errors.Is(err, fs.ErrNotExist):
		k.State = nixconf.SourceMissing
	default:
		k.State, k.Err = nixconf.SourceUnreadable, cause(err).Error()
	}
	return k
}
