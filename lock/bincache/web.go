package bincache

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// NewWeb makes a Source of http and https, with connections that are kept and
// reused per host. Proxies are taken from the environment, as Nix does.
func NewWeb(limits Limits) Source {
	limits = limits.orDefault()
	dial := &net.Dialer{Timeout: limits.Answer, KeepAlive: 30 * time.Second}
	return &web{http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dial.DialContext,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           4 * limits.PerHost,
			MaxIdleConnsPerHost:    limits.PerHost,
			MaxConnsPerHost:        limits.PerHost,
			IdleConnTimeout:        30 * time.Second,
			TLSHandshakeTimeout:    limits.Answer,
			ResponseHeaderTimeout:  limits.Answer,
			MaxResponseHeaderBytes: 64 << 10,
			// Bodies are passed on as they are; see Reply.Encoding.
			DisableCompression: true,
		},
		// Where a redirect may lead is the client's decision.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type web struct{ client http.Client }

func (w *web) Get(ctx context.Context, at *url.URL, user *url.Userinfo) (*Reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, withoutURL(err)
	}
	req.Header.Set("User-Agent", "nix-trust")
	if user != nil {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
	}
	res, err := w.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	encoding := strings.ToLower(strings.TrimSpace(res.Header.Get("Content-Encoding")))
	if encoding == "identity" {
		encoding = ""
	}
	return &Reply{
		Status:     res.StatusCode,
		Length:     res.ContentLength,
		Encoding:   encoding,
		Location:   res.Header.Get("Location"),
		RetryAfter: retryAfter(res.Header.Get("Retry-After")),
		TLS:        res.TLS,
		Body:       res.Body,
	}, nil
}

// CloseIdle gives up connections that are not in use.
func (w *web) CloseIdle() { w.client.CloseIdleConnections() }

// withoutURL drops the URL that net/http puts in front of its errors: a
// redirect's may carry a signature that is as good as a password.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

func retryAfter(s string) time.Duration {
	if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil && n > 0 && n < 1<<20 {
		return time.Duration(n) * time.Second
	}
	return 0
}
