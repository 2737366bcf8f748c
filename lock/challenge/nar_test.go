package challenge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
)

// A node is a file ("text"), an executable ("!text"), a link ("->target") or a
// folder (a map).
type node any

type folder = map[string]node

// narOf writes a NAR, with the names of a folder in their order.
func narOf(n node) []byte {
	var b bytes.Buffer
	texts(&b, "nix-archive-1")
	writeNode(&b, n)
	return b.Bytes()
}

func writeNode(b *bytes.Buffer, n node) {
	texts(b, "(", "type")
	switch n := n.(type) {
	case folder:
		texts(b, "directory")
		for _, name := range slices.Sorted(maps.Keys(n)) {
			writeEntry(b, name, n[name])
		}
	case [][2]any: // entries as they stand
		texts(b, "directory")
		for _, e := range n {
			writeEntry(b, e[0].(string), e[1])
		}
	case string:
		if target, ok := strings.CutPrefix(n, "->"); ok {
			texts(b, "symlink", "target", target)
			break
		}
		texts(b, "regular")
		text, executable := strings.CutPrefix(n, "!")
		if executable {
			texts(b, "executable", "")
		}
		texts(b, "contents", text)
	}
	texts(b, ")")
}

func writeEntry(b *bytes.Buffer, name string, n node) {
	texts(b, "entry", "(", "name", name, "node")
	writeNode(b, n)
	texts(b, ")")
}

func texts(b *bytes.Buffer, list ...string) {
	for _, s := range list {
		binary.Write(b, binary.LittleEndian, uint64(len(s)))
		b.WriteString(s)
		b.Write(make([]byte, (8-len(s)%8)%8))
	}
}

// treeOf is a tree of some bytes.
func treeOf(voter string, nar []byte) Tree {
	return Tree{Voter: voter, Size: int64(len(nar)), Open: func(context.Context) io.ReadCloser { return io.NopCloser(bytes.NewReader(nar)) }}
}

func hashOf(nar []byte) lock.Hash { return sha256.Sum256(nar) }
