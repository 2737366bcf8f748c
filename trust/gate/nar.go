package gate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// errClient is the end of a client that reads no more.
var errClient = errors.New("the client is gone")

// serveNar sends a path's contents, and notes how that went.
func (g *Gate) serveNar(w http.ResponseWriter, r *http.Request, s grants.Served) {
	if r.Method == http.MethodHead {
		narHeader(w, s.Pin.Size)
		return
	}
	reply := &narReply{w: w, size: s.Pin.Size}
	result, cache := g.deliver(r.Context(), reply, s)
	g.tally.add(Event{When: g.now(), Path: string(s.Path), Cache: cache, Bytes: reply.sent, Result: result})
	if result == Refused {
		patience(w)
		// Nix goes on to another cache or builds; any other status could stop it.
		notFound(w)
	}
}

// deliver replies with a path's contents. While nothing has left, which is so for
// small paths until all of it was compared, the next cache can take over from one
// that is wrong; later the answer ends before its last part, and the connection
// with it, as Content-Length has promised more.
func (g *Gate) deliver(ctx context.Context, reply *narReply, s grants.Served) (result, cache string) {
	select {
	case g.streams <- struct{}{}:
		defer func() { <-g.streams }()
	case <-ctx.Done():
		return Left, ""
	}
	g.ahead.wanted(s.Path.Digest())
	g.askAhead()
	room := room{all: g.room}
	defer room.release()
	start := time.Now()
	caches := slices.DeleteFunc(g.health.order(s, start), g.self.is)
	for len(caches) > 0 {
		from, err := g.open(ctx, s, caches)
		if err != nil {
			break
		}
		err = g.pass(reply, from, s.Pin, &room)
		from.close()
		if err == nil {
			g.health.delivered(from.cache, s.Pin.Size)
			return Served, from.cache
		}
		if errors.Is(err, errClient) || ctx.Err() != nil {
			return Left, from.cache
		}
		if errors.Is(err, errFull) {
			// No cache is kept waiting with an answer that is not read.
			if room.wait(ctx) != nil {
				return Left, from.cache
			}
			start = time.Now()
			continue
		}
		g.refused(s, from.cache, from.began, err)
		if reply.begun {
			return Cut, from.cache
		}
		// Who has waited for one slow cache does not wait for another.
		if time.Since(start) > g.deadline {
			break
		}
		caches = slices.DeleteFunc(caches, func(c string) bool { return c == from.cache })
	}
	if ctx.Err() != nil {
		return Left, ""
	}
	return Refused, ""
}

// pass unpacks and hashes what comes, and releases its end when it is the pin's.
func (g *Gate) pass(reply *narReply, from *source, pin lock.Pin, room *room) error {
	// No format makes contents much longer: what is longer holds padding or
	// empty blocks, and need not end.
	packed := bufio.NewReaderSize(&bounded{r: from.body, left: pin.Size + pin.Size/16 + 64<<10}, headSize)
	var window int64
	if from.compression != "none" {
		head, _ := packed.Peek(headSize) // an error comes again
		var err error
		if window, err = windowOf(from.compression, head, pin.Size); err != nil {
			return err
		}
		if err := room.take(window); err != nil {
			return err
		}
	}
	plain, err := bincache.Decompress(from.compression, packed, uint64(pin.Size), bincache.Limits{Window: uint64(window)})
	if err != nil {
		return err
	}
	defer plain.Close()
	held := newHold(reply, pin.Size)
	defer held.stop()
	for err == nil {
		if err = held.from(plain); held.got > pin.Size {
			return &mismatch{fmt.Sprintf("contents of more than the %d bytes that are pinned", pin.Size)}
		}
	}
	if err != io.EOF {
		return err
	}
	if is := held.stop(); held.got != pin.Size || is != pin.NAR || pin.NAR.IsZero() {
		return &mismatch{fmt.Sprintf("contents of %d bytes with the hash %s", held.got, is)}
	}
	return held.release()
}

// A bounded reader fails when there is more than it may read.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, &mismatch{"a packed file that goes on after more bytes than its contents can need"}
	}
	return n, err
}

// A narReply begins the answer with the first bytes of it.
type narReply struct {
	w     http.ResponseWriter
	size  int64
	sent  int64
	begun bool
}

func (n *narReply) Write(p []byte) (int, error) {
	if !n.begun {
		n.begun = true
		narHeader(n.w, n.size)
	}
	patience(n.w)
	m, err := n.w.Write(p)
	n.sent += int64(m)
	if err != nil {
		return m, fmt.Errorf("%w: %w", errClient, err)
	}
	return m, nil
}

// narHeader promises all bytes, and no ranges: what a client has of an answer
// that was cut may be wrong, and must not be completed.
func narHeader(w http.ResponseWriter, size int64) {
	h := w.Header()
	h["Content-Type"] = narType
	h["Content-Length"] = []string{strconv.FormatInt(size, 10)}
	h["Accept-Ranges"] = []string{"none"}
}
