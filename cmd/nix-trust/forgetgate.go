package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/diskcache"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/guard"
)

// What Nix remembers of a gate's answers is older than a grant that was just
// given or taken back: a path that the gate did not have is not asked for again
// for an hour, and one that it had leads to a 404 that fails a build. So a plan
// that changes grants is followed by deleting what is remembered of the gate, in
// the databases of whoever runs the program: for root they are the daemon's.

// A gateMemory is what there is to delete.
type gateMemory struct {
	files []string // databases that there are
	urls  []string // of gates, as Nix stores them
}

// gateMemory is that of the user who runs the program.
func (a *app) gateMemory() gateMemory {
	places := []gateplace.Place{gateplace.OfMachine("")}
	if own, err := a.gatePlace(""); err == nil {
		places = append(places, own)
	}
	return gateMemoryIn(diskcache.Folders(ownHome(os.Geteuid(), os.Getenv("HOME")), os.Getenv("XDG_CACHE_HOME"), os.Getenv("NIX_CACHE_HOME")), places)
}

// ownHome is the home folder of a user. Under sudo HOME may still be the
// caller's, and Nix, too, then goes by the password database.
func ownHome(uid int, home string) string {
	if ownedBy(home, uid) {
		return home
	}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.HomeDir
	}
	return ""
}

func ownedBy(path string, uid int) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == uid
}

// rootsAlone reports whether root can have SQLite write to a file, which goes by
// the journal that lies beside it: in a folder of another user's, as where sudo
// leaves XDG_CACHE_HOME, that has root write and remove what the user likes.
func rootsAlone(file string) bool {
	if os.Geteuid() != 0 {
		return true
	}
	_, err := guard.Guard{Owners: []uint32{0}, Folders: true}.Way(file)
	return err == nil
}

func gateMemoryIn(folders []string, places []gateplace.Place) gateMemory {
	var m gateMemory
	for _, p := range places {
		for _, u := range append(p.URLs(), "http://"+p.Address) {
			if u = diskcache.URL(u); !slices.Contains(m.urls, u) {
				m.urls = append(m.urls, u)
			}
		}
	}
	for _, dir := range folders {
		for _, f := range diskcache.Files(dir) {
			// Another user's is left alone, root or not.
			if ownedBy(f, os.Geteuid()) && rootsAlone(f) {
				m.files = append(m.files, f)
			}
		}
	}
	return m
}

// changesGrants says whether a plan changes what a gate serves.
func changesGrants(p trust.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s trust.FileChange) bool {
		return filepath.Base(s.Path) == "grants.toml" && !s.Before.Equal(s.After)
	})
}

// noteForgetting says in a plan what is deleted besides its files.
func noteForgetting(p trust.Plan, m gateMemory) trust.Plan {
	if !changesGrants(p) {
		return p
	}
	for _, f := range m.files {
		p.Notes = append(slices.Clip(p.Notes), "What Nix remembers of the gate's answers in "+f+" is deleted, so that it asks the gate again.")
	}
	if len(m.files) > 0 && os.Geteuid() != 0 {
		p.Notes = append(slices.Clip(p.Notes), "What a daemon remembers of the gate is root's and stays. It hides no path that is granted now, as the gate is asked under another URL after a change, and makes the gate serve nothing that is not granted.")
	}
	return p
}

// forget deletes what is remembered of the gate after a plan was made. It
// returns a sentence for each database in which it could not.
func (m gateMemory) forget(ctx context.Context, p trust.Plan) (warnings []string) {
	if !changesGrants(p) {
		return nil
	}
	for _, f := range m.files {
		_, err := diskcache.Forget(ctx, f, func(url string) bool { return slices.Contains(m.urls, diskcache.URL(url)) })
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		warnings = append(warnings, fmt.Sprintf("what Nix remembers of the gate in %s could not be deleted: %v. "+
			"For up to an hour Nix may take a path for missing that was just granted, and a path that it remembers as there may end in a 404 of the gate. "+
			"Add --refresh to the command, or delete the file: Nix makes it anew.", f, err))
	}
	return warnings
}
