package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/diskcache"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A diagnosis is all that is known of one cache, and of some paths, for saying
// why it is not used.
type diagnosis struct {
	url     string
	local   *nix.Nix             // of this machine, not the demo's
	wanted  []bincache.StorePath // that the cache is asked for
	drv     bincache.StorePath   // that was named and makes them, "" for none
	report  *trust.Report
	flake   *trust.FlakeReport // nil: none
	verdict trust.CacheVerdict
	probe   probe.Result
	paths   []pathDiagnosis
	stale   *trust.Finding // the daemon is older than its configuration
	// unsignedOK says why Nix asks for no signature here, "" when it does.
	unsignedOK string
	cachix     []cachixTold // what cachix.org says of its keys, when it was asked
}

// A pathDiagnosis is what is known of one path beside what the cache says.
type pathDiagnosis struct {
	probe.Path
	valid  trust.Outcome // Pass: the local store has it already
	memory recollection
	drv    derivationFact
}

// A recollection is what Nix remembers of the cache's answer about a path.
type recollection struct {
	known bool   // it could be read
	why   string // why not
	file  string
	there bool // something is remembered
	diskcache.Entry
	until time.Time
}

// A derivationFact says whether a path's derivation lets caches be asked.
type derivationFact struct {
	path    bincache.StorePath // "" when none is known
	known   bool               // it was read, and makes the path
	refuses bool               // allowSubstitutes is false, and nothing overrides it
}

// mostOutputs bounds what a derivation may ask for.
const mostOutputs = 20

func (a *app) doctorCache(ctx context.Context, args []string, f doctorFlags) error {
	path := ""
	if len(args) > 1 {
		path = args[1]
	}
	names, err := cachixNames(args[:1])
	if err != nil {
		return err
	}
	url, err := cacheArg(args[0])
	if err != nil {
		return err
	}
	d, err := a.diagnose(ctx, url, path, func(r *trust.Report) *trust.FlakeReport { return subject(r, "") })
	if err != nil {
		return err
	}
	o, err := a.probeOptions(ctx, f.netrc)
	if err != nil {
		return err
	}
	if hosts := probe.Hosts([]string{d.url}); len(hosts) > 0 && !f.yes {
		if err := a.askToTell(ctx, consent{hosts: hosts, paths: len(d.wanted), also: cachixAlso(names), done: "diagnosed"}); err != nil {
			return err
		}
	}
	if err := d.ask(ctx, a, o); err != nil {
		return err
	}
	if d.cachix = a.askCachix(ctx, names, d.verdict.Keys, d.report); ctx.Err() != nil {
		return ctx.Err()
	}
	a.keepProbes([]probe.Result{d.probe})
	c := d.conclude()
	if a.json {
		if err := a.writeJSON(d.json(c)); err != nil {
			return err
		}
		return silent(c.code)
	}
	a.printDiagnosis(d, c)
	return silent(c.code)
}

// diagnose is what the machine alone says of a cache, for the flake that of
// picks or none, and which paths the cache is to be asked for. Nobody is asked.
func (a *app) diagnose(ctx context.Context, url, path string, of func(*trust.Report) *trust.FlakeReport) (*diagnosis, error) {
	if !isCacheURL(url) {
		return nil, usage(fmt.Sprintf("%s is not the URL of a cache", safetext.Redact(url)), "a cache is written with its scheme, as in https://example.cachix.org; without one doctor is about this machine")
	}
	if a.bundled() {
		return nil, usage("a cache is asked by the machine that uses it, and --root names a bundle of another one", "run `nix-trust why` on the bundle for what is known there")
	}
	d := &diagnosis{url: url, local: &nix.Nix{Runner: nix.Program{}, StoreDir: a.storeDir(), Root: a.root}}
	var named bincache.StorePath
	if path != "" {
		var err error
		if named, err = storePathOf(d.local.StoreDir, path); err != nil {
			return nil, usage(err.Error(), "a store path is /nix/store/HASH-NAME, or HASH-NAME alone")
		}
	}
	r, err := a.report(ctx, "")
	if err != nil {
		return nil, err
	}
	d.report, d.flake = r, of(r)
	f := d.flake
	if f == nil {
		f = &trust.FlakeReport{State: trust.StateNone, Caches: withoutFlake(r)}
	}
	// Two spellings may differ in what the daemon makes of them.
	found := only(f, r, url).Caches
	d.verdict = found[max(0, slices.IndexFunc(found, func(v trust.CacheVerdict) bool { return v.URL == url }))]
	for i := range r.Findings {
		if r.Findings[i].Code == trust.CodeDaemonStale && d.stale == nil {
			d.stale = &r.Findings[i]
		}
	}
	for _, reason := range d.verdict.Reasons {
		if reason.Outcome == trust.Pass && (reason.Code == trust.CodeSigsOff || reason.Code == trust.CodeStoreTrustedParam) {
			d.unsignedOK = reason.Text
		}
	}
	if a.demo && strings.HasSuffix(string(named), ".drv") {
		return nil, usage("the made-up host has no derivations", "name the path that it makes")
	}
	d.wanted, d.drv, err = wantedPaths(d.local, named)
	return d, err
}

// ask asks the cache, and adds what this machine knows of the paths that it was
// asked for. The user has been asked before.
func (d *diagnosis) ask(ctx context.Context, a *app, o probe.Options) error {
	o.Paths, o.Keys, o.Known = d.wanted, bincache.NewKeyring(d.keys()), parsedKeys(d.verdict.Keys)
	d.probe = probe.Cache(ctx, d.url, o)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	d.verdict.Probed = probedFact(d.probe) // what it was before is of no interest any more
	d.addPaths(ctx, a)
	return ctx.Err()
}

