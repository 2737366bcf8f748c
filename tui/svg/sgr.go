package svg

import (
	"fmt"
	"strconv"
	"strings"
)

// apply changes the attributes as the parameters of an SGR say. What it does not
// know changes nothing. ECMA-48, 8.3.117.
func (a *attr) apply(params string, p Palette) {
	codes := strings.FieldsFunc(params, func(r rune) bool { return r == ';' || r == ':' })
	if len(codes) == 0 {
		codes = []string{"0"}
	}
	for i := 0; i < len(codes); i++ {
		n, err := strconv.Atoi(codes[i])
		if err != nil {
			continue
		}
		switch {
		case n == 0:
			*a = attr{}
		case n == 1:
			a.bold = true
		case n == 2:
			a.faint = true
		case n == 3:
			a.italic = true
		case n == 4:
			a.underline = true
		case n == 7:
			a.reverse = true
		case n == 9:
			a.strike = true
		case n == 22:
			a.bold, a.faint = false, false
		case n == 23:
			a.italic = false
		case n == 24:
			a.underline = false
		case n == 27:
			a.reverse = false
		case n == 29:
			a.strike = false
		case n >= 30 && n <= 37:
			a.fg = p.Sixteen[n-30]
		case n >= 90 && n <= 97:
			a.fg = p.Sixteen[n-90+8]
		case n == 39:
			a.fg = ""
		case n >= 40 && n <= 47:
			a.bg = p.Sixteen[n-40]
		case n >= 100 && n <= 107:
			a.bg = p.Sixteen[n-100+8]
		case n == 49:
			a.bg = ""
		case n == 38 || n == 48:
			colour, used := extended(codes[i+1:], p)
			i += used
			if colour == "" {
				continue
			}
			if n == 38 {
				a.fg = colour
			} else {
				a.bg = colour
			}
		}
	}
}

// extended reads a colour after 38 or 48, and how many codes it took.
func extended(codes []string, p Palette) (colour string, used int) {
	num := func(i int) int {
		if i >= len(codes) {
			return 0
		}
		n, err := strconv.Atoi(codes[i])
		if err != nil {
			return 0
		}
		return max(0, min(n, 255))
	}
	switch {
	case len(codes) >= 2 && codes[0] == "5":
		return indexed(num(1), p), 2
	case len(codes) >= 4 && codes[0] == "2":
		return fmt.Sprintf("#%02x%02x%02x", num(1), num(2), num(3)), 4
	}
	return "", len(codes)
}

// indexed returns a colour of the palette of 256.
func indexed(n int, p Palette) string {
	switch {
	case n < 16:
		return p.Sixteen[n]
	case n < 232:
		n -= 16
		level := func(v int) int {
			if v == 0 {
				return 0
			}
			return 55 + 40*v
		}
		return fmt.Sprintf("#%02x%02x%02x", level(n/36), level(n/6%6), level(n%6))
	}
	v := 8 + 10*(n-232)
	return fmt.Sprintf("#%02x%02x%02x", v, v, v)
}
