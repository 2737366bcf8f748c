package dbfile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
)

// The kinds of a tree's pages.
const (
	indexInner = 0x02
	tableInner = 0x05
	indexLeaf  = 0x0a
	tableLeaf  = 0x0d
)

const (
	depth      = 20      // a tree of more levels would not fit into any file
	maxPayload = 4 << 20 // bytes of one record
)

// errStop ends a walk early; it reaches no caller.
var errStop = errors.New("stop")

// A node is one page of a tree.
type node struct {
	page  []byte
	kind  byte
	cells []byte // two bytes each: where it is in the page
	right uint32
}

func (db *DB) node(n uint32) (node, error) {
	p, err := db.page(n)
	if err != nil {
		return node{}, err
	}
	at := 0
	if n == 1 {
		at = 100 // after the database's header
	}
	v := node{page: p, kind: p[at]}
	head := 8
	switch v.kind {
	case indexInner, tableInner:
		head, v.right = 12, binary.BigEndian.Uint32(p[at+8:])
	case indexLeaf, tableLeaf:
	default:
		return node{}, corrupt("page %d is no part of a table", n)
	}
	count := u16(p[at+3:])
	if at+head+2*count > db.usable {
		return node{}, corrupt("page %d has %d cells", n, count)
	}
	v.cells = p[at+head : at+head+2*count]
	return v, nil
}

func (v node) len() int { return len(v.cells) / 2 }

// cell is the i-th cell's bytes and what follows it.
func (db *DB) cell(v node, i int) ([]byte, error) {
	if err := db.spend(1); err != nil {
		return nil, err
	}
	at := u16(v.cells[2*i:])
	if at < 8 || at >= db.usable {
		return nil, corrupt("a cell lies outside its page")
	}
	return v.page[at:db.usable], nil
}

// child is the page below an inner node before its i-th cell.
func (db *DB) child(v node, i int) (uint32, error) {
	if i == v.len() {
		return v.right, nil
	}
	c, err := db.cell(v, i)
	if err != nil {
		return 0, err
	}
	if len(c) < 4 {
		return 0, corrupt("a cell is cut off")
	}
	return binary.BigEndian.Uint32(c), nil
}

// Rows calls fn with each row of the table at page root, from the last to the
// first when newest is set. It ends when fn says false. The row is fn's for the
// length of the call.
func (db *DB) Rows(root uint32, newest bool, fn func(id int64, row []Value) (bool, error)) error {
	var row []Value
	err := db.rows(&row, root, newest, 0, fn)
	if err == errStop {
		return nil
	}
	return err
}

func (db *DB) rows(room *[]Value, page uint32, newest bool, level int, fn func(int64, []Value) (bool, error)) error {
	if level == depth {
		return corrupt("a table of more than %d levels", depth)
	}
	v, err := db.node(page)
	if err != nil {
		return err
	}
	n := v.len()
	switch v.kind {
	case tableInner:
		n++
	case tableLeaf:
	default:
		return corrupt("page %d is no part of a table of rows", page)
	}
	for k := range n {
		i := k
		if newest {
			i = n - 1 - k
		}
		if v.kind == tableInner {
			below, err := db.child(v, i)
			if err != nil {
				return err
			}
			if err := db.rows(room, below, newest, level+1, fn); err != nil {
				return err
			}
			continue
		}
		id, row, err := db.row(*room, v, i)
		if err != nil {
			return err
		}
		*room = row
		more, err := fn(id, row)
		if err != nil {
			return err
		}
		if !more {
			return errStop
		}
	}
	return nil
}

// Count is how many rows the table at page root has.
func (db *DB) Count(root uint32) (int, error) { return db.countRows(root, 0) }

func (db *DB) countRows(page uint32, level int) (int, error) {
	if level == depth {
		return 0, corrupt("a table of more than %d levels", depth)
	}
	v, err := db.node(page)
	switch {
	case err != nil:
		return 0, err
	case v.kind == tableLeaf:
		return v.len(), nil
	case v.kind != tableInner:
		return 0, corrupt("page %d is no part of a table of rows", page)
	}
	all := 0
	for i := range v.len() + 1 {
		below, err := db.child(v, i)
		if err != nil {
			return 0, err
		}
		n, err := db.countRows(below, level+1)
		if err != nil {
			return 0, err
		}
		all += n
	}
	return all, nil
}

// row decodes a row of a leaf.
func (db *DB) row(room []Value, v node, i int) (int64, []Value, error) {
	c, err := db.cell(v, i)
	if err != nil {
		return 0, nil, err
	}
	size, n := varint(c)
	if n == 0 {
		return 0, nil, corrupt("a row is cut off")
	}
	id, m := varint(c[n:])
	if m == 0 {
		return 0, nil, corrupt("a row is cut off")
	}
	row, err := db.record(room, c[n+m:], size, db.usable-35)
	return id, row, err
}

