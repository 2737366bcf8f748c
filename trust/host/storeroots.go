package host

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/audit"
)

// Bounds on the search for roots.
const (
	maxRootEntries = 500_000 // links and folders
	maxRootDepth   = 40      // of folders
)

// StoreRoots finds what keeps paths from the garbage collector: the links in
// Nix's folders, what running processes use, and what Nix processes need at the
// moment (Nix: src/libstore/gc.cc, findRoots, findTempRoots; local-gc.cc). What
// this user may not look at is said.
func StoreRoots(ctx context.Context, m *Machine, f *trust.Facts) audit.Roots {
	r := rootFinder{ctx: ctx, m: m, store: f.Nix.StoreDir, seen: map[audit.Root]bool{}}
	r.folder(f.Nix.StateDir+"/gcroots", 0)
	r.folder(f.Nix.StateDir+"/profiles", 0)
	if r.entries > maxRootEntries {
		r.unseen("%s has more than %d links: the others were not followed.", f.Nix.StateDir, maxRootEntries)
	}
	if r.hidden > 0 {
		r.unseen("%d links lead to where this user may not look.", r.hidden)
	}
	switch {
	case m.elsewhere:
		r.unseen("Which processes run there, and what they need, is not known.")
	case m.goos != "linux" || !r.procMounted():
		r.unseen("Which processes run, and what they need, is not known, as there is no /proc.")
	default:
		r.temporary(f.Nix.StateDir + "/temproots")
		r.processes()
	}
	if ctx.Err() != nil {
		r.unseen("The search for roots ended early.")
	}
	r.out.Looked = true
	return r.out
}

type rootFinder struct {
	ctx     context.Context
	m       *Machine
	store   string
	seen    map[audit.Root]bool
	entries int
	hidden  int // links whose target could not be seen
	out     audit.Roots
}

func (r *rootFinder) unseen(format string, args ...any) {
	r.out.Unseen = append(r.out.Unseen, fmt.Sprintf(format, args...))
}

// add takes a target in the store, or anything below a path of it.
func (r *rootFinder) add(kind audit.RootKind, from, target string) bool {
	rest, inStore := strings.CutPrefix(target, r.store+"/")
	if !inStore {
		return false
	}
	base, _, _ := strings.Cut(rest, "/")
	r.keep(kind, from, base)
	return true
}

// keep takes a path by its base name, if it is one.
func (r *rootFinder) keep(kind audit.RootKind, from, base string) {
	p, err := bincache.ParseStorePath(base)
	root := audit.Root{Kind: kind, From: from, Path: p}
	if err != nil || r.seen[root] {
		return
	}
	r.seen[root] = true
	r.out.List = append(r.out.List, root)
}

// folder takes the roots in a folder, and in those below it.
func (r *rootFinder) folder(dir string, depth int) {
	if depth > maxRootDepth {
		r.unseen("%s lies too deep to be looked at.", dir)
		return
	}
	entries, err := r.m.files.ReadDir(dir, maxRootEntries+1)
	if err != nil {
		if !isMissing(err) {
			r.unseen("%s could not be read (%s).", dir, plain(err))
		} else if depth == 0 {
			r.unseen("There is no %s.", dir)
		}
		return
	}
	for _, e := range entries {
		if r.entries++; r.entries > maxRootEntries || r.ctx.Err() != nil {
			return
		}
		at := path.Join(dir, e.Name())
		switch e.Type() {
		case fs.ModeDir:
			r.folder(at, depth+1)
		case fs.ModeSymlink:
			r.link(at)
		case 0:
			r.keep(audit.RootLink, at, e.Name())
		}
	}
}

// link follows a link, and one more where it leads to another link.
func (r *rootFinder) link(at string) {
	target, err := r.m.files.ReadLink(at)
	if err != nil {
		if !isMissing(err) {
			r.hidden++
		}
		return
	}
	if r.add(audit.RootLink, at, target) {
		return
	}
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(at), target)
	}
	target = path.Clean(target)
	info, err := r.m.files.Lstat(target)
	switch there, unsure := exists(info, err); {
	case unsure != nil:
		r.hidden++
		return
	case !there, info.Mode().Type() != fs.ModeSymlink:
		return
	}
	second, err := r.m.files.ReadLink(target)
	if err != nil {
		r.hidden++
		return
	}
	r.add(audit.RootLink, target, second)
}

// temporary takes what Nix processes that run now have asked to keep.
func (r *rootFinder) temporary(dir string) {
	entries, err := r.m.files.ReadDir(dir, maxRootEntries)
	if err != nil {
		if !isMissing(err) {
			r.unseen("%s, with what builds need at the moment, could not be read (%s).", dir, plain(err))
		}
		return
	}
	closed, why := 0, error(nil)
	for _, e := range entries {
		pid, err := strconv.ParseUint(e.Name(), 10, 31)
		if err != nil || r.ctx.Err() != nil || !r.runs(pid) {
			continue // what a process that ended has left behind
		}
		data, err := r.m.files.ReadFile(path.Join(dir, e.Name()))
		if err != nil {
			if !isMissing(err) {
				closed, why = closed+1, err
			}
			continue
		}
		for p := range strings.SplitSeq(string(data), "\x00") {
			r.add(audit.RootTemporary, fmt.Sprintf("process %d", pid), p)
		}
	}
	if closed > 0 {
		r.unseen("What %d running Nix processes need at the moment could not be read (%s).", closed, plain(why))
	}
}

// runs reports whether a process may be running.
func (r *rootFinder) runs(pid uint64) bool {
	there, err := r.m.files.Exists("/proc/" + strconv.FormatUint(pid, 10))
	return there || err != nil
}
