package gate

import (
	"net"

	"golang.org/x/sys/unix"
)

// listenerOf is the user who listens on the socket that was connected to.
// unix(4), LOCAL_PEERCRED.
func listenerOf(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var who *unix.Xucred
	if failed := raw.Control(func(fd uintptr) { who, err = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED) }); failed != nil {
		return 0, failed
	}
	if err != nil {
		return 0, err
	}
	return who.Uid, nil
}
