package gate

import (
	"errors"
	"net"
)

// listenerOf is the user who listens on the socket that was connected to, as the
// kernel has it.
func listenerOf(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Control(func(fd uintptr) { uid, err = userBehind(int(fd)) })
	return uid, errors.Join(failed, err)
}
