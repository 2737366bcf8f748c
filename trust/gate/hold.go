package gate

import "io"

// holdSize is how much is kept back at least, once there is so much, and half of
// what is kept back at most.
const holdSize = 128 << 10

// A hold passes on what is written to it, except for the last part: release does
// that. Without it, what came out is not the whole.
type hold struct {
	out         io.Writer
	older, last []byte // in this order
}

// newHold makes a hold for about size bytes.
func newHold(out io.Writer, size int64) *hold {
	return &hold{out: out, last: make([]byte, 0, min(size, holdSize))}
}

func (h *hold) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if len(h.last) == holdSize {
			if len(h.older) > 0 {
				if _, err := h.out.Write(h.older); err != nil {
					return n, err
				}
			}
			if h.older == nil {
				h.older = make([]byte, 0, holdSize)
			}
			h.older, h.last = h.last, h.older[:0]
		}
		m := min(len(p), holdSize-len(h.last))
		h.last = append(h.last, p[:m]...)
		n, p = n+m, p[m:]
	}
	return n, nil
}

// release passes on what was kept back.
func (h *hold) release() error {
	for _, part := range [][]byte{h.older, h.last} {
		if len(part) > 0 {
			if _, err := h.out.Write(part); err != nil {
				return err
			}
		}
	}
	return nil
}
