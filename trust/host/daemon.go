package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// daemonTime is how long the daemon may take over the whole conversation.
const daemonTime = 2 * time.Second

// Protocol versions, major<<8 | minor. The client says 1.35: the first in which
// the daemon tells whether it trusts the user, and the last that every kind of
// Nix speaks without negotiating features.
const (
	protocolMajor   = 1 << 8
	protocolOldest  = protocolMajor | 12 // the first whose SetOptions carries settings
	protocolErrors  = protocolMajor | 26
	protocolVersion = protocolMajor | 33
	protocolTrust   = protocolMajor | 35
	protocolClient  = protocolTrust
)

const (
	magicClient = 0x6e697863
	magicDaemon = 0x6478696f
)

// A conversation is one connection to a daemon. Its zero value has not asked.
type conversation struct {
	conn   net.Conn
	wire   *wire
	daemon trust.Daemon
	// spent is how long the daemon has taken so far.
	spent  time.Duration
	limit  time.Duration
	offers int // how many times settings were offered
}

// greet connects and shakes hands. It always returns a conversation; when its
// conn is nil there is nobody to ask further.
// Nix: src/libstore/worker-protocol-connection.cc, handshake and postHandshake.
func greet(ctx context.Context, dial func(context.Context, string) (net.Conn, error), socket string, limit time.Duration) *conversation {
	c := &conversation{daemon: trust.Daemon{Socket: socket}, limit: limit}
	start := time.Now()
	defer func() { c.spent += time.Since(start) }()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := dial(ctx, socket)
	if err != nil {
		c.daemon.State, c.daemon.Err = dialFailure(err)
		return c
	}
	c.conn = conn
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	defer stop()
	c.wire = newWire(conn)
	d := c.daemon
	if err := c.shake(&d); err != nil {
		// Half a handshake proves nothing: what it said so far only helps to
		// explain.
		c.daemon.RawVersion, c.daemon.Version, c.daemon.Protocol = d.RawVersion, d.Version, d.Protocol
		c.fail(err)
		return c
	}
	d.State = trust.DaemonAnswered
	c.daemon = d
	return c
}

func (c *conversation) shake(d *trust.Daemon) error {
	w := c.wire
	w.putNumber(magicClient)
	w.putNumber(protocolClient)
	if err := w.flush(); err != nil {
		return err
	}
	magic, err := w.number()
	if err != nil {
		return err
	}
	if magic != magicDaemon {
		return garbled("its first word is %#x", magic)
	}
	server, err := w.number()
	if err != nil {
		return err
	}
	if server&^0xff != protocolMajor || server < protocolOldest {
		return garbled("its protocol version is %d.%d", server>>8, server&0xff)
	}
	d.Protocol = int(server)
	protocol := c.protocol(d)
	w.putNumber(0) // no CPU affinity
	w.putNumber(0) // no reserved space
	if err := w.flush(); err != nil {
		return err
	}
	if protocol >= protocolVersion {
		if d.RawVersion, err = w.text(256); err != nil {
			return err
		}
		d.Version, _ = nixconf.ParseVersion(d.RawVersion)
	}
	if protocol >= protocolTrust {
		level, err := w.number()
		if err != nil {
			return err
		}
		switch level {
		case 0:
		case 1:
			d.Trust = trust.Trusted
		case 2:
			d.Trust = trust.Untrusted
		default:
			return garbled("its trust level is %d", level)
		}
	}
	_, err = w.messages(protocol)
	return err
}

// protocol is the version both sides speak.
func (c *conversation) protocol(d *trust.Daemon) int { return min(d.Protocol, protocolClient) }

// fail ends the conversation with nothing learnt about trust.
func (c *conversation) fail(err error) {
	c.daemon.State, c.daemon.Err = talkFailure(err, c.wire.said)
	c.daemon.Trust, c.daemon.Admits, c.daemon.Probed = trust.TrustUnknown, nil, false
	c.close()
}

func (c *conversation) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

func dialFailure(err error) (trust.DaemonState, string) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return trust.DaemonAbsent, "there is no such socket"
	case errors.Is(err, syscall.ECONNREFUSED):
		return trust.DaemonAbsent, "nobody listens on the socket; start the daemon"
	case errors.Is(err, fs.ErrPermission):
		return trust.DaemonRefused, "this user may not open the socket: look at the permissions of its folder"
	case isTimeout(err):
		return trust.DaemonSilent, "it did not accept the connection in time"
	}
	return trust.DaemonNotAsked, "the socket cannot be opened: " + plain(err)
}

// talkFailure says what a failed handshake tells. A daemon that does not allow a
// user hangs up before it says a word; one that hangs up later died.
// Nix: src/nix/unix/daemon.cc, daemonLoop.
func talkFailure(err error, spoke bool) (trust.DaemonState, string) {
	var said *daemonError
	switch {
	case errors.As(err, &said):
		return trust.DaemonRefused, said.Error()
	case isTimeout(err):
		return trust.DaemonSilent, "it accepted the connection and did not answer in time"
	case errors.Is(err, errGarbled):
		return trust.DaemonGarbled, err.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		if spoke {
			return trust.DaemonSilent, "it closed the connection in the middle of its answer"
		}
		return trust.DaemonRefused, "it closed the connection instead of answering; most likely allowed-users does not have this user"
	}
	return trust.DaemonGarbled, plain(err)
}

// talkText is talkFailure for what comes after the handshake.
func talkText(err error) string {
	if isTimeout(err) {
		return "it did not answer in time"
	}
	if errors.Is(err, errGarbled) {
		return err.Error()
	}
	return "it closed the connection: " + plain(err)
}

func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// plain is an error in words, without the call and the path that failed.
func plain(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	var oe *net.OpError
	if errors.As(err, &oe) {
		err = oe.Err
	}
	var se *os.SyscallError
	if errors.As(err, &se) {
		err = se.Err
	}
	return strings.TrimSpace(fmt.Sprint(err))
}
