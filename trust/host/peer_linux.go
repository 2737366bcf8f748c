package host

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clockTicks is USER_HZ, the unit of times in /proc: 100 on every Linux.
const clockTicks = 100

// maxSocketPath is the longest path that fits into a socket's address.
const maxSocketPath = 107

// dialUnix connects to a socket. A path that does not fit into an address is
// reached through an open file, as Nix does by other means.
func dialUnix(ctx context.Context, socket string) (net.Conn, error) {
	if len(socket) > maxSocketPath {
		fd, err := unix.Open(socket, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: socket, Err: err}
		}
		return dialFD(ctx, fd)
	}
	var d net.Dialer
	return d.DialContext(ctx, "unix", socket)
}

// dialUnder connects to a socket of another root without leaving it.
func dialUnder(ctx context.Context, files Files, root, socket string) (net.Conn, error) {
	r, ok := files.(*rootFiles)
	if !ok {
		at, err := files.Resolve(socket)
		if err != nil {
			return nil, err
		}
		return dialUnix(ctx, root+at)
	}
	fd, err := r.open(socket, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	return dialFD(ctx, fd)
}

// dialFD connects to the socket that was opened to look at it, and closes that.
func dialFD(ctx context.Context, fd int) (net.Conn, error) {
	defer unix.Close(fd)
	var d net.Dialer
	return d.DialContext(ctx, "unix", "/proc/self/fd/"+strconv.Itoa(fd))
}

// accessible asks the kernel whether this process may read and write a path,
// with its real user, as Nix asks. Nix: src/libstore/store-registration.cc.
func accessible(path string) bool { return unix.Access(path, unix.R_OK|unix.W_OK) == nil }

// listenerStart says when the daemon behind a connection started, and gives its
// environment where this process may read it. The peer's credentials are those
// of the process that began to listen. Where that is the service manager
// (process 1), the daemon is looked for among the processes of its service.
func listenerStart(c net.Conn) (time.Time, func(string) (string, bool)) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return time.Time{}, nil
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return time.Time{}, nil
	}
	var cred *unix.Ucred
	if raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }) != nil || err != nil {
		return time.Time{}, nil
	}
	pid := int(cred.Pid)
	if pid == 1 {
		pid = serviceMain("/sys/fs/cgroup/system.slice/nix-daemon.service/cgroup.procs")
	}
	if pid <= 1 || !isDaemon(pid) {
		return time.Time{}, nil
	}
	return processStart(pid), processEnv(pid)
}

// isDaemon says whether a process is a daemon of Nix by its name. The one that
// began to listen may have ended, and its number may be another's.
func isDaemon(pid int) bool {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	name := strings.TrimSpace(string(comm))
	return err == nil && (strings.HasPrefix(name, "nix") || strings.HasPrefix(name, "lix") || strings.HasPrefix(name, "determinate"))
}

// serviceMain is the oldest process of a service: the daemon itself, as those
// that serve connections are its children. 0 when it cannot be told.
func serviceMain(procs string) int {
	data, err := os.ReadFile(procs)
	if err != nil {
		return 0
	}
	best, bestTicks := 0, uint64(0)
	for f := range strings.FieldsSeq(string(data)) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			continue
		}
		if ticks, ok := startTicks(pid); ok && (best == 0 || ticks < bestTicks || ticks == bestTicks && pid < best) {
			best, bestTicks = pid, ticks
		}
	}
	return best
}

// startTicks is when a process started, in ticks since the system did.
// Linux: proc_pid_stat(5), field 22.
func startTicks(pid int) (uint64, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	return parseStartTicks(data)
}

func parseStartTicks(stat []byte) (uint64, bool) {
	// The second field is the program's name in brackets and may hold anything.
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 {
		return 0, false
	}
	f := bytes.Fields(stat[i+1:])
	if len(f) < 20 {
		return 0, false
	}
	ticks, err := strconv.ParseUint(string(f[19]), 10, 64)
	return ticks, err == nil
}

func processStart(pid int) time.Time {
	ticks, ok := startTicks(pid)
	if !ok {
		return time.Time{}
	}
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}
	}
	for line := range strings.Lines(string(stat)) {
		if v, ok := strings.CutPrefix(line, "btime "); ok {
			boot, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			if err != nil {
				return time.Time{}
			}
			return time.Unix(boot, 0).Add(time.Duration(ticks) * (time.Second / clockTicks))
		}
	}
	return time.Time{}
}

// processEnv is a process's environment at its start, nil when it may not be
// read: it is the owner's and root's to see.
func processEnv(pid int) func(string) (string, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil || len(data) == 0 {
		return nil
	}
	vars := strings.Split(string(data), "\x00")
	return func(name string) (string, bool) {
		i := slices.IndexFunc(vars, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		if i < 0 {
			return "", false
		}
		return vars[i][len(name)+1:], true
	}
}

// cpuFlags are the first processor's features. Reading on would ask every other
// processor, of which there may be hundreds.
func cpuFlags() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, 8192)
	n, _ := io.ReadFull(f, buf)
	for line := range strings.Lines(string(buf[:n])) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "flags" {
			return value
		}
	}
	return ""
}
