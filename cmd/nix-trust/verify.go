package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// verifyFlags are the flags of verify.
type verifyFlags struct {
	systems  []string
	keys     []string
	netrc    string
	contents bool
	store    bool
	yes      bool
	all      bool
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify [LOCK]",
		Short: "Ask every cache of a lock whether it has what the lock pins",
		Long: `verify asks every cache of LOCK (flake.cache-lock when left out) for every path
that it pins: is it there, is it signed by a key that the lock lists for this
cache, and are its hash, size and references those of the lock? A path whose
name is computed from its contents needs no signature. --contents reads the
bytes as well, and --store also looks at what this machine's own store has under
these names: what its database says, and what the files are.

It goes to the network: the caches learn which paths you have pinned. Therefore
it says first how many hosts would learn of how many paths, and asks. --yes is
the answer for scripts.

Exit code: 0 every pin is verified and every cache answered; 1 some pin is
absent everywhere, or nothing proves it; 3 a cache did not answer, or the lock
or the store could not be read, or the lock pins nothing; 4 a hash, size,
reference or signature is wrong, in any cache or the store.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := first(args)
			if path == "" {
				path = lockHere()
			}
			return a.verify(cmd.Context(), path, f)
		},
	}
	c.Flags().StringSliceVar(&f.systems, "system", nil, "verify the `SYSTEM`'s paths only (again for more; default all)")
	c.Flags().BoolVar(&f.contents, "contents", false, "read the bytes of every path, too")
	c.Flags().BoolVar(&f.store, "store", false, "look at the local store's copies, too")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask before going to the network")
	c.Flags().BoolVar(&f.all, "paths", false, "list every path that is not verified, not only the first of each kind")
	c.Flags().StringSliceVar(&f.keys, "known-key", nil, "a `KEY` that is not in the lock; it verifies nothing, and tells a wrong key from a bad signature")
	c.Flags().StringVar(&f.netrc, "netrc", "", "read credentials from `FILE` (default: netrc beside the system's nix.conf, if readable)")
	return c
}

// lockHere is the lock of the flake in the current folder or above it.
func lockHere() string {
	const name = "flake.cache-lock"
	if here, err := os.Getwd(); err == nil {
		if dir, ok := flakeAbove(here); ok && dir != here {
			return filepath.Join(dir, name)
		}
	}
	return name
}

func (a *app) verify(ctx context.Context, path string, f verifyFlags) error {
	text, err := readLockText(path)
	if err != nil {
		return err
	}
	l, err := lock.Parse(path, text)
	if err != nil {
		return lockProblem(err)
	}
	o := verify.Options{Systems: f.systems, Contents: f.contents}
	for _, k := range f.keys {
		key, err := bincache.ParsePublicKey(k)
		if err != nil {
			return usage(fmt.Sprintf("--known-key %s: %v", k, err), "a key is NAME:BASE64, as in trusted-public-keys")
		}
		o.Known = append(o.Known, key)
	}
	if f.store {
		if a.root != "" {
			return usage("--store asks the nix of this machine, and --root names another one", "leave one of them out")
		}
		o.Store = &nix.Nix{Runner: nix.Program{}, StoreDir: storeDir()}
	}
	netrc, err := readNetrc(f.netrc)
	if err != nil {
		return err
	}
	scope, err := verify.ScopeOf(l, f.systems)
	if err != nil {
		return usage(err.Error())
	}
	if scope.Paths > 0 && len(l.Caches) == 0 {
		return &problem{code: exitUnknown, text: path + " names no cache, so that there is nobody to ask", hints: []string{"add a [[cache]] with its url and keys"}}
	}
	if scope.Paths > 0 && len(scope.Hosts) > 0 && !f.yes {
		if err := a.askToTell(ctx, consent{hosts: scope.Hosts, paths: scope.Paths, done: "verified"}); err != nil {
			return err
		}
	}
	o.Client = bincache.NewClient(bincache.Options{Netrc: netrc, StoreDir: storeDir()})
	progress := a.progress()
	o.Progress, o.Bytes = progress.show, progress.bytes
	r, err := verify.Verify(ctx, l, o)
	progress.clear()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &problem{code: exitUnknown, text: path + ": " + err.Error()}
	}
	code := verifyCode(r.Outcome())
	if a.json {
		if err := a.writeJSON(verifyJSONOf(path, scope, f, r)); err != nil {
			return err
		}
		return silent(code)
	}
	a.printVerify(scope, r, f.all)
	return silent(code)
}

func verifyCode(o verify.Outcome) int {
	switch o {
	case verify.Fine:
		return exitOK
	case verify.Unproved:
		return exitFindings
	case verify.Bad:
		return exitBad
	}
	return exitUnknown
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// mostNetrc is how many bytes of a netrc file are read at most.
const mostNetrc = 1 << 20

// readNetrc reads the named file, or the one that Nix uses unless it is told
// otherwise. That one may be missing or unreadable: a cache that wants
// credentials then says so.
func readNetrc(path string) (*bincache.Netrc, error) {
	named := path != ""
	if !named {
		dir := os.Getenv("NIX_CONF_DIR")
		if dir == "" {
			dir = "/etc/nix"
		}
		path = filepath.Join(dir, "netrc")
	}
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > mostNetrc) {
		err = errors.New("it is not a regular file of at most 1 MiB")
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	switch {
	case err == nil:
		return bincache.ParseNetrc(data).Named(), nil
	case !named && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)):
		return nil, nil
	}
	return nil, &problem{code: exitUnknown, text: fmt.Sprintf("the credentials in %s could not be read: %v", path, cause(err))}
}

type verifyJSON struct {
	Version  int            `json:"version"`
	Lock     string         `json:"lock"`
	Systems  []string       `json:"systems"`
	Contents bool           `json:"contents"` // the bytes were asked for, too
	Store    bool           `json:"store"`    // the local store was, too
	Outcome  string         `json:"outcome"`  // "fine", "unproved", "undetermined" or "bad"
	Counts   map[string]int `json:"counts"`   // of pins, by verdict
	Pins     []jsonVerified `json:"pins"`
}

type jsonVerified struct {
	Path    string             `json:"path"`
	Systems []string           `json:"systems"`
	Verdict string             `json:"verdict"`
	Caches  []jsonVerifyAnswer `json:"caches"`
}

type jsonVerifyAnswer struct {
	URL         string           `json:"url"`
	Verdict     string           `json:"verdict"`
	Text        string           `json:"text"`
	Differences []jsonDifference `json:"differences"`
	Signed      string           `json:"signed"`
	By          []string         `json:"by"`
	Addressed   bool             `json:"addressed"`
	Contents    bool             `json:"contents"`
}

type jsonDifference struct {
	Field  string `json:"field"`
	Pinned string `json:"pinned"`
	Got    string `json:"got"`
}

func verifyJSONOf(path string, scope verify.Scope, f verifyFlags, r *verify.Report) verifyJSON {
	out := verifyJSON{Version: 1, Lock: path, Systems: list(scope.Systems, same), Contents: f.contents, Store: f.store, Outcome: r.Outcome().String(), Counts: map[string]int{}}
	for v, n := range r.Counts() {
		out.Counts[v.String()] = n
	}
	out.Pins = list(r.Pins, func(p verify.Pin) jsonVerified {
		return jsonVerified{string(p.Path), list(p.Systems, same), p.Verdict.String(), list(p.Answers, func(an verify.Answer) jsonVerifyAnswer {
			ds := list(an.Differences, func(d verify.Difference) jsonDifference { return jsonDifference(d) })
			return jsonVerifyAnswer{an.Cache, an.Verdict.String(), safetext.Redact(an.Text), ds, an.Signed.String(), list(slices.Clone(an.By), same), an.Addressed, an.Contents}
		})}
	})
	return out
}
