package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// probeFlags are the flags of probe.
type probeFlags struct {
	paths []string
	flake string
	lock  string
	netrc string
	all   bool
	last  bool
	yes   bool
}

// mostProbed bound one run.
const (
	mostProbed      = 200 // caches
	mostProbedPaths = 50
)

func (a *app) probeCommand() *cobra.Command {
	var f probeFlags
	c := &cobra.Command{
		Use:   "probe [URL...]",
		Short: "Ask caches how they are: there, how fast, and what Nix makes of them",
		Long: `probe asks each cache for its nix-cache-info and for paths that do not exist, and
says whether it answers, as a cache for which store, how long a hit and a miss
take, how the connection is encrypted, whether it wants credentials, what keeping
it costs a build, and in which order Nix asks the caches. Without a URL these are
the caches in effect; with --all also those that are granted, and those that
flakes here ask for.

A cache learns of no path that you use, unless you name one: with --path it is
asked for that too, and its signature is checked by the keys in effect here. With
--flake or --lock the caches of that lock are asked for up to 8 paths that it
pins, the outputs first, whether they still have them as pinned, signed by the
keys of the lock. What is asked is said first, and asked. --yes is the answer for
scripts.

cachix:NAME stands for https://NAME.cachix.org. cachix.org is then asked which
keys the cache signs with, and they are compared with those that are claimed or
believed here. None is believed for that.

Results are kept with their time, without paths, in nix-trust/probes.json of your
cache folder. --last shows them and asks nobody.

Exit code: 0 every cache is reachable and Nix would ask it; 1 some is not, or a
path of the lock is had or signed by none; 3 it is not known of some; 4 a signature
is wrong under the name of a key in effect, or a hash is not as pinned.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.last {
				return a.probeLast(args, f)
			}
			return a.probe(cmd.Context(), args, f)
		},
	}
	c.Flags().StringArrayVar(&f.paths, "path", nil, "also ask for the store path `PATH`, and check its signature (again for more)")
	c.Flags().StringVar(&f.flake, "flake", "", "also ask for some paths that the lock of `FLAKE`, a folder, pins")
	c.Flags().StringVar(&f.lock, "lock", "", "also ask for some paths that the lock `FILE` pins")
	c.Flags().BoolVar(&f.all, "all", false, "also probe the caches that are granted or that flakes ask for")
	c.Flags().BoolVar(&f.last, "last", false, "show the results that were kept, and ask nobody")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask before going to the network")
	c.Flags().StringVar(&f.netrc, "netrc", "", "read credentials from `FILE` (default: netrc beside the system's nix.conf, if readable)")
	return c
}

func (a *app) probe(ctx context.Context, urls []string, f probeFlags) error {
	if f.all && len(urls) > 0 {
		return usage("--all names the caches that are probed, and some were given", "leave one of them out")
	}
	names, err := cachixNames(urls)
	if err != nil {
		return err
	}
	urls = slices.Clone(urls)
	if err := cacheArgs(urls); err != nil {
		return err
	}
	for _, u := range urls {
		if !isCacheURL(u) {
			return usage(fmt.Sprintf("%s is not the URL of a cache", safetext.Redact(u)), "a cache is written with its scheme, as in https://example.cachix.org")
		}
	}
	o, err := a.probeOptions(ctx, f.netrc)
	if err != nil {
		return err
	}
	for _, arg := range f.paths {
		p, err := storePathOf(o.StoreDir, arg)
		if err != nil {
			return usage("--path "+err.Error(), "a store path is /nix/store/HASH-NAME, or HASH-NAME alone")
		}
		o.Paths = append(o.Paths, p)
	}
	r, err := a.report(ctx, "")
	if err != nil {
		return err
	}
	s, err := a.sampleOf(f, r.Platform.System)
	if err != nil {
		return err
	}
	switch {
	case len(urls) > 0:
	case s != nil && !f.all:
		urls = s.urls()
	default:
		urls = probedCaches(r, f.all)
	}
	if s != nil {
		s.ask(&o)
	}
	slices.Sort(o.Paths)
	o.Paths = slices.Compact(o.Paths)
	urls = onceEach(urls)
	switch {
	case len(urls) == 0:
		return &problem{code: exitFindings, text: "no cache is in effect here, so that there is none to probe", hints: []string{"name one, or add --all for those that flakes here ask for"}}
	case len(urls) > mostProbed || len(o.Paths) > mostProbedPaths:
		return usage(fmt.Sprintf("%d caches and %d paths are more than are probed at once (%d and %d)", len(urls), len(o.Paths), mostProbed, mostProbedPaths), "name some of them")
	}
	hosts, also := probe.Hosts(urls), cachixAlso(names)
	if (len(hosts) > 0 || also != "") && !f.yes {
		if err := a.askToTell(ctx, consent{hosts: hosts, paths: len(o.Paths), also: also, done: "probed"}); err != nil {
			return err
		}
	}
	o.Keys = bincache.NewKeyring(keysInEffect(r))
	progress := a.progress()
	o.Progress = progress.show
	results := probe.All(ctx, urls, o)
	progress.clear()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	a.keepProbes(results)
	shown := probed{results: results, pathsAsked: len(o.Paths) > 0, atOnce: atOnceOf(r), now: time.Now(), sample: s}
	if shown.cachix = a.askCachix(ctx, names, nil, r); ctx.Err() != nil {
		return ctx.Err()
	}
	return a.showProbes(shown)
}

// probeOptions are how caches are asked: those of the demo are its own servers.
func (a *app) probeOptions(ctx context.Context, netrc string) (probe.Options, error) {
	o := probe.Options{StoreDir: a.storeDir()}
	if a.demo {
		g, err := a.demoGate(ctx)
		if err != nil {
			return o, &problem{code: exitUnknown, text: err.Error(), hints: []string{"start the demo again"}}
		}
		o.Source = g.Caches()
		return o, nil
	}
	var err error
	o.Netrc, err = readNetrc(netrc)
	return o, err
}

// probedCaches are the caches in effect, in the order of the list, and with all
// those too that a grant or a flake here names.
func probedCaches(r *trust.Report, all bool) (urls []string) {
	for _, c := range r.Caches {
		if c.InEffect || all {
			urls = append(urls, c.URL)
		}
	}
	if all {
		for _, g := range r.Grants {
			for _, c := range g.Caches {
				urls = append(urls, c.URL)
			}
		}
	}
	return urls
}

// onceEach drops what is named again.
func onceEach(list []string) (out []string) {
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// keysInEffect are the believed keys in their order, malformed ones too: Nix
// stumbles over those as well.
func keysInEffect(r *trust.Report) (keys []string) {
	for _, k := range r.Keys {
		if k.InEffect {
			keys = append(keys, k.Text)
		}
	}
	return keys
}

// atOnceOf is how many narinfos this user's builds ask for at a time.
func atOnceOf(r *trust.Report) int {
	text := ""
	if v := settingInEffect(r, "http-connections"); v != nil {
		text = v.Text
	}
	return probe.AtOnce(text, runtime.NumCPU())
}

// settingInEffect is the value of a setting by which this user's builds go, nil
// when it is not known. A daemon goes by its own unless the user is trusted.
func settingInEffect(r *trust.Report, name string) *nixconf.Value {
	for _, s := range r.Settings {
		if s.Value == nil || s.Value.Setting == nil || s.Value.Setting.Name != name {
			continue
		}
		if r.Nix.Store == trust.StoreDaemon && s.Daemon != nil && (r.Trust != trust.Trusted || !s.Value.Forwarded) {
			return s.Daemon
		}
		return s.Value
	}
	return r.Client.Get(name)
}

// probeLast shows what was kept.
func (a *app) probeLast(urls []string, f probeFlags) error {
	urls = slices.Clone(urls)
	if err := cacheArgs(urls); err != nil {
		return err
	}
	if len(f.paths) > 0 || f.all || f.yes || f.netrc != "" || f.flake != "" || f.lock != "" {
		return usage("--last asks nobody, so that it goes with no other flag of probe", "leave it out to ask the caches")
	}
	if !a.demo && a.probesFile() == "" {
		return usage("--last shows what was kept for this user on this machine", "leave out --root and --user, and set HOME to a folder of your own")
	}
	all, err := a.keptProbes()
	if err != nil {
		a.warn("the results of earlier probes are not used: %v", cause(err))
	}
	bare := func(u string) string {
		u, _, _ = strings.Cut(u, "?")
		return strings.TrimRight(u, "/")
	}
	var results []probe.Result
	for _, r := range all {
		if len(urls) == 0 || slices.ContainsFunc(urls, func(u string) bool { return bare(u) == bare(r.URL) }) {
			results = append(results, r)
		}
	}
	if len(results) == 0 {
		return &problem{code: exitUnknown, text: "nothing is known of an earlier probe", hints: []string{"run `nix-trust probe`"}}
	}
	return a.showProbes(probed{results: results, kept: true, atOnce: probe.DefaultConnections, now: time.Now()})
}
