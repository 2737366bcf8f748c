package gate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sync/semaphore"
)

const (
	// roomSize is how much all decoders together may hold for looking back. Who
	// needs more than is left waits; who needs more than all of it has it alone.
	roomSize = 48 << 20
	// mostWindow is what one decoder may hold: xz -9 looks back 64 MiB, xz and
	// zstd as Nix has them 8 and 2.
	mostWindow = 64 << 20
	// minWindow is held whatever the file says.
	minWindow = 1 << 20
	// headSize is how much of a file says what its decoder will need.
	headSize = 128
)

var errRoom = errors.New("its file takes more memory to unpack than the gate has")

// windowOf is how far back the decoder of a file has to look that begins with
// head and unpacks to size bytes. The decoder is held to it, so that a file that
// says less than it needs is refused.
func windowOf(compression string, head []byte, size int64) (int64, error) {
	need := int64(minWindow)
	switch compression {
	case "xz":
		need = min(xzWindow(head), size)
	case "zstd": // its decoder does not know the size
		need = zstdWindow(head)
	case "br", "bzip2", "":
		need = min(16<<20, size)
	}
	if need = max(need, minWindow); need > mostWindow {
		return 0, fmt.Errorf("%w: %d bytes", errRoom, need)
	}
	return need, nil
}

// errFull is for who has to wait for room.
var errFull = errors.New("the gate has no memory left to unpack its file")

// A room is what one answer has of the memory for decoders.
type room struct {
	all    *semaphore.Weighted
	held   int64
	wanted int64
	waited bool
}

// take sees to it that there is room for a window, or wants it. Who has waited
// once gets no more than that, so that no cache makes it wait for ever.
func (r *room) take(window int64) error {
	window = min(window, roomSize)
	switch {
	case window <= r.held:
		return nil
	case r.waited:
		return errRoom
	}
	r.release()
	if !r.all.TryAcquire(window) {
		r.wanted = window
		return errFull
	}
	r.held = window
	return nil
}

// wait waits for the room that was wanted.
func (r *room) wait(ctx context.Context) error {
	if err := r.all.Acquire(ctx, r.wanted); err != nil {
		return err
	}
	r.held, r.waited = r.wanted, true
	return nil
}

func (r *room) release() {
	r.all.Release(r.held)
	r.held = 0
}

// unknownWindow is for a beginning that is none of the format.
const unknownWindow = 8 << 20

// xzWindow reads the dictionary of the first block. The .xz file format 1.2.1,
// sections 3.1 and 5.3.1.
func xzWindow(head []byte) int64 {
	const streamHeader = 12
	if len(head) < streamHeader+2 {
		return unknownWindow
	}
	flags, rest := head[streamHeader+1], head[streamHeader+2:]
	for _, given := range []byte{0x40, 0x80} { // the sizes before the filters
		if flags&given != 0 {
			_, n := binary.Uvarint(rest)
			if n <= 0 {
				return unknownWindow
			}
			rest = rest[n:]
		}
	}
	if flags&3 != 0 || len(rest) < 3 || rest[0] != 0x21 || rest[1] != 1 || rest[2] > 39 {
		return unknownWindow
	}
	return int64(2|rest[2]&1) << (rest[2]/2 + 11)
}

// zstdWindow reads the header of the first frame that has contents. RFC 8878,
// sections 3.1.1.1 and 3.1.2.
func zstdWindow(head []byte) int64 {
	for len(head) >= 8 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18" { // to be skipped
		skip := 8 + int64(binary.LittleEndian.Uint32(head[4:]))
		if skip > int64(len(head)) {
			return unknownWindow
		}
		head = head[skip:]
	}
	if len(head) < 6 || string(head[:4]) != "\x28\xb5\x2f\xfd" {
		return unknownWindow
	}
	flags := head[4]
	if flags&0x20 == 0 {
		log, eighths := head[5]>>3+10, int64(head[5]&7)
		return 1<<log + eighths<<(log-3)
	}
	// One segment: all of the contents is looked back on.
	at := 5 + []int{0, 1, 2, 4}[flags&3]
	length := []int{1, 2, 4, 8}[flags>>6]
	if len(head) < at+length {
		return unknownWindow
	}
	var field [8]byte
	copy(field[:], head[at:at+length])
	n := binary.LittleEndian.Uint64(field[:])
	if length == 2 {
		n += 256
	}
	return int64(min(n, 1<<62))
}
