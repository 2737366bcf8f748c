package nixconf

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// A Version is a release of Nix. The zero Version is unknown; rules that
// differ between releases then follow the newest one that is known here.
type Version struct{ Major, Minor, Patch int }

// Newest is the newest release whose rules were run against the real program.
var Newest = Version{2, 34, 8}

// ParseVersion reads what `nix --version` or a daemon says: "2.26.3",
// "2.35.0pre20260101_abc", "nix (Nix) 2.8.0". It reports whether it found one.
func ParseVersion(s string) (Version, bool) {
	for _, f := range strings.Fields(s) {
		f, _, _ = strings.Cut(f, "pre")
		f, _, _ = strings.Cut(f, "-")
		parts := strings.Split(f, ".")
		if len(parts) < 2 || len(parts) > 3 {
			continue
		}
		var n [3]int
		ok := true
		for i, p := range parts {
			v, err := strconv.Atoi(p)
			if err != nil || v < 0 {
				ok = false
				break
			}
			n[i] = v
		}
		if ok {
			return Version{n[0], n[1], n[2]}, true
		}
	}
	return Version{}, false
}

// AtLeast reports whether v has the rules of major.minor or a later release. An
// unknown version is taken for the newest one, and Lix for the 2.18 it came from.
func (v Version) AtLeast(major, minor int) bool {
	if v == (Version{}) {
		return true
	}
	if v.Lix() {
		v = Version{2, 18, 0}
	}
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// firstLix is the minor number from which Lix counts its own releases.
const firstLix = 90

// Lix reports whether the version is one of Lix, which counts from 2.90 on. It
// left Nix at 2.18: it compares caches as text and knows no NIX_CONFIG_HOME.
func (v Version) Lix() bool { return v.Major == 2 && v.Minor >= firstLix }

// LixAtLeast reports whether the version is one of Lix, and 2.minor or later: it
// then has what Lix, and nobody else, came to have with that release.
func (v Version) LixAtLeast(minor int) bool { return v.Lix() && v.Minor >= minor }

// compare orders versions by their numbers.
func (v Version) compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

// String returns "2.26.3", or "unknown".
func (v Version) String() string {
	if v == (Version{}) {
		return "unknown"
	}
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}
