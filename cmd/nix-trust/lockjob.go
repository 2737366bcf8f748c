package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/ledger"
)

// A lockJob is one run of lock: what is locked, and where the lock lies.
type lockJob struct {
	*app
	f       lockFlags
	nix     *nix.Nix
	src     *nix.Source      // nil when store paths are locked
	paths   []lock.StorePath // given on the command line
	file    string
	text    []byte // of the file, nil when there is none
	old     *lock.Lock
	dropped []string // systems of a lock for another source tree
	systems []string

	progressNote *progressLine
}

// newLockJob finds out what is locked, and reads the lock that there is.
func (a *app) newLockJob(ctx context.Context, args []string, f lockFlags) (*lockJob, error) {
	if f.consumer {
		f.build, f.inputs = true, true
	}
	if a.root != "" || a.user != "" {
		return nil, usage("a lock is made as yourself and on this machine, with your nix", "leave out --root and --user")
	}
	if f.consumer && f.detached != "" {
		return nil, usage("--consumer and --detached exclude each other", "a consumer's lock lies beside flake.nix; a detached one belongs to one source tree")
	}
	if f.detached != "" && f.file != "" {
		return nil, usage("--lock and --detached both name the file", "leave out --lock")
	}
	for _, system := range f.systems {
		if err := lock.CheckSystem(system); err != nil {
			return nil, usage(fmt.Sprintf("--system %s: %v", system, err))
		}
	}
	if err := f.checkCaches(); err != nil {
		return nil, err
	}
	j := &lockJob{app: a, f: f, nix: &nix.Nix{Runner: nix.Program{}, StoreDir: storeDir(), Offline: f.check}, file: f.file}
	if len(args) > 0 && strings.HasPrefix(args[0], j.nix.StoreDir+"/") || len(args) > 1 {
		if err := j.takePaths(args); err != nil {
			return nil, err
		}
	} else {
		ref := "."
		if len(args) == 1 {
			ref = args[0]
		}
		src, err := j.nix.Source(ctx, ref)
		if err != nil {
			p := nixProblem(err)
			if info, err := os.Stat(ref); err == nil && info.IsDir() && !strings.ContainsAny(ref, "./:") {
				p.hints = []string{fmt.Sprintf("nix takes %s for the name of a flake in a registry; the folder is ./%s", ref, ref)}
			}
			return nil, p
		}
		j.src = src
	}
	switch {
	case f.detached != "":
		j.file = f.detached
	case j.file == "" && j.src == nil:
		j.file = lockFile
	case j.file == "" && j.src.Folder != "":
		j.file = filepath.Join(j.src.Folder, lockFile)
		if leadsOut(j.file, j.src.Folder) {
			return nil, &problem{code: exitUnknown, text: j.file + " is a link that leads out of the flake's folder", hints: []string{"if the file that it leads to shall be written, name that with --lock"}}
		}
	case j.file == "":
		return nil, usage(fmt.Sprintf("%s is not a folder here, so there is no place for its %s", j.src.Ref, lockFile), "name a file: --detached FILE pins this version of it, --lock FILE any")
	}
	if err := j.readOld(); err != nil {
		return nil, err
	}
	j.systems = f.systems
	if len(j.systems) == 0 {
		system, err := j.nix.System(ctx)
		if err != nil {
			p := nixProblem(err)
			p.hints = append(p.hints, "or say for which system: --system x86_64-linux")
			return nil, p
		}
		j.systems = []string{system}
	}
	slices.Sort(j.systems)
	j.systems = slices.Compact(j.systems)
	return j, nil
}

// leadsOut reports whether a file that is there leads, through links, out of a
// folder: whoever wrote a flake does not say what of this
// machine is written.
func leadsOut(file, folder string) bool {
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return false // not there, or refused when it is written
	}
	home, err := filepath.EvalSymlinks(folder)
	return err != nil || !strings.HasPrefix(real, strings.TrimSuffix(home, "/")+"/")
}

