package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// A watch is a source that notes what a client does not tell. It is used by one
// goroutine.
type watch struct {
	bincache.Source
	status int                  // of the last answer; 0: there was none
	tls    *tls.ConnectionState // of the first encrypted connection
	sent   bool                 // credentials were
}

func (w *watch) Get(ctx context.Context, at *url.URL, user *url.Userinfo) (*bincache.Reply, error) {
	w.status = 0
	w.sent = w.sent || user != nil
	reply, err := w.Source.Get(ctx, at, user)
	if err != nil {
		return nil, err
	}
	w.status = reply.Status
	if w.tls == nil {
		w.tls = reply.TLS
	}
	return reply, nil
}

// tlsOf describes a connection, or the certificate for which there was none.
func tlsOf(state *tls.ConnectionState, err error) *TLS {
	if state != nil && len(state.PeerCertificates) > 0 {
		t := describe(state.PeerCertificates[0])
		t.Version = tls.VersionName(state.Version)
		return t
	}
	var refused *tls.CertificateVerificationError
	if errors.As(err, &refused) && len(refused.UnverifiedCertificates) > 0 {
		t := describe(refused.UnverifiedCertificates[0])
		t.Problem = refused.Err.Error()
		return t
	}
	return nil
}

func describe(c *x509.Certificate) *TLS {
	return &TLS{Issuer: clip(c.Issuer.String()), Subject: clip(c.Subject.String()), Expires: c.NotAfter}
}

// clip bounds a name that somebody else chose.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// distrusted reports whether a certificate was refused only because nobody that
// is known here vouches for it.
func distrusted(err error) bool {
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &unknown)
}
