package bincache

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A NarInfo is what a cache says of one path. Nothing in it is true until its
// signatures or its content address were checked, and then only the path,
// NarHash, NarSize and References are; they are all that a signature covers.
type NarInfo struct {
	StoreDir    string
	Path        StorePath
	URL         string // of the NAR, as written: mostly relative to the cache
	Compression string // "bzip2" when none was named, as Nix has it
	FileHash    string // as written; Nix does not check it when it substitutes
	FileSize    uint64 // 0: not told
	NarHash     Hash
	NarSize     uint64      // never 0
	References  []StorePath // sorted, each once
	Deriver     StorePath   // empty: unknown
	Signatures  []string    // sorted, each once, as written
	CA          string      // the content address as written; empty: none
	// Guix has the hosts that say they signed it in Guix's way. Nix reads none of
	// these signatures, they prove nothing here, and String leaves them out.
	Guix []string
}

// ParseNarInfo reads a narinfo of a store at storeDir (empty: /nix/store).
//
// It takes nothing that Nix 2.8, 2.26 or 2.34 refuses, except a signature that
// is no signature: 2.34 refuses the whole narinfo, older versions only when the
// key's name is known; here it is kept and judged by CheckSignatures. It
// refuses some of what Nix takes, because two readers could understand it
// differently: a field twice (Nix takes the last), a NarHash that is no
// SHA-256 (Nix fails on import), control characters, spellings of StorePath
// that no cache writes. Unknown fields are skipped, as Nix does.
//
// The error is an *Error of kind Misbehaved that names the line.
// Nix: src/libstore/nar-info.cc, NarInfo.
func ParseNarInfo(storeDir string, data []byte) (*NarInfo, error) {
	if storeDir == "" {
		storeDir = DefaultStoreDir
	}
	if limit := DefaultLimits().NarInfo; int64(len(data)) > limit {
		return nil, failf(Misbehaved, "the narinfo is longer than %d bytes; the cache is broken or hostile", limit)
	}
	n := &NarInfo{StoreDir: storeDir}
	var seen [len(narInfoFields)]int // the line of each
	for line := 1; len(data) > 0; line++ {
		text, rest, ended := bytes.Cut(data, []byte{'\n'})
		if err := n.line(string(text), ended, line, seen[:]); err != nil {
			return nil, failf(Misbehaved, "the narinfo is corrupt: line %d: %v", line, err)
		}
		data = rest
	}
	for i, need := range narInfoFields[:4] {
		if seen[i] == 0 {
			return nil, failf(Misbehaved, "the narinfo is corrupt: it has no %s", need)
		}
	}
	if n.Compression == "" {
		n.Compression = "bzip2"
	}
	slices.Sort(n.References)
	n.References = slices.Compact(n.References)
	slices.Sort(n.Signatures)
	n.Signatures = slices.Compact(n.Signatures)
	return n, nil
}

// narInfoFields are those that stand there once; the first four are needed.
var narInfoFields = [...]string{"StorePath", "URL", "NarHash", "NarSize", "Compression", "FileHash", "FileSize", "References", "Deriver", "CA"}

func (n *NarInfo) line(text string, ended bool, line int, seen []int) error {
	if !ended {
		return fmt.Errorf("the last line does not end; the answer may have been cut off")
	}
	name, value, ok := strings.Cut(text, ":")
	if !ok {
		return fmt.Errorf("%s is not of the form \"Name: value\"", quote(text))
	}
	if value == "" || value[0] != ' ' {
		return fmt.Errorf("a space is expected after %s", quote(name+":"))
	}
	value = value[1:]
	for i := range len(value) {
		switch c := value[i]; {
		case c == '\r':
			return fmt.Errorf("the line ends with a carriage return, which Nix takes for a part of the value; the file was written with Windows line ends")
		case isControl(rune(c)):
			return fmt.Errorf("%s has a control character", quote(name))
		}
	}
	if i := slices.Index(narInfoFields[:], name); i >= 0 {
		if seen[i] != 0 {
			return fmt.Errorf("%s stands there twice, first in line %d; readers would differ on which one counts", name, seen[i])
		}
		seen[i] = line
	}
	return n.set(name, value)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func (n *NarInfo) set(name, value string) (err error) {
	switch name {
	case "StorePath":
		n.Path, err = ParseStorePathIn(n.StoreDir, value)
	case "URL":
		n.URL = value
		if value == "" {
			err = fmt.Errorf("the URL is empty")
		}
	case "Compression":
		n.Compression = value
	case "FileHash":
		n.FileHash = value
		_, _, err = parseAnyHash(value)
	case "FileSize":
		n.FileSize, err = parseSize(name, value)
	case "NarHash":
		n.NarHash, err = ParseHash(value)
	case "NarSize":
		n.NarSize, err = parseSize(name, value)
		if err == nil && n.NarSize == 0 {
			err = fmt.Errorf("NarSize is 0, and no NAR is that small")
		}
	case "References":
		for ref := range strings.SplitSeq(value, " ") {
			if ref == "" {
				continue
			}
			p, err := ParseStorePath(ref)
			if err != nil {
				return err
			}
			n.References = append(n.References, p)
		}
	case "Deriver":
		if value != "unknown-deriver" {
			n.Deriver, err = ParseStorePath(value)
		}
	case "Sig":
		n.Signatures = append(n.Signatures, value)
	case "Signature":
		if host, ok := guixSignature(value); ok {
			n.Guix = append(n.Guix, host)
		}
	case "CA":
		n.CA = value
		if value != "" {
			_, err = ParseContentAddress(value)
		}
	}
	return err
}

func parseSize(name, value string) (uint64, error) {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || value[0] == '+' {
		return 0, fmt.Errorf("%s is %s, not a number of bytes", name, quote(value))
	}
	return n, nil
}

// String writes the narinfo as Nix does, with the fields in Nix's order and
// references and signatures sorted. Reading it back gives the same NarInfo.
func (n *NarInfo) String() string {
	var b strings.Builder
	field := func(name, value string) { b.WriteString(name + ": " + value + "\n") }
	field("StorePath", n.Path.In(n.StoreDir))
	field("URL", n.URL)
	field("Compression", n.Compression)
	if n.FileHash != "" {
		field("FileHash", n.FileHash)
	}
	if n.FileSize != 0 {
		field("FileSize", strconv.FormatUint(n.FileSize, 10))
	}
	field("NarHash", n.NarHash.Nix32())
	field("NarSize", strconv.FormatUint(n.NarSize, 10))
	field("References", joinPaths(n.References))
	if n.Deriver != "" {
		field("Deriver", string(n.Deriver))
	}
	for _, s := range n.Signatures {
		field("Sig", s)
	}
	if n.CA != "" {
		field("CA", n.CA)
	}
	return b.String()
}

func joinPaths(paths []StorePath) string {
	var b strings.Builder
	for i, p := range paths {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(p))
	}
	return b.String()
}
