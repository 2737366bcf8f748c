package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/guard"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/host/bundle"
)

// maxBundle is the largest archive that is read.
const maxBundle = 128 << 20

// An openedBundle is the archive that --root names.
type openedBundle struct {
	sync.Mutex
	*bundle.Bundle
}

// bundled reports whether --root names a file, which then is a bundle, and stays
// one when the file is gone.
func (a *app) bundled() bool {
	if a.root == "" {
		return false
	}
	a.opened.Lock()
	read := a.opened.Bundle != nil
	a.opened.Unlock()
	if read {
		return true
	}
	info, err := os.Stat(a.root)
	return err == nil && !info.IsDir()
}

// bundle reads the bundle that --root names, once.
func (a *app) bundle() (*bundle.Bundle, error) {
	a.opened.Lock()
	defer a.opened.Unlock()
	if a.opened.Bundle != nil {
		return a.opened.Bundle, nil
	}
	fail := func(err error) (*bundle.Bundle, error) {
		return nil, &problem{code: exitUnknown, text: fmt.Sprintf("--root %s could not be read as a bundle: %v", a.root, cause(err)),
			hints: []string{"--root takes the root folder of a system, such as /mnt, or a file that `nix-trust report --bundle` wrote"}}
	}
	text, err := guard.ReadRegular(a.root, maxBundle)
	if err == nil && len(text) > maxBundle {
		err = syscall.EFBIG
	}
	if err != nil {
		return fail(err)
	}
	b, err := bundle.Read(bytes.NewReader(text))
	if err != nil {
		return fail(err)
	}
	a.opened.Bundle = b
	a.warn("what is shown is not this machine, but what %s saw on %s.", b.By(), b.Made().Format("2006-01-02 at 15:04 UTC"))
	if d := b.Differs(); len(d) > 0 {
		a.warn("it does not show the same as that machine did in: %s", strings.Join(d, ", "))
	}
	return b, nil
}

// bundledMachine is the machine of the bundle that --root names.
func (a *app) bundledMachine(named string) (*host.Machine, host.Options, error) {
	b, err := a.bundle()
	if err != nil {
		return nil, host.Options{}, err
	}
	m, o, err := b.Machine()
	if err != nil {
		return nil, o, &problem{code: exitUnknown, text: err.Error()}
	}
	if a.user != "" && a.user != b.User() {
		return nil, o, usage(fmt.Sprintf("the bundle is about the user %s, and what %s would see is not in it", b.User(), a.user), "leave out --user")
	}
	if named != "" {
		o.Flake = named
	}
	return m, o, nil
}

// lookBeside adds to the facts of a look what is known of grants, gates and
// probes: for a bundle, what was when it was made.
func (a *app) lookBeside(ctx context.Context, f *trust.Facts) {
	if !a.bundled() {
		a.lookAtGrants(ctx, f)
		a.lookAtProbes(f)
		return
	}
	b, err := a.bundle()
	if err != nil || b.Beside() == nil {
		f.Notes = append(f.Notes, trust.Note{Text: "How grants stood is not in the bundle."})
		return
	}
	b.Beside().Add(f)
}

// now is when what is shown was seen: for a bundle that is when it was made.
func (a *app) now() time.Time {
	a.opened.Lock()
	defer a.opened.Unlock()
	if a.opened.Bundle != nil {
		return a.opened.Made()
	}
	return time.Now()
}
