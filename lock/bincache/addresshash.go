package bincache

import (
	"bytes"
	"crypto/md5"  // content addresses of old may be of it; nothing is trusted for it
	"crypto/sha1" // as above
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"io"
	"slices"
)

// An addressHash computes what a content address is of: the NAR, the NAR
// without its own name, or the one file in it.
type addressHash struct {
	ca   ContentAddress
	sum  hash.Hash   // nil: nothing to check
	one  *singleFile // set for an address of the one file
	self *ownName    // set for a path that refers to itself
}

func newAddressHash(n *NarInfo) addressHash {
	ca, err := ParseContentAddress(n.CA)
	if err != nil {
		return addressHash{}
	}
	sums := map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}
	a := addressHash{ca: ca, sum: sums[ca.Algo]()}
	switch self := slices.Contains(n.References, n.Path); {
	case self && ca.Method == "r" && ca.Algo == "sha256":
		a.self = &ownName{digest: []byte(n.Path.Digest()), sum: a.sum}
	case self:
		return addressHash{} // Nix makes no such address; see ContentAddress.Path
	case ca.Method != "r":
		a.one = &singleFile{sum: a.sum}
	}
	return a
}

// with returns a writer for the bytes of the NAR that also feeds the address.
func (a addressHash) with(w io.Writer) io.Writer {
	switch {
	case a.sum == nil || a.one != nil:
		return w
	case a.self != nil:
		return io.MultiWriter(w, a.self)
	}
	return io.MultiWriter(w, a.sum)
}

func (a addressHash) check() (bool, error) {
	if a.sum == nil {
		return false, nil
	}
	if a.one != nil && !a.one.found {
		return false, mismatch("what the content address is of", "a single file that is not executable", "something else")
	}
	if a.self != nil {
		a.self.flush(0)
	}
	got := a.sum.Sum(nil)
	if slices.Equal(got, a.ca.Digest) {
		return true, nil
	}
	if a.self != nil {
		switch {
		case !a.self.countPlaces():
			return false, nil
		case slices.Equal(a.sum.Sum(nil), a.ca.Digest):
			return true, nil
		}
	}
	return false, mismatch("the hash of the content address", fmt.Sprintf("%s:%x", a.ca.Algo, a.ca.Digest), fmt.Sprintf("%s:%x", a.ca.Algo, got))
}

// An ownName hashes a NAR with zeros in all the places where the 32 characters
// of its own path stand, which cannot be in the hash that they are made from.
//
// Nix before 2.17 also hashed the places, behind the NAR; later versions mean
// to, and do not. By their rule 32 zero bytes and the 32 characters are the
// same, so that the name proves less; a lock pins the bytes besides.
// Nix: src/libutil/references.cc, HashModuloSink and RewritingSink.
type ownName struct {
	digest []byte
	sum    hash.Hash
	buf    []byte   // what is not hashed yet
	at     uint64   // bytes hashed
	places []uint64 // where the name began; at most maxPlaces
	many   bool     // there were more
}

// maxPlaces bounds the memory that a NAR full of its own name takes.
const maxPlaces = 1 << 17

func (o *ownName) Write(p []byte) (int, error) {
	o.buf = append(o.buf, p...)
	for from := 0; ; {
		i := bytes.Index(o.buf[from:], o.digest)
		if i < 0 {
			break
		}
		from += i
		if len(o.places) < maxPlaces {
			o.places = append(o.places, o.at+uint64(from))
		} else {
			o.many = true
		}
		clear(o.buf[from : from+len(o.digest)])
		from += len(o.digest)
	}
	o.flush(len(o.digest) - 1)
	return len(p), nil
}

// flush hashes all but the last bytes, with which the name may begin.
func (o *ownName) flush(keep int) {
	n := max(len(o.buf)-keep, 0)
	o.sum.Write(o.buf[:n])
	o.at += uint64(n)
	o.buf = append(o.buf[:0], o.buf[n:]...)
}

// countPlaces hashes the places as old versions do. It reports whether all are
// known.
func (o *ownName) countPlaces() bool {
	for _, p := range o.places {
		fmt.Fprintf(o.sum, "|%d", p)
	}
	return !o.many
}
