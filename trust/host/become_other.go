//go:build !linux

package host

import (
	"context"
	"net"
)

// dialAs is nil where a thread cannot have credentials of its own.
var dialAs func(ctx context.Context, id identity, socket string) (net.Conn, error)
