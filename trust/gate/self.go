package gate

import (
	"net"
	"net/url"
	"slices"
	"sync"
)

// A self knows where this gate is asked. A grant that names it as a cache would
// have it wait for itself.
type self struct {
	mu    sync.Mutex
	first string // HOST:PORT
	ports []string
}

// add takes in an address, HOST:PORT.
func (s *self) add(address string) {
	_, port, err := net.SplitHostPort(address)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || port == "0" {
		return
	}
	if s.first == "" {
		s.first = address
	}
	if !slices.Contains(s.ports, port) {
		s.ports = append(s.ports, port)
	}
}

// address is the first that was taken in, "" for none.
func (s *self) address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

// is says whether a cache is this gate. Under another name than these it answers
// nothing; see fromHere.
func (s *self) is(cache string) bool {
	u, err := url.Parse(cache)
	if err != nil || u.Scheme != "http" {
		return false
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = "80"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.ports, port) && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// among are those of some caches that are this gate.
func (s *self) among(caches []string) []string {
	var out []string
	for _, c := range caches {
		if s.is(c) {
			out = append(out, c)
		}
	}
	return out
}
