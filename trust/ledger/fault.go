package ledger

import (
	"errors"
	"io/fs"
	"syscall"
)

// What an *Error is about, for errors.Is.
var (
	ErrMoved   = errors.New("the file is not what it was")
	ErrBusy    = errors.New("the file is being changed")
	ErrRefused = errors.New("the file is not to be changed")
)

// An Error says why a file was not changed. The file is as it was.
type Error struct {
	Path string
	Text string // what is wrong, as the rest of a sentence that begins with the path
	Hint string // what to do, "" when nothing helps
	Err  error  // ErrMoved, ErrBusy, ErrRefused, or the system's error
}

func (e *Error) Error() string { return e.Path + ": " + e.Text }
func (e *Error) Unwrap() error { return e.Err }

func refuse(path, text, hint string) *Error {
	return &Error{Path: path, Text: text, Hint: hint, Err: ErrRefused}
}

func (s *swap) moved(text string) *Error {
	return &Error{Path: s.named, Text: text, Hint: "look at it again, and make the change anew if it is still wanted", Err: ErrMoved}
}

func storeFault(named, path string) *Error {
	text := "it is in the Nix store, where nothing is ever changed"
	if named != path {
		text = "it is a link into the Nix store (" + path + "), so another program makes it"
	}
	return refuse(named, text, "change it where it is made: the configuration of home-manager, NixOS or nix-darwin")
}

func (s *swap) resolveFault(err error) error {
	switch {
	case errors.Is(err, errDangling):
		return refuse(s.named, errDangling.Error(), "remove the link, or make what it leads to")
	case errors.Is(err, syscall.ENOTDIR):
		return refuse(s.named, "something on the way to it is no folder", "")
	}
	return s.fault("could not be looked at", err)
}

// fault makes a sentence of an error of the system. One that is a sentence stays.
func (s *swap) fault(doing string, err error) *Error {
	var done *Error
	if errors.As(err, &done) {
		return done
	}
	why, hint := cause(err)
	return &Error{Path: s.named, Text: doing + ": " + why, Hint: hint, Err: err}
}

func cause(err error) (why, hint string) {
	switch {
	case errors.Is(err, syscall.EROFS):
		return "the file system is read-only", "change it where it is made, or have the administrator mount it for writing"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "there is no room left", "free some space; a change needs room for a second copy of the file"
	case errors.Is(err, syscall.EBUSY):
		return "it is a mount point", "change the file that is mounted there, by its own name"
	case errors.Is(err, fs.ErrPermission):
		return "that is not permitted to you", "ask its owner, or the administrator"
	case errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOTSUP):
		return "the file system has no locks", "move the file to a local disk"
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return err.Error(), ""
}
