package gateprocess

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/nix-trust/nix-trust/trust/gateplace"
)

// The way in which a service manager hands over sockets that it listens on, and
// is told how the service does: sd_listen_fds(3), sd_notify(3). The variables are
// unset, so that no program that is started here takes them for its own.

// firstPassed is the descriptor of the first socket that is handed over.
const firstPassed = 3

// mostPassed is more sockets than any unit has for a gate.
const mostPassed = 16

// Passed are the sockets that were handed over, none when there are
// none. All have to listen on the loopback interface, or none is taken.
func Passed(getenv func(string) string, unset func(string) error) (out []net.Listener, err error) {
	pid, count := getenv("LISTEN_PID"), getenv("LISTEN_FDS")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"} {
		unset(name)
	}
	if pid == "" || pid != strconv.Itoa(os.Getpid()) {
		return nil, nil // they are another process's
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > mostPassed {
		return nil, fmt.Errorf("LISTEN_FDS is %q, which is no number of sockets up to %d", count, mostPassed)
	}
	defer func() {
		if err != nil {
			for _, l := range out {
				l.Close()
			}
			out = nil
		}
	}()
	for fd := firstPassed; fd < firstPassed+n; fd++ {
		l, err := passedListener(fd)
		if err != nil {
			return out, fmt.Errorf("the socket that was handed over as descriptor %d is not taken: %w", fd, err)
		}
		out = append(out, l)
	}
	return out, nil
}

func passedListener(fd int) (net.Listener, error) {
	syscall.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "socket "+strconv.Itoa(fd))
	if f == nil {
		return nil, errors.New("it is not open")
	}
	defer f.Close()
	if on, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); err != nil || on == 0 {
		return nil, errors.New("it is no socket that listens; the unit needs ListenStream= and Accept=no")
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	if at, ok := l.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		l.Close()
		return nil, fmt.Errorf("it listens on %s, and the gate does so on the loopback interface alone; write ListenStream=%s", l.Addr(), gateplace.Address)
	}
	return l, nil
}

// A Manager is the service manager that started the program, or nobody.
type Manager string

// ManagerOf is the one that the environment names.
func ManagerOf(getenv func(string) string, unset func(string) error) Manager {
	m := Manager(getenv("NOTIFY_SOCKET"))
	unset("NOTIFY_SOCKET")
	return m
}

// Tell says how the service does, such as "READY=1". That nobody hears it is no
// error here: the manager has its own patience.
func (m Manager) Tell(states ...string) {
	if m == "" || m[0] != '/' && m[0] != '@' {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: string(m), Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	c.Write([]byte(strings.Join(states, "\n")))
}
