package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/challenge"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/guard"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/host/bundle"
	"github.com/nix-trust/nix-trust/trust/host/demo"
	"github.com/nix-trust/nix-trust/tui"
)

// What the Locks screen asks of the program; see tui.LockBackend.

// lockFile is the name of the lock beside a flake.nix.
const lockFile = "flake.cache-lock"

// Locks reads the lock beside each flake of the report. Nothing else is done.
func (a *app) Locks(ctx context.Context, r *trust.Report) ([]tui.LockFile, error) {
	files := make([]tui.LockFile, len(r.Flakes))
	room := int64(lock.MaxBytes) // for all of them: each is held in memory
	for i := range r.Flakes {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		f := tui.LockFile{Flake: r.Flakes[i].ID, Here: slices.Contains(r.Flakes[i].Found, "current folder")}
		if f.Flake.Path != "" {
			f.Path = filepath.Join(f.Flake.Path, lockFile)
			room -= a.look(&f, room)
		} else {
			f.Err = errors.New("its source is not a folder on this machine, so that nothing was looked for")
		}
		files[i] = f
	}
	return files, nil
}

// look reads one lock and returns how many bytes it has.
func (a *app) look(f *tui.LockFile, room int64) int64 {
	text, err := a.lockText(f.Path, room)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		f.Seen = true
		return 0
	case err != nil:
		f.Seen, f.Err = true, cause(err)
		return 0
	}
	f.Seen = true
	l, err := lock.Parse(f.Path, text)
	if err == nil {
		f.Digest, err = l.Digest()
	}
	if err != nil {
		f.Err = err
		return 0
	}
	f.Lock = l
	return int64(len(text))
}

// lockText reads a lock on the machine that is looked at. A pipe or a device
// in its place is not opened.
func (a *app) lockText(path string, most int64) ([]byte, error) {
	var text []byte
	var err error
	switch {
	case a.demo:
		text, err = a.made().Files().ReadFile(path)
	case a.bundled():
		var b *bundle.Bundle
		if b, err = a.bundle(); err == nil {
			text, err = b.Files().ReadFile(path)
		}
	case a.root != "":
		text, err = host.Under(a.root).ReadFile(path)
	default:
		text, err = guard.ReadRegular(path, most)
	}
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("the locks are larger together than is read at once; look at it alone with `nix-trust verify %s`", path)
	}
	return text, err
}

// Compared reads the lock to compare with.
func (a *app) Compared(ctx context.Context, f tui.LockFile, path string) (string, *lock.Lock, error) {
	name, text, err := "git's HEAD", []byte(nil), error(nil)
	switch {
	case path != "":
		if name = path; !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(f.Path), path)
		}
		text, err = a.lockText(path, lock.MaxBytes)
	case a.demo:
		text, err = demo.Committed(f.Path)
	case a.root != "":
		err = errors.New("git is not asked about another system's files; press D and name a file")
	default:
		text, err = committed(ctx, nix.Program{}, f.Path)
	}
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", name, cause(err))
	}
	l, err := lock.Parse(name, text)
	return name, l, advised(err, lockProblem)
}

// advised is an error with what to do about it at its end: a screen has one
// place for both.
func advised(err error, problemOf func(error) *problem) error {
	if err == nil {
		return nil
	}
	p := problemOf(err)
	if errors.As(err, &p); len(p.hints) == 0 {
		return err
	}
	return fmt.Errorf("%w. To do: %s", err, strings.Join(p.hints, "; "))
}

// committed returns a file as the HEAD of its git repository has it. Git goes
// to no network for it and runs nothing that the repository names.
func committed(ctx context.Context, run nix.Runner, path string) ([]byte, error) {
	call := nix.Call{
		Dir: filepath.Dir(path),
		Args: []string{"git", "--no-pager", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never",
			"cat-file", "blob", "HEAD:./" + filepath.Base(path)},
		Env: []string{"GIT_NO_LAZY_FETCH=1", "GIT_NO_REPLACE_OBJECTS=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"},
	}
	r, err := run.Run(ctx, call)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	case r.Code != 0:
		line, _, _ := strings.Cut(strings.TrimSpace(string(r.Stderr)), "\n")
		return nil, fmt.Errorf("git has no committed version of it: %s", line)
	case len(r.Stdout) > lock.MaxBytes:
		return nil, errors.New("it is larger than a lock may be")
	}
	return r.Stdout, nil
}

