package dbfile

import (
	"encoding/binary"
)

// A Value is one value of a row.
type Value struct {
	Kind Kind
	Int  int64
	Data []byte // of a text or a blob; it may not be changed
}

// Str is a text as a value.
func Str(s string) Value { return Value{Kind: Text, Data: []byte(s)} }

// Num is a number as a value.
func Num(n int64) Value { return Value{Kind: Integer, Int: n} }

func (v Value) String() string { return string(v.Data) }

// Kind is what a value is.
type Kind int

const (
	Null Kind = iota
	Integer
	Float // its value is not read
	Text
	Blob
)

// columns bounds the values of one record.
const columns = 100

// values decodes a record, into the room of out.
func values(out []Value, p []byte) ([]Value, error) {
	length, n := varint(p)
	if n == 0 || length < int64(n) || length > int64(len(p)) {
		return nil, corrupt("a record's header has %d of %d bytes", length, len(p))
	}
	head, body := p[n:length], p[length:]
	out = out[:0]
	for len(head) > 0 {
		kind, n := varint(head)
		if n == 0 || kind < 0 || len(out) == columns {
			return nil, corrupt("a record's header")
		}
		head = head[n:]
		v, size := Value{}, int64(0)
		switch {
		case kind == 0:
		case kind <= 6:
			v.Kind, size = Integer, [...]int64{0, 1, 2, 3, 4, 6, 8}[kind]
		case kind == 7:
			v.Kind, size = Float, 8
		case kind <= 9:
			v.Kind, v.Int = Integer, kind-8
		case kind < 12:
			return nil, corrupt("a value of kind %d", kind)
		case kind%2 == 0:
			v.Kind, size = Blob, (kind-12)/2
		default:
			v.Kind, size = Text, (kind-13)/2
		}
		if size > int64(len(body)) {
			return nil, corrupt("a value of %d bytes in %d", size, len(body))
		}
		switch data := body[:size]; {
		case v.Kind == Integer && size > 0:
			v.Int = int64(int8(data[0]))
			for _, b := range data[1:] {
				v.Int = v.Int<<8 | int64(b)
			}
		case v.Kind == Text || v.Kind == Blob:
			v.Data = data
		}
		body = body[size:]
		out = append(out, v)
	}
	return out, nil
}

// varint decodes SQLite's variable-length integer: seven bits a byte, the
// highest first, and all eight of a ninth. n is 0 when it is cut off.
func varint(p []byte) (v int64, n int) {
	for i, b := range p {
		if i == 8 {
			return v<<8 | int64(b), 9
		}
		v = v<<7 | int64(b&0x7f)
		if b < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

func u16(p []byte) int { return int(binary.BigEndian.Uint16(p)) }
