package flake

import (
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
)

// position turns an offset into a line and column, the way Nix counts: LF,
// CR LF and a lone CR each end a line.
func position(name string, src []byte, off int) nixconf.Pos {
	p := nixconf.Pos{File: name, Line: 1, Col: 1}
	advance(&p, string(src[:min(off, len(src))]))
	return p
}

// advance moves a position over text. A CR at the text's end counts as a line
// of its own.
func advance(p *nixconf.Pos, text string) {
	for {
		n := strings.IndexAny(text, "\r\n")
		if n < 0 {
			p.Col += len(text)
			return
		}
		if text[n] == '\r' && n+1 < len(text) && text[n+1] == '\n' {
			n++
		}
		p.Line++
		p.Col = 1
		text = text[n+1:]
	}
}
