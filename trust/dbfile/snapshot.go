package dbfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

var (
	// ErrBusy says that somebody was writing each time the file was read, or was
	// killed while writing, so that it has to be repaired before it means anything.
	ErrBusy = errors.New("it is being written to, or was left half-written")
	// ErrCorrupt says that the file is no database, or a damaged one.
	ErrCorrupt = errors.New("it is not a sound SQLite database")
	// ErrTooLarge says that a limit was reached.
	ErrTooLarge = errors.New("it is larger than what is read")
)

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// Limits bound what is read of one file.
type Limits struct {
	File  int64 // bytes of the database
	Log   int64 // bytes of its -wal
	Steps int   // cells and pages looked at, each 512 bytes read, each 64 of a record
}

// An Opener opens a regular file to read it. A file that is not there is
// fs.ErrNotExist.
type Opener func(path string) (*os.File, error)

const (
	tries = 5
	pause = 20 * time.Millisecond
)

// Read hands a snapshot of the database at path to read, again and again until
// nobody wrote while it was read: then what read found last is a state that the
// database was in. It gives up after a few tries with ErrBusy. What read
// returns for a moving file does not count either.
func Read(ctx context.Context, open Opener, path string, l Limits, read func(*DB) error) error {
	for try := 0; ; try++ {
		moved, err := readOnce(open, path, l, read)
		if !moved {
			return err
		}
		if try == tries-1 {
			return ErrBusy
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func readOnce(open Opener, path string, l Limits, read func(*DB) error) (moved bool, err error) {
	f, err := open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if journalled(open, path) {
		return true, nil
	}
	db := &DB{file: f, limits: l, pages: map[uint32][]byte{}}
	before, err := headOf(f)
	if err != nil {
		return false, err
	}
	log, err := openLog(open, path)
	if err != nil {
		return false, err
	}
	defer log.close()
	err = db.start(before, log)
	if err == nil {
		err = read(db)
	}
	// The order matters: a writer makes its journal before it touches the
	// database, and counts the change before it drops the journal.
	after, headErr := headOf(f)
	if headErr != nil || !bytes.Equal(before, after) || journalled(open, path) || log.moved(open, path) {
		return true, nil
	}
	return false, err
}

// headOf reads the database's header.
func headOf(f *os.File) ([]byte, error) {
	head := make([]byte, 100)
	if n, err := f.ReadAt(head, 0); n < len(head) {
		if err == nil || errors.Is(err, io.EOF) {
			err = corrupt("it has %d bytes", n)
		}
		return nil, err
	}
	return head, nil
}

// journalled says that a rollback journal is in use beside the database. One
// that has been emptied or whose header is zeroed is not.
func journalled(open Opener, path string) bool {
	f, err := open(path + "-journal")
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err != nil {
		return true
	}
	defer f.Close()
	first := make([]byte, 1)
	n, err := f.ReadAt(first, 0)
	return n == 1 && first[0] != 0 || err != nil && !errors.Is(err, io.EOF)
}

// A DB is one snapshot of a database.
type DB struct {
	file   *os.File
	limits Limits
	log    *pageLog
	size   int // bytes of a page
	usable int
	count  uint32 // pages
	pages  map[uint32][]byte
	steps  int // so far
}

// Beside is the same snapshot for another goroutine, with limits of its own.
func (db *DB) Beside() *DB {
	out := *db
	out.pages, out.steps = map[uint32][]byte{}, 0
	return &out
}

// start takes in the header and the log.
func (db *DB) start(head []byte, log *pageLog) error {
	if string(head[:16]) != "SQLite format 3\x00" {
		return corrupt("it does not begin like one")
	}
	db.size = int(binary.BigEndian.Uint16(head[16:]))
	if db.size == 1 {
		db.size = 65536
	}
	reserved := int(head[20])
	switch {
	case db.size < 512 || db.size&(db.size-1) != 0, db.size-reserved < 480:
		return corrupt("pages of %d bytes", db.size)
	case head[19] != 1 && head[19] != 2:
		return corrupt("format %d", head[19])
	case head[21] != 64 || head[22] != 32 || head[23] != 32:
		return corrupt("its payload fractions are not the fixed ones")
	}
	db.usable = db.size - reserved
	info, err := db.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > db.limits.File {
		return fmt.Errorf("%w: it has %d MiB", ErrTooLarge, info.Size()>>20)
	}
	db.count = uint32(info.Size() / int64(db.size))
	// The header's count holds if it was written along with the last change.
	if n := binary.BigEndian.Uint32(head[28:]); n != 0 && n < db.count && bytes.Equal(head[24:28], head[92:96]) {
		db.count = n
	}
	if head[19] == 2 && log != nil {
		if err := log.index(db.size, db.limits.Log); err != nil {
			return err
		}
		if log.count > 0 {
			db.count = log.count
		}
		db.log = log
	}
	// The file's own first page may be older than the log's.
	first, err := db.page(1)
	if err == nil && binary.BigEndian.Uint32(first[56:]) > 1 {
		err = corrupt("its text is not UTF-8")
	}
	return err
}

// cached bounds the pages that are kept, in bytes.
const cached = 4 << 20

// spend counts work. A tree can be made that leads in circles, or to the same
// page from many places.
func (db *DB) spend(steps int) error {
	if db.steps += steps; db.steps > db.limits.Steps {
		return fmt.Errorf("%w: more than %d steps", ErrTooLarge, db.limits.Steps)
	}
	return nil
}

// page fetches a page. It may not be changed.
func (db *DB) page(n uint32) ([]byte, error) {
	if err := db.spend(1); err != nil {
		return nil, err
	}
	if p, ok := db.pages[n]; ok {
		return p, nil
	}
	if n == 0 || n > db.count {
		return nil, corrupt("page %d of %d", n, db.count)
	}
	if err := db.spend(db.size / 512); err != nil {
		return nil, err
	}
	from, at := db.file, int64(n-1)*int64(db.size)
	if off, ok := db.log.find(n); ok {
		from, at = db.log.file, off
	}
	p := make([]byte, db.size)
	if _, err := from.ReadAt(p, at); err != nil {
		if errors.Is(err, io.EOF) {
			err = corrupt("page %d is cut off", n)
		}
		return nil, err
	}
	if len(db.pages)*db.size >= cached {
		clear(db.pages)
	}
	db.pages[n] = p
	return p, nil
}
