package gate

import "golang.org/x/sys/unix"

// userBehind is the user who listens. unix(7), SO_PEERCRED.
func userBehind(fd int) (uid uint32, err error) {
	who, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return who.Uid, nil
}
