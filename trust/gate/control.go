package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// mostStatus is how long a gate's answer about itself may be.
const mostStatus = 64 << 20

// mostAsking is how many are answered at a time: who reads slowly keeps an answer
// in memory, and the socket of the machine's gate is everybody's.
const mostAsking = 32

// Control answers whoever may open its socket, which is to be a file of the
// gate's user: GET /status with a Status in JSON, GET /metrics with the same for
// Prometheus, and POST /reload, which asks Options.Grants and says whether there
// was anything new. It does not belong on the network.
func (g *Gate) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { sendJSON(w, g.Status()) })
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, _ *http.Request) {
		sendJSON(w, map[string]any{"version": 1, "changed": g.Reload()})
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { sendMetrics(w, g.Status()) })
	slots := make(chan struct{}, mostAsking)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			mux.ServeHTTP(w, r)
		default:
			http.Error(w, "too many ask at once", http.StatusServiceUnavailable)
		}
	})
}

// Metrics answers GET /metrics to programs of this machine, on an address of the
// loopback interface.
func (g *Gate) Metrics() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !fromHere(r) {
			forbidden(w)
			return
		}
		sendMetrics(w, g.Status())
	})
	return mux
}

func sendJSON(w http.ResponseWriter, what any) {
	text, err := json.Marshal(what)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	send(w, jsonType, append(text, '\n'))
}

func sendMetrics(w http.ResponseWriter, s Status) {
	send(w, metricsType, metrics(s))
}

// ReadStatus asks the gate whose Control answers on a socket, which has to be run
// by one of some users: XDG_RUNTIME_DIR may still name another user's folder, as
// after su. The error is an os.ErrNotExist or a syscall.ECONNREFUSED when there is
// none, and an os.ErrPermission when it is somebody else's. The texts in what it
// says are text from outside; its key, its epoch and its address are checked.
func ReadStatus(ctx context.Context, socket string, users ...uint32) (Status, error) {
	var s Status
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialUser(ctx, socket, users)
		},
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://gate/status", nil)
	if err != nil {
		return s, err
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return s, fmt.Errorf("the gate at %s does not answer: %w", socket, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostStatus+1))
	switch {
	case err != nil:
		return s, fmt.Errorf("the gate at %s broke off: %w", socket, err)
	case answer.StatusCode != http.StatusOK || len(text) > mostStatus:
		return s, fmt.Errorf("what answers at %s is no gate of this program: it says %s", socket, http.StatusText(answer.StatusCode))
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return Status{}, fmt.Errorf("what answers at %s is no gate of this program: %w", socket, err)
	}
	if s.Version != 1 {
		return Status{}, errors.New("the gate that runs is of another version of this program; start it again")
	}
	if err := s.check(); err != nil {
		return Status{}, fmt.Errorf("what answers at %s is no gate of this program: %w", socket, err)
	}
	return s, nil
}

// dialUser connects to a socket that one of some users listens on.
func dialUser(ctx context.Context, socket string, users []uint32) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	uid, err := listenerOf(c.(*net.UnixConn))
	if err == nil && !slices.Contains(users, uid) {
		err = fmt.Errorf("the user with the id %d listens there, who is not the one that runs it: %w", uid, os.ErrPermission)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// check holds what others go by, who put it into a configuration of Nix's, against
// what a gate may say.
func (s *Status) check() error {
	key, err := bincache.ParsePublicKey(s.PublicKey)
	switch {
	case err != nil || key.String() != s.PublicKey || strings.ContainsFunc(key.Name, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return errors.New("it has no public key")
	case s.Epoch < 0 || s.Epoch >= Epochs:
		return fmt.Errorf("it names epoch %d, and there are 0 to %d", s.Epoch, Epochs-1)
	case s.Address != "" && !OnLoopback(s.Address):
		return errors.New("it does not listen on the loopback interface")
	}
	return nil
}
