package gate

import (
	"crypto/sha256"
	"hash"
	"io"

	"github.com/nix-trust/nix-trust/lock"
)

const (
	holdPart  = 64 << 10
	holdParts = 4
	// holdSize is how much is kept back at least, once there is so much, and
	// half of what is kept back at most.
	holdSize = holdParts * holdPart / 2
)

// A hold passes on what it reads, except for the last part: release does that.
// Without it, what came out is not the whole. Another goroutine hashes what was
// read meanwhile, unless it is little.
type hold struct {
	out   io.Writer
	size  int64 // how much is expected; one byte more is read at most
	got   int64
	parts [holdParts][]byte // those read last, in turn
	read  int               // how many parts were read

	sum    hash.Hash
	parted chan []byte   // to be hashed; nil: it is done at once
	hashed chan struct{} // one for each
}

// newHold makes a hold for size bytes. Whoever makes one stops it.
func newHold(out io.Writer, size int64) *hold {
	h := &hold{out: out, size: size, sum: sha256.New()}
	if size > holdSize {
		h.parted, h.hashed = make(chan []byte, holdParts), make(chan struct{}, holdParts)
		go func() {
			defer close(h.hashed)
			for p := range h.parted {
				h.sum.Write(p)
				h.hashed <- struct{}{}
			}
		}()
	}
	return h
}

// from reads another part. The error is io.EOF at the end, that of reading, or
// that of passing on a part that was read before.
func (h *hold) from(r io.Reader) error {
	slot := &h.parts[h.read%holdParts]
	if h.read >= holdParts {
		if _, err := h.out.Write(*slot); err != nil {
			return err
		}
		if h.parted != nil {
			<-h.hashed
		}
	}
	if most := int(min(holdPart, h.size+1-h.got)); cap(*slot) < most {
		*slot = make([]byte, most)
	} else {
		*slot = (*slot)[:most]
	}
	n := 0
	var err error
	for n < len(*slot) && err == nil {
		var m int
		m, err = r.Read((*slot)[n:])
		n += m
	}
	*slot = (*slot)[:n]
	h.read++
	h.got += int64(n)
	if h.parted != nil {
		h.parted <- *slot
	} else {
		h.sum.Write(*slot)
	}
	return err
}

// stop ends the hashing, and returns the hash of all that was read.
func (h *hold) stop() lock.Hash {
	if h.parted != nil {
		close(h.parted)
		for range h.hashed {
		}
		h.parted = nil
	}
	return lock.Hash(h.sum.Sum(nil))
}

// release passes on what was kept back.
func (h *hold) release() error {
	for i := max(0, h.read-holdParts); i < h.read; i++ {
		if part := h.parts[i%holdParts]; len(part) > 0 {
			if _, err := h.out.Write(part); err != nil {
				return err
			}
		}
	}
	return nil
}
