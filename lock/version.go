package lock

import (
	"cmp"
	"strconv"
)

// older reports whether the store path name a is of an older version of the
// same package than b is, as Nix orders versions.
func older(a, b string) bool {
	an, av := splitName(a)
	bn, bv := splitName(b)
	return an == bn && av != "" && bv != "" && compareVersions(av, bv) < 0
}

// splitName splits a name before its version: the first dash that no letter
// follows. Nix: src/libstore/names.cc, DrvName.
func splitName(s string) (name, version string) {
	for i := 0; i+1 < len(s); i++ {
		c := s[i+1] | 0x20
		if s[i] == '-' && (c < 'a' || c > 'z') {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// compareVersions orders versions. Nix: src/libstore/names.cc, compareVersions.
func compareVersions(a, b string) int {
	for a != "" || b != "" {
		var ac, bc string
		ac, a = nextComponent(a)
		bc, b = nextComponent(b)
		if c := compareComponents(ac, bc); c != 0 {
			return c
		}
	}
	return 0
}

// nextComponent cuts off the next run of digits, or of anything else but
// digits, dots and dashes.
func nextComponent(s string) (component, rest string) {
	for s != "" && (s[0] == '.' || s[0] == '-') {
		s = s[1:]
	}
	n := 0
	for n < len(s) && s[n] != '.' && s[n] != '-' && isDigit(s[n]) == isDigit(s[0]) {
		n++
	}
	return s[:n], s[n:]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// compareComponents orders nothing before numbers, words before numbers, and
// "pre" before everything else.
func compareComponents(a, b string) int {
	an, aErr := strconv.ParseInt(a, 10, 32)
	bn, bErr := strconv.ParseInt(b, 10, 32)
	switch {
	case aErr == nil && bErr == nil:
		return cmp.Compare(an, bn)
	case a == b:
		return 0
	case a == "" && bErr == nil, a == "pre":
		return -1
	case b == "" && aErr == nil, b == "pre":
		return 1
	case bErr == nil:
		return -1
	case aErr == nil:
		return 1
	}
	return cmp.Compare(a, b)
}
