//go:build !linux

package host

import (
	"context"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

func dialUnix(ctx context.Context, socket string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", socket)
}

// dialUnder connects to a socket of another root.
func dialUnder(ctx context.Context, files Files, root, socket string) (net.Conn, error) {
	at, err := files.Resolve(socket)
	if err != nil {
		return nil, err
	}
	return dialUnix(ctx, root+at)
}

// accessible asks the kernel whether this process may read and write a path.
func accessible(path string) bool { return unix.Access(path, unix.R_OK|unix.W_OK) == nil }

// listenerStart is not known here.
func listenerStart(net.Conn) (time.Time, func(string) (string, bool)) { return time.Time{}, nil }

// cpuFlags are not needed here: only Linux has platforms for processor levels.
func cpuFlags() string { return "" }
