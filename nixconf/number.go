package nixconf

import (
	"strconv"
	"strings"
)

// parseInt reads a whole number of the given kind and returns it as Nix prints
// it. From 2.23 a last letter K, M, G or T multiplies by a power of 1024, with
// C++'s silent wrap-around.
// Nix: src/libutil/util.hh, string2Int and string2IntWithUnitPrefix.
func parseInt(s string, k kind, v Version) (text string, ok bool) {
	multiplier := uint64(1)
	if k != kindJobs && v.AtLeast(2, 23) && s != "" {
		if shift, letter := unit(s[len(s)-1]); letter {
			if shift == 0 {
				return "", false
			}
			multiplier, s = 1<<shift, s[:len(s)-1]
		}
	}
	if k == kindI64 {
		n, ok := parseSigned(s)
		return strconv.FormatInt(int64(uint64(n)*multiplier), 10), ok
	}
	digits, _ := strings.CutPrefix(s, "+")
	bits := 32
	if k == kindU64 {
		bits = 64
	}
	n, ok := parseUnsigned(digits, bits)
	n *= multiplier
	if k != kindU64 {
		n = uint64(uint32(n))
	}
	return strconv.FormatUint(n, 10), ok
}

// unit returns the power of two of a unit letter, 0 for a letter that is none.
func unit(c byte) (shift uint, letter bool) {
	switch c | 0x20 {
	case 'k':
		return 10, true
	case 'm':
		return 20, true
	case 'g':
		return 30, true
	case 't':
		return 40, true
	}
	return 0, c|0x20 >= 'a' && c|0x20 <= 'z'
}

// parseUnsigned takes decimal digits only, which strconv alone does not promise.
func parseUnsigned(s string, bits int) (uint64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, bits)
	return n, err == nil
}

func parseSigned(s string) (int64, bool) {
	digits := s
	if s != "" && (s[0] == '+' || s[0] == '-') {
		digits = s[1:]
	}
	if _, ok := parseUnsigned(digits, 64); !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
