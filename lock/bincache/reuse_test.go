package bincache

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestAnAbsentPathDoesNotCostAConnection(t *testing.T) {
	var connections atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, strings.Repeat("No such file here. ", 200))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	cache, err := NewClient(Options{}).Cache(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, err := cache.NarInfo(t.Context(), numbered(i)); !errors.Is(err, Absent) {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestARefusalThatNeverEndsIsStillARefusal(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer s.Close()
	cache, err := NewClient(Options{Limits: Limits{Request: 100 * time.Millisecond}}).Cache(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := cache.NarInfo(t.Context(), numbered(0)); !errors.Is(err, Absent) || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}
