package trustix

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// nixProtocol is the identity of the kind of log that maps store paths.
// Trustix: packages/trustix-proto/protocols/protocols.go.
const nixProtocol = "5138a791-8d00-4182-96bc-f1f2688cdde2"

const (
	maxLogs     = 256 // that a decision may name
	maxDissents = 8   // other values that are looked up
)

// A Decision is what a node's logs agree on by the node's own rule. All of it is
// the node's word.
type Decision struct {
	NAR        bincache.Hash
	Size       uint64
	References []bincache.StorePath // sorted
	Confidence int                  // as the node's rule counts it: percent of the logs, or a number of its own
	Logs       []string             // identities of the logs that say so, sorted
	Others     []string             // those that say something else, or what could not be looked up
	Misses     []string             // those that have no entry
}

// String is the evidence in a sentence.
func (d *Decision) String() string {
	text := fmt.Sprintf("by its own account %s behind it agree%s (confidence %d); that is evidence, and no signature", logs(len(d.Logs)), singular(len(d.Logs)), d.Confidence)
	if n := len(d.Others); n > 0 {
		text += fmt.Sprintf("; %s say%s something else", logs(n), singular(n))
	}
	if n := len(d.Misses); n > 0 {
		text += fmt.Sprintf("; %s do%s not have it", logs(n), map[bool]string{true: "es"}[n == 1])
	}
	return text
}

func logs(n int) string {
	if n == 1 {
		return "1 log"
	}
	return fmt.Sprintf("%d logs", n)
}

func singular(n int) string { return map[bool]string{true: "s"}[n == 1] }

type logDigest struct {
	LogID  string
	Digest []byte
}

type decided struct {
	Decision *struct {
		LogIDs     []string
		Digest     []byte
		Confidence int
		Value      []byte
	}
	Mismatches []logDigest
	Misses     []string
}

// Decide asks what the bytes of a path are. An error is a *Failure unless ctx
// ended.
func (n *Node) Decide(ctx context.Context, storeDir string, p bincache.StorePath) (*Decision, error) {
	var out decided
	err := n.decide(ctx, []byte(p.In(storeDir)), &out)
	if f := (*Failure)(nil); errors.As(err, &f) && f.absent {
		// What is submitted is under the path; the node's own proxy for Nix looks
		// under its hash, in the order of base 32 and not of Nix.
		if key, bad := pathHash.DecodeString(p.Digest()); bad == nil {
			err = n.decide(ctx, key, &out)
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	d, err := out.read(storeDir, p)
	if err != nil {
		return nil, err
	}
	n.settle(ctx, storeDir, p, out.Mismatches, d)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return d, nil
}

// pathHash is Trustix's reading of a store path's hash.
// Trustix: packages/trustix-nix/cmd/lib.go, NixB32Encoding.
var pathHash = base32.NewEncoding("0123456789abcdfghijklmnpqrsvwxyz")

func (n *Node) decide(ctx context.Context, key []byte, out *decided) error {
	*out = decided{}
	return n.call(ctx, "Decide", struct {
		Key      []byte
		Protocol string
	}{key, nixProtocol}, out)
}

// read checks a decision: it has to be about the path, and to have the digest
// that the logs are said to have.
func (out *decided) read(storeDir string, p bincache.StorePath) (*Decision, error) {
	d := out.Decision
	switch {
	case d == nil:
		return nil, &Failure{Text: "it came to no decision"}
	case len(d.LogIDs) == 0:
		return nil, misbehaved("it names no log that its decision comes from")
	case len(d.LogIDs)+len(out.Mismatches)+len(out.Misses) > maxLogs:
		return nil, misbehaved("it names more than %d logs", maxLogs)
	}
	read, err := readValue(storeDir, p, d.Digest, d.Value)
	if err != nil {
		return nil, err
	}
	read.Confidence = d.Confidence
	read.Logs = unique(d.LogIDs)
	read.Misses = unique(out.Misses)
	return read, nil
}

// settle sorts out the logs that have another digest: the same may be said in
// other words, for instance with the hash in another base.
func (n *Node) settle(ctx context.Context, storeDir string, p bincache.StorePath, others []logDigest, d *Decision) {
	same := map[string]bool{}
	for _, o := range others {
		at := string(o.Digest)
		if _, known := same[at]; !known && len(same) < maxDissents {
			var got struct{ Value []byte }
			err := n.call(ctx, "GetValue", struct{ Digest []byte }{o.Digest}, &got)
			if err == nil {
				v, bad := readValue(storeDir, p, o.Digest, got.Value)
				err = bad
				same[at] = bad == nil && v.NAR == d.NAR && v.Size == d.Size && slices.Equal(v.References, d.References)
			}
			if err != nil {
				same[at] = false
			}
		}
		if same[at] {
			d.Logs = append(d.Logs, o.LogID)
		} else {
			d.Others = append(d.Others, o.LogID)
		}
	}
	d.Logs, d.Others = unique(d.Logs), unique(d.Others)
}

// readValue reads what a log maps a path to.
// Trustix: packages/trustix-nix/schema/narinfo.go.
func readValue(storeDir string, p bincache.StorePath, digest, value []byte) (*Decision, error) {
	if sum := sha256.Sum256(value); string(sum[:]) != string(digest) {
		return nil, misbehaved("the value that it shows is not the one that it says the logs have")
	}
	var v struct {
		Path       string   `json:"path"`
		NarHash    string   `json:"narHash"`
		NarSize    uint64   `json:"narSize"`
		References []string `json:"references"`
	}
	if err := json.Unmarshal(value, &v); err != nil {
		return nil, misbehaved("the logs have something else than what is known of a store path")
	}
	if v.Path != p.In(storeDir) {
		return nil, misbehaved("it answers about %s, which is not the path that was asked for", quote(v.Path))
	}
	d := &Decision{Size: v.NarSize, References: []bincache.StorePath{}}
	var err error
	if d.NAR, err = bincache.ParseHash(v.NarHash); err != nil || d.NAR.IsZero() || v.NarSize == 0 || v.NarSize > 1<<63-1 {
		return nil, misbehaved("the hash or size that it says cannot be read")
	}
	for _, r := range v.References {
		base, ok := strings.CutPrefix(r, storeDir+"/")
		ref, err := bincache.ParseStorePath(base)
		if !ok || err != nil {
			return nil, misbehaved("it says a reference that is no store path")
		}
		d.References = append(d.References, ref)
	}
	slices.Sort(d.References)
	d.References = slices.Compact(d.References)
	return d, nil
}

// Upstreams asks which cache each log says that its builds are served by, by the
// log's identity. A log of a cache's own is that cache's voice.
func (n *Node) Upstreams(ctx context.Context) (map[string]string, error) {
	var out struct {
		Logs []struct {
			LogID string
			Meta  map[string]string
		}
	}
	err := n.call(ctx, "Logs", struct{ Protocols []string }{[]string{nixProtocol}}, &out)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	at := make(map[string]string, len(out.Logs))
	for _, l := range out.Logs {
		at[l.LogID] = l.Meta["upstream"]
	}
	return at, nil
}

func unique(ss []string) []string {
	ss = slices.Clone(ss)
	slices.Sort(ss)
	return slices.Compact(ss)
}
