package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const verifiedPath = "d0000000000000000000000000000000-dep"

// verifyLock writes a lock of one path and one cache.
func verifyLock(t *testing.T, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flake.cache-lock")
	text := fmt.Sprintf(`version = 1

[[cache]]
url = "%s"
keys = []

[paths.x86_64-linux]
"%s" = { nar = "sha256-4lqf23F/UpnPeS4RdBnteYmWOH2NfIsLw5OWE3UOioc=", size = 120, refs = [] }
`, url, verifiedPath)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Only a yes lets a host learn anything, and no terminal is no yes.
func TestVerifyAsksNoHostBeforeItMay(t *testing.T) {
	var requests atomic.Int32
	cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		http.NotFound(w, r)
	}))
	defer cache.Close()
	path := verifyLock(t, cache.URL)
	for _, c := range []struct {
		reply    string
		terminal bool
		args     []string
		code     int
		asked    bool
	}{
		{"y\n", true, nil, exitFindings, true},
		{"Yes\n", true, nil, exitFindings, true},
		{"", true, []string{"--yes"}, exitFindings, true},
		{"", false, []string{"--yes"}, exitFindings, true},
		{"\n", true, nil, exitFindings, false},
		{"n\n", true, nil, exitFindings, false},
		{"yellow\n", true, nil, exitFindings, false},
		{"", true, nil, exitFindings, false},
		{"y\n", false, nil, exitUsage, false},
		{"y\n", false, []string{"--json"}, exitUsage, false},
	} {
		requests.Store(0)
		var out, errs strings.Builder
		code := run(context.Background(), append([]string{"verify", path}, c.args...), streams{in: strings.NewReader(c.reply), out: &out, err: &errs, terminal: c.terminal})
		if code != c.code || (requests.Load() > 0) != c.asked {
			t.Errorf("%q, terminal %v, %v: exit %d after %d requests: %s%s", c.reply, c.terminal, c.args, code, requests.Load(), out.String(), errs.String())
		}
		if (out.Len() > 0) != c.asked {
			t.Errorf("%q: stdout %q", c.reply, out.String())
		}
		if len(c.args) == 0 && c.terminal && !strings.Contains(errs.String(), "1 host would learn that you use 1 path: "+strings.TrimPrefix(cache.URL, "http://")) {
			t.Errorf("it did not say what would be learned: %q", errs.String())
		}
	}
}

// The question waits for the person, and not for ever when the program is
// interrupted.
func TestVerifyCanBeInterruptedWhileItAsks(t *testing.T) {
	in, keep := io.Pipe()
	defer keep.Close()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	done := make(chan int, 1)
	path := verifyLock(t, "http://127.0.0.1:1")
	go func() {
		done <- run(ctx, []string{"verify", path}, streams{in: in, out: io.Discard, err: io.Discard, terminal: true})
	}()
	select {
	case code := <-done:
		if code != exitInterrupted {
			t.Errorf("exit %d", code)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits on")
	}
}

// A NAR that never ends does not keep the program from ending.
func TestVerifyCanBeInterruptedWhileItReads(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	reading := make(chan struct{})
	narinfo := "StorePath: /nix/store/" + verifiedPath + `
URL: nar/x.nar
Compression: none
NarHash: sha256:11wa1rsi75lkqc5qnz4dglw9d2brxlcp849fg77rjlkzf7drynp2
NarSize: 120
References: 
`
	cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".narinfo") {
			io.WriteString(w, narinfo)
			return
		}
		io.WriteString(w, "\x0d")
		w.(http.Flusher).Flush()
		close(reading)
		<-r.Context().Done()
	}))
	defer cache.Close()
	path := verifyLock(t, cache.URL)
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"verify", "--contents", "--yes", path}, streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
	}()
	<-reading
	cancel()
	select {
	case code := <-done:
		if code != exitInterrupted {
			t.Errorf("exit %d", code)
		}
	case <-time.After(5 * time.Second):
		t.Error("it reads on")
	}
}

func TestVerifyUsesCredentialsAndShowsNone(t *testing.T) {
	authorised := atomic.Bool{}
	cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		authorised.Store(user == "mira" && password == "hunter2")
		w.WriteHeader(http.StatusForbidden)
	}))
	defer cache.Close()
	path := verifyLock(t, cache.URL)
	netrc := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(netrc, []byte("machine 127.0.0.1 login mira password hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--plain"}, {"--json"}} {
		var out strings.Builder
		code := run(context.Background(), append([]string{"verify", path, "--yes", "--netrc", netrc}, args...), streams{in: strings.NewReader(""), out: &out, err: &out})
		if code != exitUnknown || !authorised.Load() || strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), "mira") {
			t.Errorf("exit %d, credentials sent: %v: %s", code, authorised.Load(), out.String())
		}
	}
}