// Row fetches one row of the table at page root, nil when there is none.
func (db *DB) Row(root uint32, id int64) ([]Value, error) {
	for range depth {
		v, err := db.node(root)
		if err != nil {
			return nil, err
		}
		if v.kind != tableInner && v.kind != tableLeaf {
			return nil, corrupt("page %d is no part of a table of rows", root)
		}
		low, high := 0, v.len()
		for low < high {
			mid := (low + high) / 2
			c, err := db.cell(v, mid)
			if err != nil {
				return nil, err
			}
			key, err := rowID(v.kind, c)
			if err != nil {
				return nil, err
			}
			switch {
			case key == id && v.kind == tableLeaf:
				_, row, err := db.row(nil, v, mid)
				return row, err
			case key < id:
				low = mid + 1
			default:
				high = mid
			}
		}
		if v.kind == tableLeaf {
			return nil, nil
		}
		if root, err = db.child(v, low); err != nil {
			return nil, err
		}
	}
	return nil, corrupt("a table of more than %d levels", depth)
}

func rowID(kind byte, c []byte) (int64, error) {
	if kind == tableInner {
		if len(c) < 4 {
			return 0, corrupt("a cell is cut off")
		}
		c = c[4:]
	} else {
		_, n := varint(c)
		c = c[n:]
	}
	id, n := varint(c)
	if n == 0 {
		return 0, corrupt("a cell is cut off")
	}
	return id, nil
}

// Find looks an entry up by the first values of the index at page root, and
// returns the row's number, which is the entry's last value.
func (db *DB) Find(root uint32, key ...Value) (id int64, ok bool, err error) {
	for range depth {
		v, err := db.node(root)
		if err != nil {
			return 0, false, err
		}
		if v.kind != indexInner && v.kind != indexLeaf {
			return 0, false, corrupt("page %d is no part of an index", root)
		}
		low, high := 0, v.len()
		for low < high {
			mid := (low + high) / 2
			entry, err := db.entry(v, mid)
			if err != nil {
				return 0, false, err
			}
			if len(entry) <= len(key) {
				return 0, false, corrupt("an entry of an index has %d values", len(entry))
			}
			switch order := compare(entry, key); {
			case order == 0:
				last := entry[len(entry)-1]
				return last.Int, last.Kind == Integer, nil
			case order < 0:
				low = mid + 1
			default:
				high = mid
			}
		}
		if v.kind == indexLeaf {
			return 0, false, nil
		}
		if root, err = db.child(v, low); err != nil {
			return 0, false, err
		}
	}
	return 0, false, corrupt("an index of more than %d levels", depth)
}

// entry decodes an entry of an index.
func (db *DB) entry(v node, i int) ([]Value, error) {
	c, err := db.cell(v, i)
	if err != nil {
		return nil, err
	}
	if v.kind == indexInner {
		if len(c) < 4 {
			return nil, corrupt("a cell is cut off")
		}
		c = c[4:]
	}
	size, n := varint(c)
	if n == 0 {
		return nil, corrupt("an entry is cut off")
	}
	return db.record(nil, c[n:], size, (db.usable-12)*64/255-23)
}

// compare orders an entry against a key of integers and texts.
func compare(entry, key []Value) int {
	for i, k := range key {
		e := entry[i]
		if c := cmp.Compare(rank(e.Kind), rank(k.Kind)); c != 0 {
			return c
		}
		if c := cmp.Compare(e.Int, k.Int); c != 0 {
			return c
		}
		if c := bytes.Compare(e.Data, k.Data); c != 0 {
			return c
		}
	}
	return 0
}

// rank is where SQLite sorts a kind: nothing, numbers, texts, blobs.
func rank(k Kind) int { return [...]int{Null: 0, Integer: 1, Float: 1, Text: 2, Blob: 3}[k] }

// record reads a record of size bytes that begins in c and goes on in other
// pages when it is larger than most.
func (db *DB) record(room []Value, c []byte, size int64, most int) ([]Value, error) {
	if size < 0 || size > maxPayload {
		return nil, fmt.Errorf("%w: a record of %d bytes", ErrTooLarge, size)
	}
	if err := db.spend(int(size) / 64); err != nil {
		return nil, err
	}
	local := int(size)
	if local > most {
		least := (db.usable-12)*32/255 - 23
		if local = least + (local-least)%(db.usable-4); local > most {
			local = least
		}
	}
	if local > len(c) {
		return nil, corrupt("a record is cut off")
	}
	if int64(local) == size {
		return values(room, c[:local])
	}
	if len(c) < local+4 {
		return nil, corrupt("a record is cut off")
	}
	data := append(make([]byte, 0, size), c[:local]...)
	next := binary.BigEndian.Uint32(c[local:])
	for int64(len(data)) < size {
		p, err := db.page(next)
		if err != nil {
			return nil, err
		}
		next = binary.BigEndian.Uint32(p)
		data = append(data, p[4:4+min(db.usable-4, int(size)-len(data))]...)
	}
	return values(room, data)
}
