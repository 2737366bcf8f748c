package host

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Limits on what a daemon may send. A real one stays far below them.
const (
	maxString = 1 << 20 // of one message
	maxTotal  = 8 << 20 // of one connection
	maxFields = 1 << 10 // of one activity, and traces of one error
)

// errGarbled says that the other side does not speak the worker protocol.
var errGarbled = errors.New("it does not speak Nix's protocol")

func garbled(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errGarbled, fmt.Sprintf(format, args...))
}

// wire reads and writes the primitives of the worker protocol: 64-bit little
// endian numbers, and strings with their length before them, padded with zero
// bytes to a multiple of eight. Nix: src/libutil/serialise.cc.
type wire struct {
	r          *bufio.Reader
	w          *bufio.Writer
	most, read int    // bytes that may be read, and that were
	said       bool   // a byte came
	room       []byte // for the string that was read last
}

func newWire(rw io.ReadWriter) *wire {
	return &wire{r: bufio.NewReaderSize(rw, 1<<15), w: bufio.NewWriterSize(rw, 1<<15), most: maxTotal}
}

func (w *wire) take(n int) error {
	if n > w.most-w.read {
		return garbled("it sent more than %d bytes", w.most)
	}
	w.read += n
	return nil
}

func (w *wire) number() (uint64, error) {
	var b [8]byte
	if err := w.take(len(b)); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(w.r, b[:])
	w.said = w.said || n > 0
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// text reads a string of at most limit bytes.
func (w *wire) text(limit int) (string, error) {
	b, err := w.bytes(limit)
	return string(b), err
}

// bytes is text in bytes that are good until the next string is read.
func (w *wire) bytes(limit int) ([]byte, error) {
	n, err := w.number()
	if err != nil {
		return nil, err
	}
	if n > uint64(limit) {
		return nil, garbled("it announced a string of %d bytes, and at most %d are read", n, limit)
	}
	padded := (int(n) + 7) &^ 7
	if err := w.take(padded); err != nil {
		return nil, err
	}
	w.room = slices.Grow(w.room[:0], padded)[:padded]
	if _, err := io.ReadFull(w.r, w.room); err != nil {
		return nil, err
	}
	for _, c := range w.room[n:] {
		if c != 0 {
			return nil, garbled("a string is not padded with zero bytes")
		}
	}
	return w.room[:n], nil
}

// count reads the length of a list.
func (w *wire) count() (int, error) {
	n, err := w.number()
	if err != nil {
		return 0, err
	}
	if n > maxFields {
		return 0, garbled("it announced a list of %d elements, and at most %d are read", n, maxFields)
	}
	return int(n), nil
}

// The writer's errors stick until flush, which returns them.

func (w *wire) putNumber(n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	w.w.Write(b[:])
}

func (w *wire) putText(s string) {
	w.putNumber(uint64(len(s)))
	w.w.WriteString(s)
	var zero [8]byte
	w.w.Write(zero[:(8-len(s)%8)%8])
}

func (w *wire) flush() error { return w.w.Flush() }

// Tags of what a daemon sends while it works.
// Nix: src/libstore/worker-protocol.hh.
const (
	tagNext          = 0x6f6c6d67
	tagError         = 0x63787470
	tagLast          = 0x616c7473
	tagStartActivity = 0x53545254
	tagStopActivity  = 0x53544f50
	tagResult        = 0x52534c54
)

// A daemonError is an error that the daemon reported. The connection goes on.
type daemonError struct{ message string }

func (e *daemonError) Error() string { return "it answered: " + e.message }

// messages reads what the daemon says until it is done, and returns its log
// lines with their colours taken out, as far as they are few enough to be kept.
// Protocol is the negotiated one.
func (w *wire) messages(protocol int) ([]string, error) {
	var lines []string
	kept := 0
	for {
		tag, err := w.number()
		if err != nil {
			return lines, err
		}
		switch tag {
		case tagLast:
			return lines, nil
		case tagNext:
			s, err := w.text(maxString)
			if err != nil {
				return lines, err
			}
			if kept += len(s); kept <= maxTotal {
				lines = append(lines, stripANSI(s))
			}
		case tagError:
			msg, err := w.errorMessage(protocol)
			if err != nil {
				return lines, err
			}
			return lines, &daemonError{stripANSI(msg)}
		case tagStartActivity:
			err = w.skip("nnnsfn")
		case tagStopActivity:
			err = w.skip("n")
		case tagResult:
			err = w.skip("nnf")
		default:
			err = garbled("it sent the unknown message type %#x", tag)
		}
		if err != nil {
			return lines, err
		}
	}
}

func (w *wire) errorMessage(protocol int) (string, error) {
	if protocol < protocolErrors {
		msg, err := w.text(maxString)
		if err != nil {
			return "", err
		}
		return msg, w.skip("n")
	}
	if err := w.skip("sns"); err != nil {
		return "", err
	}
	msg, err := w.text(maxString)
	if err != nil {
		return "", err
	}
	if err := w.skip("n"); err != nil {
		return "", err
	}
	traces, err := w.count()
	for ; err == nil && traces > 0; traces-- {
		err = w.skip("ns")
	}
	return msg, err
}

// skip reads past values: n a number, s a string, f a list of fields, each a
// number (0) or a string (1).
func (w *wire) skip(layout string) error {
	for _, what := range layout {
		var err error
		switch what {
		case 'n':
			_, err = w.number()
		case 's':
			_, err = w.text(maxString)
		case 'f':
			err = w.skipFields()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *wire) skipFields() error {
	n, err := w.count()
	for ; err == nil && n > 0; n-- {
		var kind uint64
		if kind, err = w.number(); err != nil {
			break
		}
		switch kind {
		case 0:
			err = w.skip("n")
		case 1:
			err = w.skip("s")
		default:
			err = garbled("it sent a field of the unknown type %d", kind)
		}
	}
	return err
}

// stripANSI takes escape sequences out of a message: the daemon colours what it
// quotes.
func stripANSI(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != 0x1b {
			out = append(out, s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '[' {
			i += 2
			for i < len(s) && (s[i] < 0x40 || s[i] > 0x7e) {
				i++
			}
		}
	}
	return string(out)
}
