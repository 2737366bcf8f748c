package bincache

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	goNixNar "github.com/nix-community/go-nix/pkg/nar"
	goNixNarInfo "github.com/nix-community/go-nix/pkg/narinfo"
)

// Printing is a fixed point, and what an independent reader makes of the
// canonical text is the same.
func FuzzNarInfo(f *testing.F) {
	for _, c := range narInfoCases {
		f.Add([]byte(c.text()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := ParseNarInfo("", data)
		if err != nil {
			if !errors.Is(err, Misbehaved) || strings.ContainsFunc(err.Error(), isControl) {
				t.Fatalf("%q is of kind %v", err, KindOf(err))
			}
			return
		}
		again, err := ParseNarInfo("", []byte(n.String()))
		if err != nil || again.String() != n.String() || again.Fingerprint() != n.Fingerprint() {
			t.Fatalf("printing %q is no fixed point: %v\n%s", data, err, n)
		}
		if CheckSignatures(n, NewKeyring([]string{keyA})).Verdict == Verified {
			t.Fatalf("%s is signed by a key that nobody has", n)
		}
		theirs, err := goNixNarInfo.Parse(strings.NewReader(n.String()))
		if err == nil && theirs.Fingerprint() != n.Fingerprint() {
			t.Fatalf("go-nix makes %s, we %s", theirs.Fingerprint(), n.Fingerprint())
		}
	})
}

func FuzzSignature(f *testing.F) {
	n := parsed(f, someInfo)
	for _, c := range signatureCases(n) {
		f.Add(strings.Join(c.keys, " "), strings.Join(c.sigs, "\n"))
	}
	f.Fuzz(func(t *testing.T, keys, sigs string) {
		n := *n
		n.Signatures = strings.Split(sigs, "\n")
		ring := NewKeyring(strings.Fields(keys))
		c := CheckSignatures(&n, ring)
		if c.Verdict == Verified && (len(c.By) == 0 || ring.Bad() != nil) {
			t.Fatalf("verified by %v with %q", c.By, keys)
		}
		for _, by := range c.By {
			if k, _, ok := ring.Find(by); !ok || k.Weak() {
				t.Fatalf("verified by %q, which the keyring must not believe", by)
			}
		}
		// What was signed is what is checked: any other size loses it.
		n.NarSize++
		if again := CheckSignatures(&n, ring); again.Verdict == Verified {
			t.Fatalf("%q verifies two narinfos", sigs)
		}
	})
}

func FuzzNar(f *testing.F) {
	for _, c := range narCases {
		f.Add(c.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(data), len(data)+16)
		var paths []string
		err := ReadNar(r, func(e Entry) error { paths = append(paths, e.Path); return nil })
		quiet := ReadNar(bytes.NewReader(data), nil)
		if (err == nil) != (quiet == nil) {
			t.Fatalf("visiting makes a difference: %v, %v", err, quiet)
		}
		if err != nil {
			if !errors.Is(err, Misbehaved) {
				t.Fatalf("%v is of kind %v", err, KindOf(err))
			}
			return
		}
		whole := data[:len(data)-r.Buffered()]
		if theirs, err := goNixPaths(whole); err != nil || !slices.Equal(theirs, paths) {
			t.Fatalf("we read %q, go-nix %q, %v", paths, theirs, err)
		}
		for _, p := range paths {
			if p == ".." || strings.HasPrefix(p, "../") || strings.HasPrefix(p, "/") || strings.Contains(p, "/../") {
				t.Fatalf("the path %q", p)
			}
		}
	})
}

// goNixPaths lists a NAR as go-nix reads it, in our spelling and order.
func goNixPaths(data []byte) (paths []string, err error) {
	r, err := goNixNar.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		h, err := r.Next()
		if err == io.EOF {
			return paths, nil
		}
		if err != nil {
			return nil, err
		}
		paths = append(paths, strings.TrimPrefix(h.Path, "/"))
	}
}

func FuzzCacheInfo(f *testing.F) {
	for _, c := range cacheInfoCases {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := ParseCacheInfo(data)
		if err != nil && (info != (CacheInfo{StoreDir: info.StoreDir}) || !errors.Is(err, Misbehaved)) {
			t.Fatalf("%+v and %v", info, err)
		}
	})
}

func FuzzDecompress(f *testing.F) {
	data := narPattern(500)
	for _, method := range []string{"xz", "zstd", "gzip", "br"} {
		f.Add(method, packWith(f, method, data))
	}
	f.Add("bzip2", []byte("BZh9"))
	f.Fuzz(func(t *testing.T, method string, data []byte) {
		n := &NarInfo{Compression: method, NarSize: 4096, NarHash: Hash{1}}
		if c, err := CheckNar(bytes.NewReader(data), n, nil, Limits{}); err == nil {
			t.Fatalf("%+v has a hash that nothing has", c)
		} else if k := KindOf(err); k != Misbehaved && k != Unsupported {
			t.Fatalf("%v is of kind %v", err, k)
		}
	})
}
