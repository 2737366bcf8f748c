package dbfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

const (
	logHead   = 32
	frameHead = 24
)

// A pageLog is the -wal file of a database: pages that were committed and are
// not in the database yet, or are in both. A nil one is a database without.
type pageLog struct {
	file  *os.File
	head  []byte
	pages map[uint32]int64 // where each page's last committed content is
	count uint32           // pages of the database after the last commit, 0 without one
	end   int64            // where the next frame would be
	next  []byte           // what was there
}

// openLog opens the log, nil when there is none or nothing in it.
func openLog(open Opener, path string) (*pageLog, error) {
	f, err := open(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l := &pageLog{file: f, head: make([]byte, logHead)}
	if n, err := f.ReadAt(l.head, 0); n < logHead {
		f.Close()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return nil, nil
	}
	return l, nil
}

func (l *pageLog) close() {
	if l != nil {
		l.file.Close()
	}
}

func (l *pageLog) find(page uint32) (int64, bool) {
	if l == nil {
		return 0, false
	}
	at, ok := l.pages[page]
	return at, ok
}

// index finds the committed frames. Those after the last commit, and what is
// left of an earlier round, do not count.
func (l *pageLog) index(pageSize int, limit int64) error {
	l.pages, l.end = map[uint32]int64{}, logHead
	magic := binary.BigEndian.Uint32(l.head)
	var order binary.ByteOrder = binary.LittleEndian
	if magic&1 != 0 {
		order = binary.BigEndian
	}
	s := logSum{order: order}
	s.add(l.head[:24])
	size := binary.BigEndian.Uint32(l.head[8:])
	if magic&^1 != 0x377f0682 || binary.BigEndian.Uint32(l.head[4:]) != 3007000 || !s.is(l.head[24:]) {
		return l.remember() // SQLite takes it for an empty log
	}
	if size != uint32(pageSize) && !(size == 1 && pageSize == 65536) {
		return corrupt("its log has pages of %d bytes", size)
	}
	pending := map[uint32]int64{}
	frame := make([]byte, frameHead+pageSize)
	committed := l.end
	for ; ; l.end += int64(len(frame)) {
		if l.end > limit {
			return fmt.Errorf("%w: its log has more than %d MiB", ErrTooLarge, limit>>20)
		}
		if n, err := l.file.ReadAt(frame, l.end); n < len(frame) {
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			break
		}
		page, count := binary.BigEndian.Uint32(frame), binary.BigEndian.Uint32(frame[4:])
		s.add(frame[:8])
		s.add(frame[frameHead:])
		if page == 0 || !bytes.Equal(frame[8:16], l.head[16:24]) || !s.is(frame[16:]) {
			break
		}
		pending[page] = l.end + frameHead
		if count != 0 {
			for p, at := range pending {
				l.pages[p] = at
			}
			clear(pending)
			l.count, committed = count, l.end+int64(len(frame))
		}
	}
	l.end = committed
	return l.remember()
}

// remember keeps what is at the end of the committed frames: the next writer
// puts its first frame there.
func (l *pageLog) remember() (err error) {
	l.next, err = l.peek()
	return err
}

func (l *pageLog) peek() ([]byte, error) {
	next := make([]byte, frameHead)
	n, err := l.file.ReadAt(next, l.end)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return next[:n], err
}

// moved says that the log at path is not what it was.
func (l *pageLog) moved(open Opener, path string) bool {
	now, err := openLog(open, path)
	if err != nil {
		return true
	}
	defer now.close()
	if l == nil || now == nil {
		return l != now
	}
	if !bytes.Equal(l.head, now.head) || l.next == nil {
		return l.next != nil || !bytes.Equal(l.head, now.head)
	}
	now.end = l.end
	next, err := now.peek()
	return err != nil || !bytes.Equal(next, l.next)
}

// A logSum is the running checksum of a log.
type logSum struct {
	order binary.ByteOrder
	a, b  uint32
}

// add takes in a multiple of eight bytes.
func (s *logSum) add(p []byte) {
	for ; len(p) >= 8; p = p[8:] {
		s.a += s.order.Uint32(p) + s.b
		s.b += s.order.Uint32(p[4:]) + s.a
	}
}

func (s *logSum) is(p []byte) bool {
	return binary.BigEndian.Uint32(p) == s.a && binary.BigEndian.Uint32(p[4:]) == s.b
}
