package guard

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// A Stamp tells one state of a file from others. The zero Stamp is that of no
// file, or of one that was not looked at.
type Stamp struct {
	dev, ino, size uint64
	mode           uint32
	uid, gid       uint32
	modified       syscall.Timespec
	changed        syscall.Timespec
	// settled: had the file been written since, the stamp would be another one.
	// Clocks of file systems have steps; within one a change is not seen.
	settled bool
}

// clockStep is the longest step of a file system's clock that is reckoned with.
const clockStep = 2 * time.Second

// StampOf is a file's stamp now, as it is once it has settled. No file is no
// error: it can only begin to be there.
func StampOf(path string) (Stamp, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Stamp{settled: true}, nil
	}
	if err != nil {
		return Stamp{}, err
	}
	return newStamp(info, time.Time{}), nil
}

// newStamp is what a file was like; a zero now counts as long after.
func newStamp(info fs.FileInfo, now time.Time) Stamp {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Stamp{}
	}
	s := Stamp{dev: uint64(st.Dev), ino: st.Ino, size: uint64(st.Size), mode: uint32(st.Mode), uid: st.Uid, gid: st.Gid, modified: modifiedAt(st), changed: changedAt(st), settled: true}
	if !now.IsZero() {
		s.settled = now.After(time.Unix(s.changed.Unix()).Add(clockStep))
	}
	return s
}

// Holds reports whether a file whose stamp is now another one is as it was when s
// was taken. In doubt it is not.
func (s Stamp) Holds(now Stamp) bool { return s.settled && now == s }
