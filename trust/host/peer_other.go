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

// accessible asks the kernel whether this process may read and write a path.
func accessible(path string) bool { return unix.Access(path, unix.R_OK|unix.W_OK) == nil }

// listenerStart is not known here.
func listenerStart(net.Conn) (time.Time, func(string) (string, bool)) { return time.Time{}, nil }

// cpuFlags are not needed here: only Linux has platforms for processor levels.
func cpuFlags() string { return "" }
