package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf/flake"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/guard"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/ledger"
)

// The system's grants.toml and accepted locks, which are root's.
const (
	systemGrants = "/etc/nix-trust"
	systemState  = "/var/lib/nix-trust"
)

// A shelf is one grants.toml with the folder of the locks that it accepts.
type shelf struct {
	grants.Source
	locks  string
	lockAt func(path string) (*lock.Lock, error)
}

// A grantBook is the grants of the user who runs the program, which it may
// change, and of the system.
type grantBook struct {
	own     shelf
	shelves []shelf // own first
	store   string  // the store's folder
	// filesAlone says that nix is not asked which source tree a flake is.
	filesAlone bool
	files      host.Files
	lockAt     func(path string) (*lock.Lock, error)
	read       func(path string) (trust.FileState, error)
	put        func(context.Context, trust.FileChange) error // writes an accepted lock
	take       func(path string) error                       // removes it again
}

// grantBook reads the grants. A file that makes no sense is no error here: what
// depends on it says so.
func (a *app) grantBook() (*grantBook, ledger.Journal, error) {
	if a.user != "" {
		return nil, ledger.Journal{}, usage("grants are looked at and changed as the user whose they are", "leave out --user, and run the command as that user")
	}
	store := storeDir()
	j, err := a.journal(store)
	if err != nil {
		return nil, j, err
	}
	dir, err := grantsDir(os.Geteuid(), os.Getenv)
	if err != nil {
		return nil, j, &problem{code: exitUnknown, text: err.Error(), hints: []string{"set HOME to your home folder"}}
	}
	b := &grantBook{store: store, files: host.Under("/"), lockAt: lockAt, read: ledger.Read, take: os.Remove}
	b.put = func(ctx context.Context, c trust.FileChange) error {
		return ledger.Writer{Stores: []string{store}}.Apply(ctx, []trust.FileChange{c})
	}
	return b, j, b.open(dir, j.Dir)
}

// open reads the user's grants and the system's.
func (b *grantBook) open(dir, state string) (err error) {
	places := [][2]string{{dir, state}}
	if dir != systemGrants {
		places = append(places, [2]string{systemGrants, systemState})
	}
	for _, place := range places {
		s := shelf{Source: grants.Source{Path: filepath.Join(place[0], "grants.toml"), Shared: place[0] == systemGrants}, locks: filepath.Join(place[1], "locks"), lockAt: b.lockAt}
		if s.State, err = b.read(s.Path); err != nil {
			return changeProblem(err)
		}
		b.shelves = append(b.shelves, s)
	}
	b.own = b.shelves[0]
	return nil
}

// grantsDir is the folder of a user's grants.toml: the one that
// NIX_TRUST_CONFIG_DIR names; for root /etc/nix-trust; for others nix-trust under
// XDG_CONFIG_HOME, or under ~/.config.
func grantsDir(uid int, getenv func(string) string) (string, error) {
	if dir := getenv("NIX_TRUST_CONFIG_DIR"); filepath.IsAbs(dir) {
		return filepath.Clean(dir), nil
	}
	if uid == 0 {
		return systemGrants, nil
	}
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "nix-trust"), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".config/nix-trust"), nil
	}
	return "", errors.New("there is no folder for the grants: neither HOME nor XDG_CONFIG_HOME names one")
}

// scopes are the files as they are judged by, the given one first.
func (b *grantBook) scopes(first shelf) []grants.Scope {
	out := []grants.Scope{first.Scope()}
	for _, s := range b.shelves {
		if s.Path != first.Path {
			out = append(out, s.Scope())
		}
	}
	return out
}

// lockPath is where an accepted lock is kept.
func (s shelf) lockPath(digest string) string { return filepath.Join(s.locks, digest+".cache-lock") }

// accepted reads an accepted lock back.
func (s shelf) accepted(digest string) grants.Accepted {
	return grants.ReadBack(s.lockAt(s.lockPath(digest)))
}

func lockAt(path string) (*lock.Lock, error) {
	text, err := guard.ReadRegular(path, lock.MaxBytes)
	if err != nil {
		return nil, cause(err)
	}
	return lock.Parse(path, text)
}

