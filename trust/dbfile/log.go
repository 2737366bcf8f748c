package dbfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
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
	marks []mark           // what a writer changes that goes on
}

// A mark is a place in a log, and the head of a frame that was there, cut off
// where the log ended.
type mark struct {
	at   int64
	head []byte
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
//
// A writer that goes on puts its first frame after the last commit, or goes on
// after the frames of a change that it had begun. So these are the marks. They
// are taken of what was read: what came a moment later has not been seen.
func (l *pageLog) index(pageSize int, limit int64) error {
	l.pages = map[uint32]int64{}
	magic := binary.BigEndian.Uint32(l.head)
	var order binary.ByteOrder = binary.LittleEndian
	if magic&1 != 0 {
		order = binary.BigEndian
	}
	s := logSum{order: order}
	s.add(l.head[:24])
	size := binary.BigEndian.Uint32(l.head[8:])
	if magic&^1 != 0x377f0682 || binary.BigEndian.Uint32(l.head[4:]) != 3007000 || !s.is(l.head[24:]) {
		return nil // SQLite takes it for an empty log, and begins it with another head
	}
	if size != uint32(pageSize) && !(size == 1 && pageSize == 65536) {
		return corrupt("its log has pages of %d bytes", size)
	}
	pending := map[uint32]int64{}
	frame := make([]byte, frameHead+pageSize)
	fresh := true // nothing was read since the last commit
	for at := int64(logHead); ; at += int64(len(frame)) {
		if at > limit {
			return fmt.Errorf("%w: its log has more than %d MiB", ErrTooLarge, limit>>20)
		}
		n, err := l.file.ReadAt(frame, at)
		if n < len(frame) && err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		here := mark{at, frame[:min(n, frameHead)]}
		page, count := binary.BigEndian.Uint32(frame), binary.BigEndian.Uint32(frame[4:])
		s.add(frame[:8])
		s.add(frame[frameHead:])
		sound := n == len(frame) && page != 0 && bytes.Equal(frame[8:16], l.head[16:24]) && s.is(frame[16:])
		if fresh || !sound {
			here.head = bytes.Clone(here.head)
			l.marks = append(l.marks, here)
		}
		if !sound {
			return nil
		}
		pending[page], fresh = at+frameHead, false
		if count != 0 {
			for p, at := range pending {
				l.pages[p] = at
			}
			clear(pending)
			l.count, l.marks, fresh = count, nil, true
		}
	}
}

// unmarked says that something else stands at a mark of another log in this one.
func (l *pageLog) unmarked(m mark) bool {
	head := make([]byte, frameHead)
	n, err := l.file.ReadAt(head, m.at)
	return err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(head[:n], m.head)
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
	return !bytes.Equal(l.head, now.head) || slices.ContainsFunc(l.marks, now.unmarked)
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
