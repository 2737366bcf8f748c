package gateprocess

import (
	"context"
	"net"
	"sync"
	"time"
)

// clients knows whether anybody is connected, and since when nobody is.
type clients struct {
	mu    sync.Mutex
	open  int
	since time.Time // when the last one left
}

func newClients() *clients { return &clients{since: time.Now()} }

// idleCheck is how often is looked whether somebody is there.
const idleCheck = 250 * time.Millisecond

// gone is closed once nobody has been there for a time. With 0 it never is.
func (c *clients) gone(ctx context.Context, idle time.Duration) <-chan struct{} {
	out := make(chan struct{})
	if idle == 0 {
		return out
	}
	go func() {
		look := time.NewTicker(idleCheck)
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
				if c.idleFor() >= idle {
					close(out)
					return
				}
			}
		}
	}()
	return out
}

// idleFor is how long nobody has been there, 0 when somebody is.
func (c *clients) idleFor() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open > 0 {
		return 0
	}
	return time.Since(c.since)
}

func (c *clients) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open += n; c.open == 0 {
		c.since = time.Now()
	}
}

// count counts who comes by a listener.
func (c *clients) count(l net.Listener) net.Listener { return countedListener{l, c} }

type countedListener struct {
	net.Listener
	clients *clients
}

func (l countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.clients.add(1)
	return &countedConn{Conn: conn, leave: sync.OnceFunc(func() { l.clients.add(-1) })}, nil
}

type countedConn struct {
	net.Conn
	leave func()
}

func (c *countedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
