package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/storedb"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

type auditFlags struct {
	key    string
	cache  string
	unused bool
	list   bool
}

func (a *app) auditCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "audit",
		Short: "Say what vouches for each path of the store: which key, this machine, or nothing",
		Long: `audit reads the database of the local store and says what vouches for each path:
a signature of a believed key that verifies, this machine that built it, its own
name, or nothing; how much that is, and whether roots keep it. Any user can write
a signature into the database, so each is checked. Nothing is changed and no
network is touched. Where the database may not be read, the daemon is asked what
it says. Files are not read: see
` + "`nix store verify`" + ` for that.

--key NAME or --cache URL says what rests on a key alone: what would have to be
doubted if the key were stolen, what keeps those paths, how to check them in
another way and how to remove them. NAME is a key's name, or the key itself.

--unused says which believed keys and caches are of no use to what is kept.

--list prints store paths alone, one a line, for scripts: those that nothing
believed vouches for, or with --key or --cache those that rest on it alone.

Exit code: 0 when something vouches for every path, and with --key or --cache
when nothing rests on it alone; 1 for paths of which that is not so, and with
--unused for what could be dropped; 2 a wrong use; 3 when the database cannot be
read, or something that decides is not known; 4 when a signature under a believed
key's name is not that key's.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd, a.json); err != nil {
				return err
			}
			var err error
			if f.cache, err = cacheArg(f.cache); err != nil {
				return err
			}
			return a.audit(cmd.Context(), f)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.key, "key", "", "what rests on the key `NAME` alone")
	fl.StringVar(&f.cache, "cache", "", "what rests on the keys of the cache at `URL` alone")
	fl.BoolVar(&f.unused, "unused", false, "which believed keys and caches could be dropped")
	fl.BoolVar(&f.list, "list", false, "print store paths alone")
	return c
}

func (f auditFlags) check(cmd *cobra.Command, json bool) error {
	for _, name := range []string{"key", "cache"} {
		if fl := cmd.Flags().Lookup(name); fl.Changed && fl.Value.String() == "" {
			return usage("--"+name+" was given without a value", "leave it out to look at all keys")
		}
	}
	switch {
	case f.key != "" && f.cache != "":
		return usage("--key and --cache exclude each other", "give one of them")
	case f.unused && (f.list || f.key != "" || f.cache != ""):
		return usage("--unused looks at all keys and caches and has no list", "leave the other flags out")
	case f.list && json:
		return usage("--list and --json exclude each other", "--json has the paths of the list, with more")
	}
	return nil
}

// An audited store is the outcome with what it is shown by.
type audited struct {
	*audit.Report
	facts  *trust.Facts
	trust  *trust.Report
	doubts []string // why something that decides may be otherwise
}

func (a *app) audit(ctx context.Context, f auditFlags) error {
	// A large store is held whole, and the usual twice its room would be much.
	defer debug.SetGCPercent(debug.SetGCPercent(40))
	p := a.progress()
	got, err := a.auditStore(ctx, f.key, p.show)
	p.clear()
	if err != nil {
		return err
	}
	var chosen []int
	if f.key != "" || f.cache != "" {
		if chosen, err = got.choose(f); err != nil {
			return err
		}
	}
	switch {
	case f.list:
		return a.listAudited(got, chosen)
	case a.json:
		return a.writeAudit(got, f, chosen)
	case f.unused:
		return a.printUnused(got)
	case chosen != nil:
		return a.printRadius(got, f, chosen)
	}
	return a.printAudit(got)
}

// auditStore looks at the machine, reads the store and checks the signatures.
// more is a key that is looked for too, NAME:BASE64; anything else is none.
// progress is told how many of all paths are done.
func (a *app) auditStore(ctx context.Context, more string, progress func(done, all int)) (*audited, error) {
	f, r, err := a.examine(ctx, "")
	if err != nil {
		return nil, err
	}
	return a.auditOf(ctx, f, r, more, progress)
}

// auditOf is auditStore for a machine that was looked at.
func (a *app) auditOf(ctx context.Context, f *trust.Facts, r *trust.Report, more string, progress func(done, all int)) (*audited, error) {
	if err := configKnown(r); err != nil {
		return nil, err
	}
	if f.Nix.Store == trust.StoreOther || f.Nix.Store == trust.StoreNone {
		return nil, &problem{code: exitUnknown, text: "audit reads the machine's own store, and commands here use another: " + f.Nix.Store.String() + ", " + f.Nix.StoreWhy,
			hints: []string{"run it where the store setting and NIX_REMOTE are not set, or on the machine that has the store"}}
	}
	m, _, err := a.machine("")
	if err != nil {
		return nil, err
	}
	store, err := host.ReadStore(ctx, m, f)
	if err != nil {
		return nil, a.storeProblem(ctx, f, err)
	}
	got := &audited{facts: f, trust: r}
	keys := got.keys(more)
	got.Report, err = audit.Audit(ctx, store, audit.Options{
		Keys: keys, Roots: host.StoreRoots(ctx, m, f),
		KeepDerivations: f.System == nil || f.System.Get("keep-derivations") == nil || f.System.Bool("keep-derivations"),
		KeepOutputs:     f.System != nil && f.System.Bool("keep-outputs"),
		Progress:        progress,
	})
	return got, err
}

// storeProblem says why the database could not be read.
func (a *app) storeProblem(ctx context.Context, f *trust.Facts, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	file := host.StoreDatabase(f)
	p := &problem{code: exitUnknown, text: file + " could not be read: " + err.Error()}
	switch {
	case errors.Is(err, host.ErrNoDatabase):
		p.text = err.Error()
	case errors.Is(err, host.ErrNotRecorded):
		p.text, p.hints = err.Error(), []string{"run nix-trust audit where the bundle was made"}
	case errors.Is(err, host.ErrStoreNotTold):
		p.hints = []string{"run nix-trust audit as root, or as a user whom the daemon serves"}
	case errors.Is(err, fs.ErrNotExist):
		p.text = "there is no " + file + ", so there is no store of this machine to look at"
		p.hints = []string{"NIX_STATE_DIR says where it is when it is elsewhere, and --root looks at another system"}
	case errors.Is(err, fs.ErrPermission):
		p.hints = []string{"it is mostly readable by everyone; run nix-trust audit as root"}
	case errors.Is(err, storedb.ErrBusy):
		p.hints = []string{"run it again when no build or download is at work"}
	}
	return p
}

// choose finds the keys that --key or --cache means.
func (got *audited) choose(f auditFlags) ([]int, error) {
	var out []int
	for i, k := range got.Keys {
		if f.key != "" && (k.Name == f.key || trust.SameItem(k.String(), f.key)) || f.cache != "" && got.owns(f.cache, k) {
			out = append(out, i)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	var names []string
	for _, k := range got.Keys {
		if !slices.Contains(names, k.Name) {
			names = append(names, k.Name)
		}
	}
	hint := "known are: " + strings.Join(names, ", ")
	if f.cache != "" {
		return nil, &problem{code: exitUnknown, text: "which key signs for " + safetext.Redact(f.cache) + " is not known: none is named after its host, and no known flake lists one for it", hints: []string{"name the key with --key", hint}}
	}
	return nil, &problem{code: exitUnknown, text: "no key called " + f.key + " is known here, so none of its signatures could be checked", hints: []string{"give the key itself, NAME:BASE64, or put it where nix-trust looks: trusted-public-keys, or a flake's nixConfig", hint}}
}

// listAudited prints paths for scripts.
func (a *app) listAudited(got *audited, chosen []int) error {
	paths := got.Of(audit.Imported, audit.NotBelieved, audit.Unknown)
	if chosen != nil {
		paths = got.Radius(chosen...).Paths
	}
	for _, i := range paths {
		if row := &got.Store.Rows[i]; row.Path != "" {
			fmt.Fprintln(a.out, row.Path.In(got.Store.Dir))
		}
	}
	for _, d := range got.doubts {
		a.warn("%s", d)
	}
	if n := len(got.Of(audit.Unknown)); n > 0 {
		a.warn("%s of the database %s damaged; `nix-trust audit` says which", count(n, "row", "rows"), map[bool]string{true: "is", false: "are"}[n == 1])
	}
	return silent(got.code(chosen))
}

// code is the exit code: of what was chosen, or of all.
func (got *audited) code(chosen []int) int {
	unsure := len(got.doubts) > 0 || len(got.Of(audit.Unknown)) > 0
	rests := len(got.Of(audit.Imported, audit.NotBelieved)) > 0
	forged := slices.ContainsFunc(got.Claims(), func(c audit.Claimed) bool {
		return c.Kind == audit.ClaimForged && (chosen == nil || slices.ContainsFunc(chosen, func(k int) bool { return got.Keys[k].Name == c.Name }))
	})
	if chosen != nil {
		rests = len(got.Radius(chosen...).Paths) > 0
	}
	switch {
	case forged:
		return exitBad
	case rests:
		return exitFindings
	case unsure:
		return exitUnknown
	}
	return exitOK
}
