package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// A granted is a flake with the grant that it has and how that stands. The zero
// granted was not looked at, and nothing of it may be used.
type granted struct {
	flake grants.Identity
	file  string // the grants.toml that has the grant, "" when none has
	own   bool   // it is the user's
	kept  string // the file with the lock that was accepted
	lock  *lock.Lock
	grants.Standing
}

// granted finds how a flake stands, by the first grants.toml that has a grant
// for it.
func (b *grantBook) granted(ctx context.Context, id grants.Identity, now time.Time) granted {
	for _, s := range b.shelves {
		scopes := b.scopes(s)
		if scopes[0].File == nil {
			continue
		}
		if g, ok := scopes[0].File.Grant(id); ok {
			accepted := s.accepted(g.Lock)
			l := accepted.Lock()
			return granted{
				flake: id, file: s.Path, own: s.Path == b.own.Path, lock: l, kept: s.lockPath(g.Lock),
				Standing: grants.Judge(id, scopes, now, accepted, b.offer(ctx, g, l != nil && !l.Source.IsZero())),
			}
		}
	}
	return granted{flake: id, Standing: grants.Judge(id, b.scopes(b.own), now, grants.Accepted{}, grants.Offer{})}
}

// grantedLock finds the grant that accepted a lock: an active one when several
// did.
func (b *grantBook) grantedLock(ctx context.Context, digest string, now time.Time) (granted, bool) {
	var out granted
	found := false
	for _, s := range b.shelves {
		scope := s.Scope()
		if scope.File == nil {
			continue
		}
		for _, g := range scope.File.Grants {
			if g.Lock != digest {
				continue
			}
			if got := b.granted(ctx, g.Flake, now); !found || got.Serves() && !out.Serves() {
				out, found = got, true
			}
		}
	}
	return out, found
}

// mayUse is why the grant may not be used now, nil when it may.
func (g granted) mayUse() error {
	if g.Serves() && g.lock != nil {
		return nil
	}
	p := &problem{code: exitFindings, text: fmt.Sprintf("%s: %s: %s", g.flake, g.State, g.Text)}
	arg, folder := shellQuote(string(g.flake)), ""
	if at := cmp.Or(g.Grant.Seen, g.flake.Path()); at != "" {
		arg = shellQuote(at)
		folder = " " + arg
	}
	diff := "`nix-trust grants`"
	if g.kept != "" && g.Grant.Offer != "" {
		diff = "`nix-trust lock diff " + shellQuote(g.kept) + " " + shellQuote(g.Grant.Offer) + "`"
	}
	switch g.State {
	case grants.NotGranted:
		p.text = fmt.Sprintf("%s has no grant, so nothing of its caches is trusted", g.flake)
		p.hints = []string{"look at what it asks for with `nix-trust review" + folder + "`, make its lock with `nix-trust lock" + folder + "`, and accept it with `nix-trust grant" + folder + "`"}
	case grants.Stale:
		p.hints = []string{"see what has changed with " + diff, "accept it with `nix-trust grant " + arg + "`"}
	case grants.Rollback:
		p.hints = []string{"see what would go back with " + diff, "`nix-trust grant " + arg + "` accepts it, after a warning"}
	case grants.Expired, grants.NotYet:
		p.hints = []string{"grant it anew with `nix-trust grant " + arg + "`"}
	case grants.Denied:
		p.hints = []string{"`nix-trust deny --remove " + arg + "` takes the no back"}
	case grants.LockMissing:
		p.hints = []string{"make it with `nix-trust lock" + folder + "`, or put it back"}
	case grants.FlakeGone:
		p.hints = []string{"drop such grants with `nix-trust grants --prune`"}
	case grants.Unreadable:
		p.code = exitUnknown
		p.text = fmt.Sprintf("%s: %s", g.flake, g.Text)
		p.hints = []string{"correct it; nothing that is granted counts until then. `nix-trust grants` says how every grant stands"}
	default: // unknown and unknown, and whatever is new
		p.code = exitUnknown
		p.hints = []string{"`nix-trust grants` says how every grant stands"}
	}
	return p
}

// flakeAbove is the folder with a flake.nix at a folder or above it, as nix looks
// for one: no further than the top of a Git work tree or of the file system.
// Nix: src/libflake/flakeref.cc, parsePathFlakeRefWithFragment.
func flakeAbove(dir string) (string, bool) {
	for {
		if info, err := os.Lstat(filepath.Join(dir, "flake.nix")); err == nil && info.Mode().Type() != os.ModeDir {
			return dir, true
		}
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return "", false
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", false
		}
		dir = up
	}
}
