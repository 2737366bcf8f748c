package nixconf

import (
	"slices"
	"strings"
	"sync"
)

// lixRelease is the release of Nix that Lix came from.
const lixRelease = 18

// lixDialects are those of Lix that differ here: 2.90, 2.91 to 2.93, and 2.94 on.
var lixDialects = [...]func() *dialect{
	sync.OnceValue(func() *dialect { return readTable(settingsTable, lixRelease) }),
	sync.OnceValue(func() *dialect { return lixTable(false) }),
	sync.OnceValue(func() *dialect { return lixTable(true) }),
}

func lixDialect(v Version) *dialect {
	switch {
	case v.LixAtLeast(94):
		return lixDialects[2]()
	case v.LixAtLeast(91):
		return lixDialects[1]()
	}
	return lixDialects[0]()
}

// lixTable is the dialect of Nix 2.18 with what decides trust in Lix:
// accept-flake-config has a third value from 2.91 on, and it is the default.
// From 2.94 on there are two timeouts for connecting; connect-timeout is another
// name of the larger one. Lix has more settings of its own, which are not known
// here (see KnowsAll).
// Lix: src/libfetchers/fetch-settings.cc; libstore/file-transfer-settings.
func lixTable(timeouts bool) *dialect {
	d := readTable(settingsTable, lixRelease)
	accept := d.byName["accept-flake-config"]
	accept.kind, accept.Type, accept.initial = kindAsk, types[kindAsk], "ask"
	if !timeouts {
		return d
	}
	longest := d.byName["connect-timeout"]
	longest.Name, longest.Aliases, longest.initial = "max-connect-timeout", []string{"connect-timeout"}, "300"
	first := *longest
	first.Name, first.Aliases, first.initial = "initial-connect-timeout", nil, "5"
	d.byName[longest.Name], d.byName[first.Name] = longest, &first
	d.settings = append(d.settings, &first)
	slices.SortFunc(d.settings, func(a, b *Setting) int { return strings.Compare(a.Name, b.Name) })
	return d
}

// KnowsAll reports whether every setting of the release is known here. Of one of
// Lix a setting may be missing that it has, so that nothing follows from a name
// that is not known.
func (v Version) KnowsAll() bool { return !v.Lix() }