// storeDir is where this user's nix has its store.
// Nix: src/libstore/globals.cc, Settings::Settings.
func storeDir() string {
	for _, name := range []string{"NIX_STORE_DIR", "NIX_STORE"} {
		if dir := os.Getenv(name); dir != "" {
			return filepath.Clean(dir)
		}
	}
	return bincache.DefaultStoreDir
}

// storeDir is where the store of the machine that is looked at is.
func (a *app) storeDir() string {
	if a.demo {
		return bincache.DefaultStoreDir
	}
	return storeDir()
}

// takePaths takes store paths from the command line.
func (j *lockJob) takePaths(args []string) error {
	for _, flag := range []struct {
		name string
		set  bool
	}{{"--output", len(j.f.outputs) > 0}, {"--check", j.f.check}, {"--consumer", j.f.consumer}, {"--detached", j.f.detached != ""}, {"--build", j.f.build}} {
		if flag.set {
			return usage(flag.name+" is for flakes, and store paths were given", "give one flake, or store paths without "+flag.name)
		}
	}
	for _, arg := range args {
		p, err := bincache.ParseStorePathIn(j.nix.StoreDir, strings.TrimSuffix(arg, "/"))
		if err != nil {
			return usage(err.Error(), "give one flake, or store paths such as /nix/store/…-hello")
		}
		j.paths = append(j.paths, p)
	}
	return nil
}

func (j *lockJob) readOld() error {
	j.old = lock.New()
	if info, err := os.Stat(j.file); err == nil && !info.Mode().IsRegular() {
		// A flake may have a link to a pipe in its place.
		return &problem{code: exitUnknown, text: j.file + " is no file", hints: []string{"remove it, or name another with --lock"}}
	} else if err != nil {
		if !os.IsNotExist(err) {
			return &problem{code: exitUnknown, text: fmt.Sprintf("%s could not be read: %v", j.file, cause(err))}
		}
		if j.f.check {
			return &problem{code: exitFindings, text: j.file + " does not exist", hints: []string{"`nix-trust lock` makes it"}}
		}
		return nil
	}
	text, err := readLockText(j.file)
	if err != nil {
		return err
	}
	if j.old, err = lock.Parse(j.file, text); err != nil {
		return lockProblem(err)
	}
	j.text = text
	switch {
	case j.f.detached == "" && !j.old.Source.IsZero() && j.src != nil:
		return usage(j.file+" is a detached lock, which belongs to one source tree", "renew it with --detached "+j.file)
	case j.f.detached != "" && j.old.Source != j.src.NarHash && !j.f.check:
		// What it pins for other systems was made from another tree.
		for _, system := range j.old.SystemNames() {
			if !slices.Contains(j.f.systems, system) {
				j.dropped = append(j.dropped, system)
			}
		}
		j.old = lock.New()
	}
	return nil
}

// finish gives the new lock its source.
func (j *lockJob) finish(l *lock.Lock) (*lock.Lock, error) {
	done := *l
	switch {
	case j.f.detached != "":
		done.Source = j.src.NarHash
	case j.src != nil:
		done.Source = lock.Hash{}
	}
	return &done, done.Validate()
}

// save writes the lock, unless nothing changed.
func (j *lockJob) save(ctx context.Context, out *lockOutcome) error {
	text, err := out.lock.Print()
	if err != nil {
		return &problem{code: exitUnknown, text: err.Error()}
	}
	if bytes.Equal(text, j.text) || j.text == nil && out.empty() {
		return nil
	}
	if j.f.dryRun {
		out.would = true
		return nil
	}
	var before trust.Digest
	if j.text != nil {
		before = trust.DigestOf(j.text)
	}
	path, err := filepath.Abs(j.file)
	if err == nil {
		err = ledger.Replace(ctx, path, before, text)
	}
	if err != nil {
		return writeProblem(err)
	}
	out.written = true
	return nil
}

// writeProblem is why a file could not be written.
func writeProblem(err error) *problem {
	p := &problem{code: exitUnknown, text: err.Error()}
	var e *ledger.Error
	if errors.As(err, &e) && e.Hint != "" {
		p.hints = []string{e.Hint}
	}
	return p
}
