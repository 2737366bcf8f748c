// Package trustix asks a Trustix node which bytes its logs agree on for a store
// path. A node is a stranger like a cache is: what it says of its logs, and of
// the proofs that it checked, is its word. Nothing that it says is a signature.
//
// Trustix: packages/trustix-proto/rpc/rpc.proto, RPCApi.Decide and GetValue,
// spoken as JSON over HTTP (the Connect protocol); packages/trustix-nix for what
// a value is. Known from its source (1.0.0-alpha1 and later, as of August 2024);
// no node was run.
package trustix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// Bounds on what a node may cost.
const (
	maxAnswer = 1 << 20
	maxTime   = 30 * time.Second // of one request
	maxQuoted = 200              // characters of a message
)

// A Node is one decision endpoint.
type Node struct {
	base  *url.URL // http or https
	name  string
	local bool // on a socket of this machine
	http  http.Client
}

// NewNode names a node by the URL that its daemon listens at: http, https, or
// unix:///path of a socket. It asks nothing yet.
func NewNode(address string) (*Node, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("it is not a URL; http://, https:// or unix:/// is expected")
	}
	dial := &net.Dialer{Timeout: maxTime}
	n := &Node{}
	to := dial.DialContext
	switch {
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("a Trustix node takes no password, query or fragment in its URL")
	case (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.Opaque == "":
		n.base = &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: strings.TrimRight(u.Path, "/")}
		n.name = n.base.String()
	case u.Scheme == "unix" && u.Host == "" && path.IsAbs(u.Path):
		socket := path.Clean(u.Path)
		n.base, n.local = &url.URL{Scheme: "http", Host: "localhost"}, true
		n.name = "unix://" + socket
		to = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial.DialContext(ctx, "unix", socket) }
	default:
		return nil, errors.New("it is not the address of a Trustix node; http://HOST, https://HOST or unix:///PATH is expected")
	}
	transport := &http.Transport{
		DialContext: to, ForceAttemptHTTP2: true, TLSHandshakeTimeout: maxTime, ResponseHeaderTimeout: maxTime,
		MaxConnsPerHost: 8, MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: maxTime, DisableCompression: true,
	}
	if !n.local {
		transport.Proxy = http.ProxyFromEnvironment
	}
	n.http = http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return n, nil
}

// Name is the node's address in one spelling.
func (n *Node) Name() string { return n.name }

// Host is the host that learns what is asked, "" for a socket of this machine.
func (n *Node) Host() string {
	if n.local {
		return ""
	}
	return n.base.Host
}

// Close gives up the connections.
func (n *Node) Close() { n.http.CloseIdleConnections() }

// A Failure is why a node gave no decision.
type Failure struct {
	Misbehaved bool // it answered what must not be believed
	Unreached  bool // there was no whole answer
	Text       string
	absent     bool
}

func (f *Failure) Error() string { return f.Text }

func misbehaved(format string, args ...any) error {
	return &Failure{Misbehaved: true, Text: fmt.Sprintf(format, args...)}
}

// call makes one request and reads the answer into out.
func (n *Node) call(ctx context.Context, method string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.base.String()+"/trustix_rpc.v1.RPCApi/"+method, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Connect-Protocol-Version", "1")
	req.Header.Set("User-Agent", "nix-trust")
	res, err := n.http.Do(req)
	if err != nil {
		return unreached(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case len(data) > maxAnswer:
		return misbehaved("its answer is longer than %d bytes", maxAnswer)
	case err != nil:
		return unreached(err)
	case res.StatusCode != http.StatusOK:
		return refused(res.StatusCode, data)
	}
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind != "application/json" {
		return misbehaved("its answer is not the JSON of a Trustix node; is the URL right?")
	}
	if err := json.Unmarshal(data, out); err != nil {
		return misbehaved("its answer cannot be read as that of a Trustix node")
	}
	return nil
}

// unreached is an answer that did not come whole. The URL in net/http's errors
// says nothing new.
func unreached(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	text := "it cannot be reached: " + quote(err.Error())
	if errors.Is(err, context.DeadlineExceeded) {
		text = "no answer came in time"
	}
	return &Failure{Unreached: true, Text: text}
}

// noOutputs is what a node says when no log had an answer, for whichever reason.
// Trustix: packages/trustix/internal/server/rpc.go, Decide.
const noOutputs = "No outputs found for input"

// refused reads the error of the Connect protocol.
func refused(status int, data []byte) error {
	var said struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(data, &said) != nil || said.Code == "" {
		switch {
		case status >= 500 || status == http.StatusTooManyRequests:
			return &Failure{Unreached: true, Text: fmt.Sprintf("it answers %d %s", status, http.StatusText(status))}
		}
		return misbehaved("it answers %d %s, which a Trustix node does not; is the URL right?", status, http.StatusText(status))
	}
	if said.Message == noOutputs {
		return &Failure{absent: true, Text: "no log behind it gave an entry for the path; whether none has one, or none could be asked, it does not say"}
	}
	return &Failure{Text: "it came to no decision: " + quote(said.Message)}
}

// quote quotes what a stranger wrote, shortened.
func quote(s string) string {
	if r := []rune(s); len(r) > maxQuoted {
		s = string(r[:maxQuoted]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
