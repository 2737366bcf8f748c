package lock

import (
	"bytes"
	"fmt"

	"github.com/nix-trust/nix-trust/nixconf"
)

// markers begin the lines that git puts around what it could not merge. No line
// of a lock begins so.
var markers = [...]string{"<<<<<<<", "|||||||", "=======", ">>>>>>>"}

// findMarkers returns an error at the first conflict marker, or nil.
func findMarkers(name string, data []byte) error {
	first, count := -1, 0
	for i, m := range markers {
		for from := 0; ; {
			n := bytes.Index(data[from:], []byte(m))
			if n < 0 {
				break
			}
			at := from + n
			from = at + len(m)
			if at > 0 && data[at-1] != '\n' {
				continue
			}
			if i == 0 {
				count++
			}
			if first < 0 || at < first {
				first = at
			}
		}
	}
	if first < 0 {
		return nil
	}
	many := "an unsettled merge conflict"
	if count > 1 {
		many = fmt.Sprintf("%d unsettled merge conflicts", count)
	}
	return &Error{
		Kind: KindConflict, Pos: nixconf.Pos{File: name, Line: 1 + bytes.Count(data[:first], []byte{'\n'}), Col: 1},
		Text: "the lock has " + many + ", the first one here",
		Hint: "keep one side of each and delete the lines of markers; a path with two pins needs a decision, which `nix-trust challenge` helps with",
	}
}
