package bincache

import (
	"sync"
	"sync/atomic"

	"github.com/nix-trust/nix-trust/lock/bincache/keytable"
)

const (
	// worthTable is how many signatures of a key are checked one by one before a
	// table is made for it, which takes as long as some fifty of them.
	worthTable = 64
	// mostTables bounds the memory of one Verifier: each takes half a megabyte, and
	// anybody can claim keys.
	mostTables = 32
)

// A Verifier checks many signatures of some keys, with the verdicts of
// PublicKey.Verifies in a fifth of the time. Several goroutines may share it,
// each with a batch of its own.
type Verifier struct {
	keys   []verifierKey
	tables atomic.Int32
}

type verifierKey struct {
	PublicKey
	weak  bool
	seen  atomic.Int32
	once  sync.Once
	table *keytable.Table // nil while there is none, and for keys without
}

// NewVerifier checks by these keys.
func NewVerifier(keys []PublicKey) *Verifier {
	v := &Verifier{keys: make([]verifierKey, len(keys))}
	for i, k := range keys {
		v.keys[i].PublicKey, v.keys[i].weak = k, k.Weak()
	}
	return v
}

// tableOf is the table of a key, nil where one by one is as good.
func (v *Verifier) tableOf(k *verifierKey) *keytable.Table {
	if k.seen.Load() < worthTable && k.seen.Add(1) < worthTable {
		return nil
	}
	k.once.Do(func() {
		if v.tables.Add(1) <= mostTables {
			k.table, _ = keytable.New(k.Key) // what is no key verifies nothing one by one
		}
	})
	return k.table
}

// A SignatureBatch collects signatures to check. It is for one goroutine.
type SignatureBatch struct {
	verifier *Verifier
	batch    keytable.Batch
	entries  []batchEntry
	verdicts []bool
}

// A batchEntry is a verdict, or where in the batch it will be.
type batchEntry struct {
	later int // -1: it is settled
	good  bool
}

// Batch returns an empty batch.
func (v *Verifier) Batch() *SignatureBatch { return &SignatureBatch{verifier: v} }

// Add takes in 64 bytes that are said to be a signature of message by the key of
// this index, and returns their index in what Verdicts will return. Neither is
// kept.
func (b *SignatureBatch) Add(key int, message, sig []byte) int {
	k := &b.verifier.keys[key]
	e := batchEntry{later: -1}
	if len(sig) == 64 && !k.weak && !isSmallOrder(sig[:32]) {
		if t := b.verifier.tableOf(k); t != nil {
			e.later = b.batch.Add(t, message, sig)
		} else {
			e.good = k.Verifies(message, sig)
		}
	}
	b.entries = append(b.entries, e)
	return len(b.entries) - 1
}

// Verdicts says of each signature whether it is one, and empties the batch. What
// it returns is good until it is called again.
func (b *SignatureBatch) Verdicts() []bool {
	later := b.batch.Verdicts()
	b.verdicts = b.verdicts[:0]
	for _, e := range b.entries {
		b.verdicts = append(b.verdicts, e.good || e.later >= 0 && later[e.later])
	}
	b.entries = b.entries[:0]
	return b.verdicts
}