// Check compares a lock with what its flake evaluates to, as lock --check does.
func (a *app) Check(ctx context.Context, f tui.LockFile) (tui.LockCheck, error) {
	switch {
	case a.demo:
		return tui.LockCheck{Systems: f.Lock.SystemNames(), Changes: demoCheck(f)}, nil
	case a.root != "":
		return tui.LockCheck{}, errors.New("flakes of another system are not evaluated here")
	case a.user != "":
		return tui.LockCheck{}, errors.New("flakes are evaluated in nobody else's name; run it as that user")
	}
	return a.checkWith(ctx, &nix.Nix{Runner: nix.Program{}, StoreDir: storeDir(), Offline: true}, f)
}

func (a *app) checkWith(ctx context.Context, n *nix.Nix, f tui.LockFile) (tui.LockCheck, error) {
	c := tui.LockCheck{Systems: f.Lock.SystemNames()}
	src, err := n.Source(ctx, f.Flake.Path)
	if err != nil {
		return c, advised(err, nixProblem)
	}
	j := &lockJob{app: a, f: lockFlags{check: true}, nix: n, src: src, file: f.Path, old: f.Lock}
	var all []moved
	if !f.Lock.Source.IsZero() {
		j.f.detached = f.Path
		if f.Lock.Source != src.NarHash {
			all = append(all, moved{What: string(lock.ClassSourceChanged), Name: "source", Locked: f.Lock.Source.String(), Now: src.NarHash.String()})
		}
	}
	for _, system := range c.Systems {
		ms, err := j.checkSystem(ctx, system)
		if err != nil {
			return c, advised(err, nixProblem)
		}
		all = append(all, ms...)
	}
	for _, m := range all {
		c.Changes = append(c.Changes, lock.Change{Class: lock.Class(m.What), System: m.System, Subject: m.Name, Old: m.Locked, New: m.Now})
	}
	return c, ctx.Err()
}

// demoCheck compares a lock of the demo with what its flake is said to have.
func demoCheck(f tui.LockFile) lock.Diff {
	was, is := lock.New(), lock.New()
	for system, outputs := range demo.Evaluated(f.Flake.Path) {
		is.Section(system).Outputs = outputs
	}
	for system, s := range f.Lock.Systems {
		was.Section(system).Outputs = s.Outputs
	}
	return lock.Compare(was, is)
}

// cacheClient gets from caches: real ones, or those of the demo.
func (a *app) cacheClient() (*bincache.Client, error) {
	if a.demo {
		return bincache.NewClient(bincache.Options{Source: a.made().Caches(), Limits: bincache.Limits{PerHost: 3}}), nil
	}
	netrc, err := readNetrc("")
	if err != nil {
		return nil, err
	}
	return bincache.NewClient(bincache.Options{Netrc: netrc, StoreDir: storeDir()}), nil
}

// Verify asks every cache of a lock. The screen has asked the user before.
func (a *app) Verify(ctx context.Context, f tui.LockFile, contents bool, progress func(done, all int)) (*verify.Report, error) {
	client, err := a.cacheClient()
	if err != nil {
		return nil, err
	}
	return verify.Verify(ctx, f.Lock, verify.Options{Client: client, Contents: contents, Progress: progress})
}

// Challenge asks the caches, the lock and the local store. The screen has
// asked the user before.
func (a *app) Challenge(ctx context.Context, f tui.LockFile, caches []lock.Cache, paths []lock.StorePath, progress func(done, all int)) (*challenge.Report, error) {
	client, err := a.cacheClient()
	if err != nil {
		return nil, err
	}
	o := challenge.Options{Client: client, Caches: caches, Lock: f.Lock, Progress: progress}
	r, err := a.report(ctx, "")
	if err != nil {
		return nil, err
	}
	o.Keys = believedKeys(r)
	if !a.demo && a.root == "" {
		o.StoreDir = storeDir()
		o.Store = &nix.Nix{Runner: nix.Program{}, StoreDir: storeDir()}
	}
	return challenge.Run(ctx, paths, o)
}
