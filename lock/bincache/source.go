package bincache

import (
	"context"
	"crypto/tls"
	"io"
	"net/url"
	"time"
)

// A Source is every effect of this package: getting one file. Web, Folder and
// Machine are the real ones.
type Source interface {
	// Get asks once for the file at a URL that carries no credentials, and
	// returns as soon as the answer starts. It follows no redirect. user is
	// sent with HTTP's basic authentication unless it is nil. An error means
	// that there was no answer; it is the context's when that ended.
	Get(ctx context.Context, at *url.URL, user *url.Userinfo) (*Reply, error)
}

// A Reply is the start of an answer. The receiver closes Body.
type Reply struct {
	Status     int                  // as in HTTP; a folder answers 200, 403 or 404
	Length     int64                // of Body in bytes; -1 when not told
	Encoding   string               // a Content-Encoding, lower case; empty: none
	Location   string               // where a redirect leads, as sent
	RetryAfter time.Duration        // how long to wait, when told
	TLS        *tls.ConnectionState // of the connection; nil when it is not encrypted
	Body       io.ReadCloser
}

// A Machine gets http and https from Web and file from Folder.
type Machine struct {
	Web    Source
	Folder Source
}

// NewMachine makes the real sources.
func NewMachine(limits Limits) *Machine {
	return &Machine{Web: NewWeb(limits), Folder: Folder{}}
}

func (m *Machine) Get(ctx context.Context, at *url.URL, user *url.Userinfo) (*Reply, error) {
	if at.Scheme == "file" {
		return m.Folder.Get(ctx, at, user)
	}
	return m.Web.Get(ctx, at, user)
}
