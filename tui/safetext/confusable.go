package safetext

import "strings"

// confusable has the Latin letter that a character is easily taken for.
// Unicode: UTS 39, the letters that occur in host names.
var confusable = map[rune]rune{
	// Cyrillic
	'а': 'a', 'в': 'b', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'һ': 'h', 'н': 'h', 'і': 'i', 'ї': 'i', 'ј': 'j',
	'к': 'k', 'ӏ': 'l', 'м': 'm', 'о': 'o', 'р': 'p', 'ԛ': 'q', 'г': 'r', 'ѕ': 's', 'т': 't', 'ц': 'u',
	'ѵ': 'v', 'ԝ': 'w', 'ш': 'w', 'х': 'x', 'у': 'y', 'ү': 'y', 'п': 'n', 'и': 'n', 'ё': 'e',
	// Greek
	'α': 'a', 'β': 'b', 'ϲ': 'c', 'ε': 'e', 'η': 'n', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p',
	'τ': 't', 'υ': 'u', 'χ': 'x', 'γ': 'y', 'ω': 'w', 'ϳ': 'j',
	// Armenian
	'ա': 'w', 'օ': 'o', 'ո': 'n', 'ս': 'u', 'հ': 'h', 'ց': 'g', 'զ': 'q', 'ք': 'p',
	// Latin with a mark or of another shape
	'ı': 'i', 'í': 'i', 'ì': 'i', 'î': 'i', 'ï': 'i', 'ɩ': 'i', 'ⅰ': 'i', 'à': 'a', 'á': 'a', 'â': 'a',
	'ä': 'a', 'å': 'a', 'ɑ': 'a', 'ạ': 'a', 'ç': 'c', 'ć': 'c', 'č': 'c', 'ϛ': 'c', 'é': 'e', 'è': 'e',
	'ê': 'e', 'ë': 'e', 'ė': 'e', 'ẹ': 'e', 'ɡ': 'g', 'ğ': 'g', 'ĥ': 'h', 'ḥ': 'h', 'ƙ': 'k', 'ł': 'l',
	'ⅼ': 'l', 'ñ': 'n', 'ń': 'n', 'ņ': 'n', 'ó': 'o', 'ò': 'o', 'ô': 'o', 'ö': 'o', 'õ': 'o', 'ø': 'o',
	'ọ': 'o', 'ɾ': 'r', 'ŕ': 'r', 'ś': 's', 'š': 's', 'ş': 's', 'ș': 's', 'ţ': 't', 'ț': 't', 'ú': 'u',
	'ü': 'u', 'ý': 'y', 'ÿ': 'y', 'ž': 'z', 'ź': 'z', 'ż': 'z', 'ⅽ': 'c', 'ⅾ': 'd', 'ⅿ': 'm', 'ⅹ': 'x',
}

// fold returns a host with every character that passes for a Latin letter
// replaced by that letter, in lower case. Others stay as they are.
func fold(host string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0xff01 && r <= 0xff5e: // fullwidth ASCII
			return r - 0xff01 + '!'
		case r == '。' || r == '｡':
			return '.'
		case confusable[r] != 0:
			return confusable[r]
		}
		return r
	}, strings.ToLower(host))
}

// skeleton returns what a host looks like at a glance. Two hosts with the same
// skeleton are easily taken for one another.
func skeleton(host string) string {
	return glance.Replace(fold(host))
}

var glance = strings.NewReplacer("rn", "m", "vv", "w", "cl", "d", "0", "o", "1", "i", "|", "i", "l", "i", "5", "s")