// others is what is granted already, to other flakes than one, and the flakes
// whose grants could not be read back.
func (b *grantBook) others(but grants.Identity, now time.Time) (pool *grants.Pool, hidden []grants.Identity) {
	var all []grants.Standing
	for _, s := range b.shelves {
		scopes := b.scopes(s)
		if scopes[0].File == nil {
			continue
		}
		for _, g := range scopes[0].File.Grants {
			if g.Flake == but {
				continue
			}
			st := grants.Judge(g.Flake, scopes, now, s.accepted(g.Lock), grants.Offer{State: grants.OfferNone})
			all = append(all, st)
			if st.State == grants.Unreadable || st.State == grants.Unknown {
				hidden = append(hidden, g.Flake)
			}
		}
	}
	return grants.NewPool(all), hidden
}

// A grantee is a flake as the command line names it.
type grantee struct {
	id     grants.Identity
	folder string // "" when it is not on this machine
	ref    string // as nix takes it
}

// named finds out which flake is meant: a folder, or a reference. Without either
// it is the flake in the current folder or above it, as for nix.
func (b *grantBook) named(arg string) (grantee, error) {
	if arg == "" {
		arg = "."
		if here, err := os.Getwd(); err == nil {
			if dir, ok := flakeAbove(here); ok {
				arg = dir
			}
		}
	}
	isPath := strings.HasPrefix(arg, ".") || strings.HasPrefix(arg, "/")
	r, err := flake.ParseRef(arg)
	switch {
	case !isPath && err != nil:
		return grantee{}, usage(err.Error(), "give a folder, as ./NAME, or a reference such as github:OWNER/REPO")
	case !isPath && r.Path() == "":
		id, err := grants.OfRef(r)
		if err != nil {
			return grantee{}, usage(err.Error(), "give a folder, as ./NAME, or a reference such as github:OWNER/REPO")
		}
		return grantee{id: id, ref: arg}, nil
	case !isPath:
		arg = r.Path()
	}
	folder, err := filepath.Abs(arg)
	if err != nil {
		return grantee{}, &problem{code: exitUnknown, text: err.Error()}
	}
	id, at, err := b.identity(folder)
	if err != nil {
		return grantee{}, &problem{code: exitUnknown, text: err.Error(), hints: []string{"give the folder of the flake, the one with its flake.nix"}}
	}
	return grantee{id: id, folder: at, ref: at}, nil
}

// identity is that of the flake in a folder, and the folder without links.
func (b *grantBook) identity(folder string) (grants.Identity, string, error) {
	at, err := grants.Locate(b.files, folder)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", folder, cause(err))
	}
	id, err := at.Identity()
	return id, at.Folder, err
}

// offer looks at what the flake of a grant offers now.
func (b *grantBook) offer(ctx context.Context, g grants.Grant, detached bool) grants.Offer {
	if g.Flake.Path() != "" {
		if g.Seen == "" {
			return grants.Offer{}
		}
		id, _, err := b.identity(g.Seen)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && id != g.Flake:
			return grants.Offer{State: grants.OfferFlakeGone}
		case err != nil:
			return grants.Offer{}
		}
		if ok, err := b.files.Exists(filepath.Join(g.Seen, "flake.nix")); err != nil {
			return grants.Offer{}
		} else if !ok {
			return grants.Offer{State: grants.OfferFlakeGone}
		}
	}
	if g.Offer == "" {
		return grants.Offer{State: grants.OfferNone}
	}
	o := grants.Offer{Where: g.Offer}
	var err error
	switch o.Lock, err = b.lockAt(g.Offer); {
	case err == nil:
		o.State = grants.OfferRead
	case errors.Is(err, fs.ErrNotExist):
		o.State = grants.OfferMissing
	default:
		o.State, o.Err = grants.OfferUnreadable, err
	}
	// A flake that is elsewhere would have to be fetched to know its source.
	if detached && o.State == grants.OfferRead && g.Flake.Path() != "" {
		if src, err := b.source(ctx, g.Seen); err == nil {
			o.Source = src
		}
	}
	return o
}

// keep puts an accepted lock where it is read back from, and returns what takes
// it away again.
func (b *grantBook) keep(ctx context.Context, digest string, l *lock.Lock) (undo func(), err error) {
	path := b.own.lockPath(digest)
	if a := b.own.accepted(digest); a.Lock() != nil {
		if got, err := a.Lock().Digest(); err == nil && got == digest {
			return func() {}, nil
		}
	}
	text, err := l.Print()
	if err != nil {
		return nil, err
	}
	before, err := b.read(path)
	if err != nil {
		return nil, err
	}
	change := trust.FileChange{Path: path, Before: before, After: trust.FileState{Exists: true, Data: text, Mode: 0o644}, Parents: true}
	if err := b.put(ctx, change); err != nil {
		return nil, err
	}
	return func() { b.take(path) }, nil
}