// keys are those that a build here would believe: those in effect, and those
// that the flake brings. A flake that replaces the list leaves only its own.
func (d *diagnosis) keys() []string {
	var own []string
	for _, r := range d.verdict.Reasons {
		if r.Code == trust.CodeKeyForwarded && r.Outcome == trust.Pass {
			own = append(own, r.Subject)
		}
	}
	if d.flake != nil && len(own) > 0 {
		for _, s := range d.flake.Settings {
			if s.Name == "trusted-public-keys" && s.State == trust.SettingApplied && s.Daemon != trust.Dropped {
				return own
			}
		}
	}
	return append(own, keysInEffect(d.report)...)
}

func parsedKeys(texts []string) (keys []bincache.PublicKey) {
	for _, t := range texts {
		if k, err := bincache.ParsePublicKey(t); err == nil {
			keys = append(keys, k)
		}
	}
	return keys
}

// wantedPaths are the paths that a cache is asked for: the one named, or what
// the derivation of that name makes.
func wantedPaths(local *nix.Nix, path bincache.StorePath) (paths []bincache.StorePath, drv bincache.StorePath, err error) {
	if path == "" || !strings.HasSuffix(string(path), ".drv") {
		if path != "" {
			paths = append(paths, path)
		}
		return paths, "", nil
	}
	read, err := local.Derivation(path)
	if err != nil {
		return nil, "", &problem{code: exitUnknown, text: err.Error(), hints: []string{"name the path that it makes instead"}}
	}
	for _, out := range read.Outputs {
		if out != "" {
			paths = append(paths, out)
		}
	}
	slices.Sort(paths)
	switch {
	case len(paths) == 0:
		return nil, "", &problem{code: exitUnknown, text: string(path) + " does not say which paths it makes, as that is known only once it was built", hints: []string{"name the path that it makes, if you know it"}}
	case len(paths) > mostOutputs:
		paths = paths[:mostOutputs]
	}
	return paths, path, nil
}

// addPaths adds what this machine knows of the paths that were asked for. A
// cache that was not reached says nothing of the rest.
func (d *diagnosis) addPaths(ctx context.Context, a *app) {
	for _, path := range d.wanted {
		p := pathDiagnosis{Path: probe.Path{Path: path, Text: "The cache was not asked for it, as it does not answer as one."}}
		for _, got := range d.probe.Paths {
			if got.Path == path {
				p.Path = got
			}
		}
		if a.demo { // its Nix has never asked anybody
			p.memory, p.valid = recollection{known: true}, trust.Fail
			if there, err := a.made().Files().Exists(filepath.Join(d.local.StoreDir, string(path))); err != nil || there {
				p.valid = trust.Pass
			}
			d.paths = append(d.paths, p)
			continue
		}
		p.memory = d.remembered(ctx, a.root, path)
		p.drv = d.derivation(path, p.Deriver)
		if a.root == "" {
			if infos, err := d.local.Info(ctx, []bincache.StorePath{path}, false); err == nil {
				p.valid = trust.Fail
				if _, ok := infos[path]; ok {
					p.valid = trust.Pass
				}
			}
		}
		d.paths = append(d.paths, p)
	}
}

// remembered looks a path up in the database by which this user's builds go.
func (d *diagnosis) remembered(ctx context.Context, root string, path bincache.StorePath) recollection {
	byDaemon := d.report.Nix.Store == trust.StoreDaemon
	i := slices.IndexFunc(d.report.Remembered, func(m trust.Remembered) bool { return m.Daemon == byDaemon })
	if i < 0 || d.report.Nix.Store == trust.StoreUnknown {
		return recollection{why: "it is not known where Nix keeps that here"}
	}
	m := d.report.Remembered[i]
	switch {
	case root != "":
		return recollection{file: m.File, why: "it is not looked at under --root"}
	case m.State == nixconf.SourceMissing:
		return recollection{known: true, file: m.File}
	case m.State != nixconf.SourceRead:
		return recollection{file: m.File, why: cmp.Or(m.Err, "it is not known where that is")}
	}
	now := time.Now()
	q := diskcache.Question{Misses: now.Add(-m.MissTTL), Hits: now.Add(-m.HitTTL), Hashes: []string{path.Digest()}}
	got, err := diskcache.Read(ctx, diskcache.OpenOwned(0, uint32(os.Geteuid()), d.report.User.UID), m.File, q)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return recollection{known: true, file: m.File}
	case err != nil:
		return recollection{file: m.File, why: cause(err).Error()}
	}
	out := recollection{known: true, file: m.File}
	if e, ok := got.Entry(d.verdict.URL, path.Digest()); ok {
		ttl := m.MissTTL
		if e.Present {
			ttl = m.HitTTL
		}
		if until := e.At.Add(ttl); until.After(now) {
			out.there, out.Entry, out.until = true, e, until
		}
	}
	return out
}

// derivation reads what makes a path: the derivation that was named, or the one
// that the cache claims made it, if that is here and really makes it.
func (d *diagnosis) derivation(path, claimed bincache.StorePath) derivationFact {
	drv := d.drv
	if drv == "" {
		drv = claimed
	}
	if drv == "" {
		return derivationFact{}
	}
	read, err := d.local.Derivation(drv)
	if err != nil {
		return derivationFact{path: drv}
	}
	for _, out := range read.Outputs {
		if out == path {
			always := settingInEffect(d.report, "always-allow-substitutes")
			return derivationFact{path: drv, known: true, refuses: read.NoSubstitutes && (always == nil || always.Text != "true")}
		}
	}
	return derivationFact{path: drv}
}
