package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

const (
	epochVersion = 1
	mostEpochs   = 16 << 10        // bytes of the file, far more than it needs
	lockPatience = 2 * time.Second // for another gate that has the file
)

// withFile reads the book, has it changed, and writes it when change says so,
// while no other gate does. A file that is not there is an empty book; one that
// cannot be read, or is something else, is a book of which nothing is known.
// change is called in any case.
func (e *epochs) withFile(change func(*epochBook) (write bool)) error {
	if e.file == "" {
		book := e.book
		switch {
		case e.decided:
		case e.unheard:
			book = emptyBook()
		default:
			book = unknownBook(e.now())
		}
		change(&book)
		return nil
	}
	unlock, lockErr := lockFile(e.file + ".lock")
	defer unlock()
	book, err := readEpochs(e.file)
	switch {
	case errors.Is(err, os.ErrNotExist) && e.decided:
		book, err = e.book, nil
	case errors.Is(err, os.ErrNotExist):
		book, err = emptyBook(), nil
	case err != nil && e.decided:
		book, err = e.book, fmt.Errorf("%s: %w; it is written anew from what is known", e.file, err)
	case err != nil:
		book, err = unknownBook(e.now()), fmt.Errorf("%s: %w; it is written anew, and for %v a daemon may remember a miss that is none any more", e.file, err, e.remembered)
	}
	if !change(&book) {
		return errors.Join(lockErr, err)
	}
	text, wrong := json.Marshal(book)
	if wrong == nil {
		wrong = replaceFile(e.file, append(text, '\n'))
	}
	if wrong != nil {
		wrong = fmt.Errorf("%s cannot be written, so after a restart a daemon may remember a miss that is none any more: %w", e.file, wrong)
	}
	return errors.Join(lockErr, err, wrong)
}

// readEpochs reads a file that only this user can have written.
func readEpochs(file string) (epochBook, error) {
	f, err := openOwn(file, os.O_RDONLY)
	if err != nil {
		return epochBook{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostEpochs+1))
	if err != nil {
		return epochBook{}, err
	}
	if len(text) > mostEpochs {
		return epochBook{}, errors.New("it is too long")
	}
	var book epochBook
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&book); err != nil {
		return epochBook{}, errors.New("it is not what this program writes")
	}
	if _, err := d.Token(); err != io.EOF {
		return epochBook{}, errors.New("something follows what this program writes")
	}
	return book, book.check()
}

// openOwn opens a plain file of this user's, that nobody else can write. Neither
// a link is followed nor a pipe waited for.
func openOwn(file string, flags int) (*os.File, error) {
	f, err := os.OpenFile(file, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		if errors.Is(err, syscall.ELOOP) {
			return nil, errors.New("it is a symbolic link")
		}
		return nil, err
	}
	st, err := f.Stat()
	if err == nil {
		sys, ok := st.Sys().(*syscall.Stat_t)
		switch {
		case !st.Mode().IsRegular():
			err = errors.New("it is not a plain file")
		case !ok || int(sys.Uid) != os.Geteuid() || st.Mode().Perm()&0o022 != 0:
			err = fmt.Errorf("others than the user that runs the gate (id %d) can write it", os.Geteuid())
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// lockFile waits for a lock, and goes on without it after a while.
func lockFile(file string) (unlock func(), err error) {
	f, err := openOwn(file, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return func() {}, fmt.Errorf("%s: %w", file, err)
	}
	for end := time.Now().Add(lockPatience); ; time.Sleep(5 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil // which unlocks
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) || time.Now().After(end) {
			f.Close()
			return func() {}, fmt.Errorf("%s cannot be locked: %w", file, err)
		}
	}
}
