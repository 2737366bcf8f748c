package nixconf

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed lix.tsv
var lixSettings string

// lixRelease is the release of Nix that Lix came from.
const lixRelease = 18

// lixReleases are the releases of Lix whose settings are known, oldest first.
var lixReleases = func() (all []Version) {
	for minor, patches := range map[int][]int{90: {0}, 91: {0, 1, 2, 3}, 92: {0, 2, 3}, 93: {0, 1, 2, 3, 4}, 94: {0, 1, 2}, 95: {0, 1, 2, 3}} {
		for _, patch := range patches {
			all = append(all, Version{2, minor, patch})
		}
	}
	slices.SortFunc(all, Version.compare)
	return all
}()

// lixDialects has one dialect a release, made when it is first asked for.
var lixDialects = func() (ds []func() *dialect) {
	for _, v := range lixReleases {
		ds = append(ds, sync.OnceValue(func() *dialect { return lixTable(settingsTable, lixSettings, v) }))
	}
	return ds
}()

// lixDialect is that of the release, or of the last one before it that is known.
func lixDialect(v Version) *dialect {
	at := 0
	for i, known := range lixReleases {
		if v.compare(known) >= 0 {
			at = i
		}
	}
	return lixDialects[at]()
}

// lixTable is the dialect of Nix 2.18 with what Lix has otherwise, which is read
// from its source: nothing of Lix was run. The table is part of the program, so a
// mistake in it is a mistake in the program, and a test reads every release.
func lixTable(nix, table string, v Version) *dialect {
	var own []*Setting
	named := map[string]bool{}
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(row) != 6 {
			panic(fmt.Sprintf("lix.tsv: %d columns: %q", len(row), line))
		}
		if named[row[0]] = true; inLix(row[4], v) {
			own = append(own, readRow(row, 0))
		}
	}
	d := readTable(nix, lixRelease)
	d.settings = slices.DeleteFunc(d.settings, func(s *Setting) bool { return named[s.Name] })
	d.settings = append(d.settings, own...)
	d.features = lixFeatures(v)
	d.index()
	return d
}

// inLix reads the releases of Lix that have a setting.
func inLix(releases string, v Version) bool {
	if releases == "-" {
		return false
	}
	read := func(s string) Version {
		r, ok := ParseVersion(s)
		if !ok || !r.Lix() {
			panic(fmt.Sprintf("lix.tsv: release %q", s))
		}
		return r
	}
	spans := strings.Split(releases, ",")
	for i, span := range spans {
		first, last, ended := strings.Cut(span, "-")
		from := read(first)
		within := v.compare(from) >= 0 && (!ended || v.Minor <= read(last).Minor)
		if within && (i == len(spans)-1 || v.Minor == from.Minor) {
			return true
		}
	}
	return false
}

// lixFeatures are the experimental features of a release of Lix.
// Lix: libutil/experimental-features.
func lixFeatures(v Version) []string {
	switch {
	case v.LixAtLeast(95):
		return strings.Fields(`auto-allocate-uids cgroups coerce-integers daemon-trust-override flake-self-attrs flakes
			lix-custom-sub-commands nix-command pipe-operator read-only-local-store repl-automation`)
	case v.LixAtLeast(94):
		return strings.Fields(`auto-allocate-uids cgroups coerce-integers daemon-trust-override fetch-closure flake-self-attrs
			flakes lix-custom-sub-commands nix-command pipe-operator read-only-local-store repl-automation`)
	case v.LixAtLeast(93):
		return strings.Fields(`auto-allocate-uids ca-derivations cgroups daemon-trust-override dynamic-derivations fetch-closure
			flakes impure-derivations lix-custom-sub-commands nix-command no-url-literals parse-toml-timestamps pipe-operator
			read-only-local-store repl-automation`)
	}
	older := strings.Fields(`ca-derivations impure-derivations flakes nix-command recursive-nix no-url-literals pipe-operator
		fetch-closure repl-flake auto-allocate-uids cgroups daemon-trust-override dynamic-derivations parse-toml-timestamps
		read-only-local-store repl-automation`)
	if !v.LixAtLeast(91) {
		older = slices.DeleteFunc(older, func(f string) bool { return f == "pipe-operator" })
	}
	return older
}

// KnowsAll reports whether every setting of the release is known here. A newer
// one may have settings that are not, so that nothing follows from a name that
// nobody knows.
func (v Version) KnowsAll() bool {
	if v.Lix() {
		return v.Minor <= lixReleases[len(lixReleases)-1].Minor
	}
	return v == (Version{}) || !v.AtLeast(2, newest+1)
}
