package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// mostStatus is how long a gate's answer about itself may be.
const mostStatus = 64 << 20

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
	return mux
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

// ReadStatus asks the gate whose Control answers on a socket. The error is an
// os.ErrNotExist or a syscall.ECONNREFUSED when there is none, and an
// os.ErrPermission when it is somebody else's. What it says is text from outside
// unless the socket is known to be this user's or root's.
func ReadStatus(ctx context.Context, socket string) (Status, error) {
	var s Status
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
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
	return s, nil
}
