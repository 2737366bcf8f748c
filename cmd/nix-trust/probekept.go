package main

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust"
)

// Results of probes are kept for the user who made them, on this machine. Those
// of the demo are kept for as long as it runs.

// probesFile is where results are kept; "" when there is no place: under --root
// and --user, and in a folder of somebody else's, as with a sudo that keeps HOME.
func (a *app) probesFile() string {
	if a.root != "" || a.user != "" || a.demo {
		return ""
	}
	dir := os.Getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(dir) {
		home := os.Getenv("HOME")
		if !filepath.IsAbs(home) {
			return ""
		}
		dir = filepath.Join(home, ".cache")
	}
	if !ownPlace(dir) {
		return ""
	}
	return filepath.Join(dir, "nix-trust", "probes.json")
}

// ownPlace reports whether a folder, or the nearest above it that is there,
// belongs to whoever runs the program.
func ownPlace(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err == nil {
			st, ok := info.Sys().(*syscall.Stat_t)
			return ok && int(st.Uid) == os.Geteuid()
		}
		up := filepath.Dir(dir)
		if up == dir {
			return false
		}
		dir = up
	}
}

// keptProbes are the results of earlier probes. An error is one of the file's.
func (a *app) keptProbes() ([]probe.Result, error) {
	if a.demo {
		a.mu.Lock()
		defer a.mu.Unlock()
		return slices.Clone(a.demoRun.probes), nil
	}
	file := a.probesFile()
	if file == "" {
		return nil, nil
	}
	return probe.ReadKept(file)
}

// keepProbes keeps what was found. That it could not is said, and no failure.
func (a *app) keepProbes(results []probe.Result) {
	for _, w := range a.keep(results) {
		a.warn("%s", w)
	}
}

// keep is keepProbes with what there is to say.
func (a *app) keep(results []probe.Result) (warnings []string) {
	found := slices.DeleteFunc(slices.Clone(results), func(r probe.Result) bool { return r.Outcome == probe.Unknown && r.Status == 0 })
	if a.demo {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, r := range found {
			a.demoRun.probes = slices.DeleteFunc(a.demoRun.probes, func(old probe.Result) bool { return old.URL == r.URL })
			a.demoRun.probes = append(a.demoRun.probes, r)
		}
		return nil
	}
	file := a.probesFile()
	if file == "" {
		return nil
	}
	old, err := probe.ReadKept(file)
	if err != nil {
		warnings = append(warnings, "the results of earlier probes are not used: "+cause(err).Error())
	}
	if len(found) == 0 {
		return warnings
	}
	if err := probe.WriteKept(file, old, found); err != nil {
		warnings = append(warnings, "the results are not kept: "+cause(err).Error())
	}
	return warnings
}

// lookAtProbes adds to the facts how caches answered when this user last probed
// them. It reads one small file of the user's own.
func (a *app) lookAtProbes(f *trust.Facts) {
	kept, err := a.keptProbes()
	if err != nil {
		f.Notes = append(f.Notes, trust.Note{Text: "The results of earlier probes are not used: " + cause(err).Error() + "."})
	}
	for _, r := range kept {
		f.Probes = append(f.Probes, probedFact(r))
	}
}

// probedFact is a result as a fact beside a verdict.
func probedFact(r probe.Result) trust.Probed {
	p := trust.Probed{URL: r.URL, At: r.At, Reach: trust.ParseReachability(r.Outcome.String()), Stops: r.Effect == probe.Stops}
	switch r.Effect {
	case probe.Asks:
		p.Asked = trust.Pass
	case probe.Skips, probe.Stops:
		p.Asked = trust.Fail
	}
	return p
}
