package audit

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

const (
	portion = 64  // rows that one worker takes at a time
	most    = 256 // signatures that are held to be checked together
)

// check checks all signatures, on every processor.
func check(ctx context.Context, r *Report, progress func(done, all int)) error {
	byName := map[string][]int32{}
	public := make([]bincache.PublicKey, len(r.Keys))
	for i, k := range r.Keys {
		byName[k.Name], public[i] = append(byName[k.Name], int32(i)), k.PublicKey
	}
	verifier := bincache.NewVerifier(public)
	var next atomic.Int64
	var done int
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			c := checker{ctx: ctx, report: r, byName: byName, batch: verifier.Batch()}
			for ctx.Err() == nil {
				start := int(next.Add(portion)) - portion
				if start >= len(r.Paths) {
					return
				}
				end := min(start+portion, len(r.Paths))
				c.rows(int32(start), int32(end))
				if progress != nil {
					mu.Lock()
					done += end - start
					progress(done, len(r.Paths))
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return ctx.Err()
}

// A checker is one worker.
type checker struct {
	ctx     context.Context
	report  *Report
	byName  map[string][]int32
	batch   *bincache.SignatureBatch
	held    []held
	asked   []*held // those that are in the batch
	info    bincache.NarInfo
	message []byte
	of      int32          // the row that message is of, plus one
	claimed map[Claim]bool // what stands in claims of the row that was taken last
	taken   int32
}

// held is a signature that is to be checked.
type held struct {
	row  int32
	name string
	keys []int32 // of that name
	sig  []byte  // nil when there is nothing to check
	form bool    // it has the form of a signature
	fits int32   // the first key whose it is, -1 without one
}

// rows settles the paths from start on, up to end.
func (c *checker) rows(start, end int32) {
	for i := start; i < end; i++ {
		row := &c.report.Store.Rows[i]
		if row.Damage != "" {
			continue
		}
		for text := range strings.FieldsSeq(row.Signatures) {
			c.hold(i, text)
			if len(c.held) == most {
				c.settle()
			}
			if c.ctx.Err() != nil {
				return
			}
		}
	}
	c.settle()
	for i := start; i < end; i++ {
		c.report.classify(i)
	}
}

// hold takes in one signature of a row.
func (c *checker) hold(row int32, text string) {
	name, _, _ := strings.Cut(text, ":")
	h := held{row: row, name: name, keys: c.byName[name], fits: -1}
	sig, err := bincache.ParseSignature(text)
	h.form = err == nil
	if h.form && c.report.Store.Rows[row].NarSize > 0 {
		h.sig = sig.Bytes
	}
	c.held = append(c.held, h)
}

// settle checks what is held: by the first key of each name, then what did not
// fit by the second, and so on.
func (c *checker) settle() {
	for nth := 0; c.ctx.Err() == nil; nth++ {
		c.asked = c.asked[:0]
		for n := range c.held {
			if h := &c.held[n]; h.sig != nil && h.fits < 0 && nth < len(h.keys) {
				c.batch.Add(int(h.keys[nth]), c.messageOf(h.row), h.sig)
				c.asked = append(c.asked, h)
			}
		}
		if len(c.asked) == 0 {
			break
		}
		for n, good := range c.batch.Verdicts() {
			if good {
				c.asked[n].fits = c.asked[n].keys[nth]
			}
		}
	}
	for n := range c.held {
		c.take(&c.held[n])
	}
	clear(c.held)
	c.held = c.held[:0]
}

// messageOf is what a signature of a row is of.
func (c *checker) messageOf(row int32) []byte {
	if c.of != row+1 {
		c.report.Store.InfoIn(&c.info, row)
		c.message, c.of = c.info.AppendFingerprint(c.message[:0]), row+1
	}
	return c.message
}

// take writes down what came of one signature.
func (c *checker) take(h *held) {
	p := &c.report.Paths[h.row]
	claim := Claim{Name: h.name, Kind: ClaimUnknown}
	believed := int32(-1)
	for _, k := range h.keys {
		claim.Kind = min(claim.Kind, ClaimMisfit)
		if c.report.Keys[k].Believed {
			believed, claim.Kind = k, ClaimForged
		}
	}
	if h.fits >= 0 && !slices.Contains(p.Signers, h.fits) {
		p.Signers = append(p.Signers, h.fits)
	}
	switch {
	case h.fits >= 0 && (believed < 0 || h.fits == believed):
		return
	case !h.form && believed < 0:
		claim.Kind = ClaimMalformed
	case h.form && h.sig == nil && len(h.keys) > 0:
		claim.Kind = ClaimUnchecked
	}
	claim.Other = h.fits >= 0
	// A row may have any number of them, so they are not compared one by one.
	if c.taken != h.row+1 {
		c.claimed, c.taken = map[Claim]bool{}, h.row+1
	}
	if !c.claimed[claim] {
		c.claimed[claim] = true
		p.Claims = append(p.Claims, claim)
	}
}

// classify says what vouches for a path whose signatures are settled.
func (r *Report) classify(i int32) {
	p := &r.Paths[i]
	if r.Store.Rows[i].Damage != "" {
		return
	}
	believed := slices.ContainsFunc(p.Signers, func(k int32) bool { return r.Keys[k].Believed })
	switch {
	case believed:
		p.Class = Signed
	case p.Built:
		p.Class = Built
	case p.Address >= AddressNamed:
		p.Class = Addressed
	case len(p.Signers) > 0:
		p.Class = NotBelieved
	default:
		p.Class = Imported
	}
}
