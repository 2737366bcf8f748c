package gateplace

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// An Owner is the user who runs a gate, and alone reads its key. The machine's
// has MachineUser's name.
type Owner struct {
	Name     string
	UID, GID int
}

var (
	// ErrNoOwner is that of a machine whose gate has no user yet.
	ErrNoOwner = errors.New("there is no user " + MachineUser + ", to whom the key of the machine's gate has to belong")
	// ErrRoot is that of one whose gate would be run by root.
	ErrRoot = errors.New(MachineUser + " is root under another name")
)

// Owner is who runs the gate of a place. Of the machine's it may be ErrNoOwner,
// ErrRoot, or an error that says that it is not known.
func (p Place) Owner() (Owner, error) {
	if !p.System {
		o := Owner{Name: strconv.Itoa(os.Geteuid()), UID: os.Geteuid(), GID: os.Getegid()}
		if u, err := user.LookupId(o.Name); err == nil {
			o.Name = u.Username
		}
		return o, nil
	}
	u, err := user.Lookup(MachineUser)
	if _, unknown := errors.AsType[user.UnknownUserError](err); unknown {
		return Owner{}, ErrNoOwner
	}
	if err != nil {
		return Owner{}, fmt.Errorf("whether there is the user %s is not known: %w", MachineUser, err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		return Owner{}, fmt.Errorf("the ids of the user %s make no sense: %w", MachineUser, err)
	}
	if uid == 0 {
		return Owner{}, ErrRoot
	}
	return Owner{MachineUser, uid, gid}, nil
}

// ownerOf is the user to whom a file belongs.
func ownerOf(info os.FileInfo) (uid int, known bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}
