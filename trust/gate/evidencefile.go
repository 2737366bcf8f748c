package gate

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// evidenceSize is how large the file of the evidence becomes. Then it gets the
// ending ".1", in place of the one before, and a new one is begun.
const evidenceSize = 1 << 20

// maxEvidenceLine is more than a piece needs in JSON.
const maxEvidenceLine = 16 << 10

// ReadEvidence reads what gates have left in an evidence file and in the one
// before it: the latest 256 pieces, the oldest first. Lines that are none, say
// because a disk was full, are passed over; files that are not there are empty.
func ReadEvidence(file string) ([]Evidence, error) {
	var out []Evidence
	for _, name := range []string{file + ".1", file} {
		if err := readEvidence(name, &out); err != nil && !errors.Is(err, os.ErrNotExist) {
			return out, fmt.Errorf("%s: %w", name, err)
		}
	}
	return out, nil
}

func readEvidence(file string, out *[]Evidence) error {
	f, err := openOwn(file, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, maxEvidenceLine)
	skip := false // the rest of a line that is too long
	for {
		line, err := lines.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		var one Evidence
		if !skip && !long && json.Unmarshal(line, &one) == nil {
			if len(*out) >= 2*mostEvidence {
				*out = append([]Evidence(nil), (*out)[len(*out)-mostEvidence:]...)
			}
			*out = append(*out, one)
		}
		skip = long
		if err != nil && !long {
			*out = (*out)[max(0, len(*out)-mostEvidence):]
			if err != io.EOF {
				return err
			}
			return nil
		}
	}
}

// appendEvidence adds one line, which is on the disk when it returns. What a
// full disk takes of it is taken back.
func appendEvidence(file string, one Evidence) error {
	line, err := json.Marshal(one)
	if err != nil {
		return err
	}
	f, size, err := lockedEvidence(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	defer f.Close()
	line = append(line, '\n')
	var last [1]byte
	if _, err := f.ReadAt(last[:], size-1); size > 0 && (err != nil || last[0] != '\n') {
		line = append([]byte{'\n'}, line...) // after a line that a killed gate was writing
	}
	if _, err := f.Write(line); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", file, err), f.Truncate(size))
	}
	return f.Sync()
}

// lockedEvidence opens the file for one gate at a time, with room for a line.
func lockedEvidence(file string) (f *os.File, size int64, err error) {
	for end := time.Now().Add(lockPatience); ; {
		if f, err = openOwn(file, os.O_RDWR|os.O_APPEND|os.O_CREATE); err != nil {
			return nil, 0, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			is, err := f.Stat()
			now, gone := os.Stat(file)
			switch {
			case err != nil:
				f.Close()
				return nil, 0, err
			case gone != nil || !os.SameFile(is, now):
				// Another gate has put it aside meanwhile.
			case is.Size() >= evidenceSize:
				if err := os.Rename(file, file+".1"); err != nil {
					f.Close()
					return nil, 0, err
				}
			default:
				return f, is.Size(), nil
			}
		}
		f.Close()
		if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(end) {
			return nil, 0, errors.New("another gate has had it for too long")
		}
		if err != nil {
			time.Sleep(5 * time.Millisecond)
		}
	}
}
