package safetext

import (
	"math"
	"strings"
	"unicode/utf8"
)

// decodeHost returns a host with its punycode labels decoded, and whether
// there was one. A label that does not decode stays as it is.
func decodeHost(host string) (string, bool) {
	labels := strings.Split(host, ".")
	found := false
	for i, l := range labels {
		enc, ok := strings.CutPrefix(l, "xn--")
		if !ok {
			continue
		}
		found = true
		if dec, ok := punycode(enc); ok {
			labels[i] = dec
		}
	}
	return strings.Join(labels, "."), found
}

// punycode decodes one label without its xn-- prefix. RFC 3492, section 6.2.
func punycode(s string) (string, bool) {
	const base, tMin, tMax, skew, damp = 36, 1, 26, 38, 700
	if len(s) > 255 { // no label of a host is longer than 63
		return "", false
	}
	var out []rune
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		out = []rune(s[:i])
		s = s[i+1:]
	}
	n, at, bias := 128, 0, 72
	for s != "" {
		start, w := at, 1
		for k := base; ; k += base {
			if s == "" {
				return "", false
			}
			digit, ok := punyDigit(s[0])
			s = s[1:]
			if !ok || digit > (math.MaxInt32-at)/w {
				return "", false
			}
			at += digit * w
			t := min(max(k-bias, tMin), tMax)
			if digit < t {
				break
			}
			if w > math.MaxInt32/(base-t) {
				return "", false
			}
			w *= base - t
		}
		size := len(out) + 1
		delta := at - start
		if start == 0 {
			delta /= damp
		} else {
			delta /= 2
		}
		delta += delta / size
		k := 0
		for delta > (base-tMin)*tMax/2 {
			delta /= base - tMin
			k += base
		}
		bias = k + (base-tMin+1)*delta/(delta+skew)
		n += at / size
		at %= size
		if n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
			return "", false
		}
		out = append(out[:at], append([]rune{rune(n)}, out[at:]...)...)
		at++
	}
	return string(out), true
}

func punyDigit(c byte) (int, bool) {
	switch {
	case c >= 'a' && c <= 'z':
		return int(c - 'a'), true
	case c >= 'A' && c <= 'Z':
		return int(c - 'A'), true
	case c >= '0' && c <= '9':
		return int(c-'0') + 26, true
	}
	return 0, false
}
