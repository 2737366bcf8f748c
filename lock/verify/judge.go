package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// An Answer is what one cache's answer for one pin is worth.
type Answer struct {
	Cache   string // its URL in the lock, or LocalStore
	Verdict Verdict
	Text    string // a sentence; what it quotes from outside is quoted
	// Differences has each field of a Mismatch.
	Differences []Difference
	// Signed is the verdict on the signatures alone, also for a Mismatch: a
	// listed key that signed something else is graver than a file that was
	// swapped. Unknown when the cache said nothing that could be signed.
	Signed Verdict
	By     []string // names of listed keys whose signatures fit
	// Addressed says that the path's own name proves what was found.
	Addressed bool
	// Contents says that the bytes were read and are what is pinned.
	Contents bool
}

// A Difference is one field of a path that is not what the lock says.
type Difference struct{ Field, Pinned, Got string }

// read is what reading a NAR gave. The zero value: it was not read.
type read struct {
	done     bool
	contents bincache.Contents
	err      error
}

// judge says what an answer is worth. check is of its signatures, by the keys
// that the lock lists for the cache.
func judge(pin lock.Pin, n *bincache.NarInfo, check bincache.SignatureCheck, file read) Answer {
	a := Answer{Signed: ofSignatures(check.Verdict), By: check.By}
	if a.Differences = Compare(pin, n); len(a.Differences) > 0 {
		a.Verdict = Mismatch
		a.Text = "the cache offers something else than is pinned; as to who says so: " + check.Text
		return a
	}
	a.Verdict, a.Text = a.Signed, check.Text
	why := ""
	if a.Verdict != Verified && n.CA != "" {
		if err := proveNAR(n, file.contents); err == nil {
			a.Verdict, a.Addressed = Verified, true
			a.Text = "its name is computed from its contents, which need no signature"
		} else {
			why = err.Error()
		}
	}
	switch {
	case file.err != nil:
		failed := judgeFailure(file.err)
		// A bad signature is not outweighed by a file that did not come.
		if !a.Verdict.Bad() || failed.Verdict.Bad() {
			a.Verdict, a.Text, a.Differences, a.Addressed = failed.Verdict, "the contents: "+failed.Text, failed.Differences, false
		}
	case file.done:
		a.Contents = true
	}
	if why != "" && a.Verdict != Verified {
		a.Text += "; " + why
	}
	return a
}

// judgeFailure says what it means that a cache gave no good answer.
func judgeFailure(err error) Answer {
	a := Answer{Verdict: ofFailure(err), Text: err.Error()}
	var e *bincache.Error
	if errors.As(err, &e) {
		a.Text = e.Text // the cache and the path are told beside it
	}
	var m *bincache.Mismatch
	if errors.As(err, &m) {
		a.Verdict, a.Differences = Mismatch, []Difference{{field(m.Field), m.Want, m.Got}}
	}
	return a
}

// field is the word for what a Mismatch of bincache is about. A file is only
// compared with a narinfo that was found to be as pinned.
func field(s string) string {
	switch s {
	case "StorePath":
		return "path"
	case "NarHash":
		return "contents narHash"
	case "NarSize":
		return "contents narSize"
	}
	return "contents"
}

// Compare lists what a narinfo says otherwise than the pin. A content address
// that only one of them has is no difference: it is not signed, and the bytes
// are compared anyway.
func Compare(pin lock.Pin, n *bincache.NarInfo) (ds []Difference) {
	if pin.NAR.IsZero() || pin.NAR != n.NarHash {
		ds = append(ds, Difference{"narHash", pin.NAR.String(), n.NarHash.String()})
	}
	if pin.Size <= 0 || uint64(pin.Size) != n.NarSize {
		ds = append(ds, Difference{"narSize", fmt.Sprint(pin.Size), fmt.Sprint(n.NarSize)})
	}
	if !slices.Equal(pin.Refs, n.References) {
		ds = append(ds, Difference{"references", refs(pin.Refs), refs(n.References)})
	}
	if pin.CA != "" && n.CA != "" && !sameAddress(pin.CA, n.CA) {
		ds = append(ds, Difference{"ca", pin.CA, n.CA})
	}
	return ds
}

func refs(list []lock.StorePath) string {
	if len(list) == 0 {
		return "none"
	}
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = string(p)
	}
	return strings.Join(words, " ")
}

// sameAddress compares content addresses, which a cache may spell in several
// bases.
func sameAddress(a, b string) bool {
	x, err := bincache.ParseContentAddress(a)
	y, other := bincache.ParseContentAddress(b)
	return err == nil && other == nil && x.Method == y.Method && x.Algo == y.Algo && slices.Equal(x.Digest, y.Digest)
}

// proveNAR reports why the path's name does not prove the hash of its NAR: the
// name covers that only for an address of the NAR's SHA-256; for others the
// contents must have been read.
func proveNAR(n *bincache.NarInfo, c bincache.Contents) error {
	if err := n.ProveContent(); err != nil {
		return err
	}
	if c.Addressed {
		return nil
	}
	if slices.Contains(n.References, n.Path) {
		return errors.New("its content address leaves its own name out; reading the contents would prove it")
	}
	ca, err := bincache.ParseContentAddress(n.CA)
	if err != nil {
		return err
	}
	if ca.Method != "r" || ca.Algo != "sha256" {
		return errors.New("its content address is not of the NAR's hash; reading the contents would prove it")
	}
	return nil
}
