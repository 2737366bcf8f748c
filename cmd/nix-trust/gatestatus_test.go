package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/gateprocess"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/keeper/keepertest"
)

// status asks the gates how they do, and fails unless the exit code is the one.
func (h *gateHome) status(code int) jsonFoundGate {
	h.t.Helper()
	got, out, errs := h.run("gate", "status", "--json")
	var s gateStatusJSON
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.Version != 1 || len(s.Gates) == 0 {
		h.t.Fatalf("%v: %s %s", err, out, errs)
	}
	if got != code {
		h.t.Fatalf("exit %d, want %d:\n%s", got, code, out)
	}
	return s.Gates[0]
}

func TestStatusHasAllThatAGateDid(t *testing.T) {
	h := newGateHome(t)
	if s := h.status(exitUnknown); s.State != "stopped" || s.Scope != "user" || s.Status != nil || s.Socket != h.socket() || s.Address != gateplace.Address || s.PublicKey != "" {
		t.Errorf("%+v", s)
	}
	up := newSlowCache(t, 1<<20)
	close(up.rest)
	h.Clock = time.Now()
	one, two := h.Grant("one", up.accept(h)), h.Grant("two", h.Accept(h.Own, 5, 3))
	one.Caches[0].URL, one.Caches[0].Keys = up.URL, nil
	two.Expires = two.Granted.Add(time.Minute)
	h.Say(h.Own, grants.File{Grants: []grants.Grant{one, two}})
	p := h.gate()
	digest := up.path.Digest()
	_, info := p.get(digest + ".narinfo")
	_, url, _ := strings.Cut(info, "URL: ")
	url, _, _ = strings.Cut(url, "\n")
	if code, body := p.get(url); code != 200 || body != string(up.nar) {
		t.Fatal(code, len(body))
	}
	p.get("00000000000000000000000000000000.narinfo")

	g := h.status(exitOK)
	s := g.Status
	if g.State != "running" || g.Address != p.started.Address || g.PublicKey != h.key.PublicText() || s == nil {
		t.Fatalf("%+v", g)
	}
	if s.Paths != 1 || len(s.Grants) != 2 || s.Grants[0].State != "active" || s.Grants[1].State != "expired" || s.Grants[0].Paths != 1 {
		t.Errorf("%+v", s.Grants)
	}
	if c := s.Served; c.Infos != 1 || c.Misses != 1 || c.Contents != 1 || c.Bytes != int64(len(up.nar)) || c.Refused != 0 || c.Wrong != 0 {
		t.Errorf("%+v", c)
	}
	if len(s.Caches) != 1 || s.Caches[0].URL != up.URL || s.Caches[0].Delivered != 1 || len(s.Recent) != 1 || s.Recent[0].Result != "served" || s.Recent[0].Cache != up.URL {
		t.Errorf("%+v %+v", s.Caches, s.Recent)
	}
	code, out, _ := h.run("gate", "status")
	for _, want := range []string{"running  your gate on " + p.started.Address, "serves 1 path, to be asked as " + p.started.URL, "served 1 narinfo and 1 path (1.0 MiB); 1 question of what is not pinned; 0 refused", "active  github:o/one, 1 path", "expired  github:o/two", up.URL + ", 1 delivered (1.0 MiB)", "served  "} {
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("exit %d, %q is missing:\n%s", code, want, out)
		}
	}
}

func TestStatusIsAnAlarmOnceACacheHasLied(t *testing.T) {
	h := newGateHome(t)
	up := newSlowCache(t, 1<<20)
	up.wrong = true
	close(up.rest)
	h.Clock = time.Now()
	g := h.Grant("one", up.accept(h))
	g.Caches[0].URL, g.Caches[0].Keys = up.URL, nil
	h.Say(h.Own, grants.File{Grants: []grants.Grant{g}})
	p := h.gate()
	_, info := p.get(up.path.Digest() + ".narinfo")
	_, url, _ := strings.Cut(info, "URL: ")
	url, _, _ = strings.Cut(url, "\n")
	if r, err := http.Get(p.started.URL + url); err == nil {
		body, err := io.ReadAll(r.Body)
		if r.Body.Close(); r.StatusCode == 200 && (err == nil || len(body) >= len(up.nar)) {
			t.Error("the wrong bytes were served whole")
		}
	}
	s := h.status(exitBad)
	if s.Status.Served.Wrong != 1 || len(s.Status.Evidence) != 1 || s.Status.Evidence[0].Cache != up.URL {
		t.Errorf("%+v", s.Status)
	}
	code, out, _ := h.run("gate", "status")
	if code != exitBad || !strings.Contains(out, "ALARM  your gate") || !strings.Contains(out, up.URL+" had something else for "+string(up.path)) || !strings.Contains(out, filepath.Join(h.Own, "evidence.jsonl")) {
		t.Errorf("exit %d\n%s", code, out)
	}
	// It is not forgotten when the gate is started again, and no alarm of today.
	if code := p.end(syscall.SIGTERM); code != exitOK {
		t.Error(code)
	}
	h.gate()
	if s := h.status(exitFindings); len(s.Status.Evidence) != 1 || s.Status.Served.Wrong != 0 {
		t.Errorf("%+v", s.Status)
	}
}

func TestStatusSaysWhatGrantsDisagreeOnAndWhatCannotBeRead(t *testing.T) {
	h := newGateHome(t)
	h.Clock = time.Now()
	one := h.Accept(h.Own, 1, 2)
	digest, text := keepertest.LockOf(t, 1, 1)
	text = []byte(strings.Replace(string(text), "size = 168", "size = 170", 1))
	h.Say(h.Own, grants.File{Grants: []grants.Grant{h.Grant("one", one), h.Grant("two", digest)}})
	p := h.gate()
	s := h.status(exitFindings)
	if len(s.Status.Problems) != 1 || !strings.Contains(s.Status.Problems[0], "the grant for github:o/two serves nothing") || s.Status.Paths != 2 {
		t.Errorf("%+v", s.Status)
	}
	p.logs("github:o/two")
	// Another lock under its own name: the two disagree about one path.
	other := h.acceptText(text)
	h.Say(h.Own, grants.File{Grants: []grants.Grant{h.Grant("one", one), h.Grant("two", other)}})
	s = h.status(exitFindings)
	if len(s.Status.Problems) != 0 || len(s.Status.Conflicts) != 1 || s.Status.Paths != 1 {
		t.Errorf("%+v", s.Status)
	}
	h.Write(filepath.Join(h.Own, "grants.toml"), []byte("version = 1\n]"))
	s = h.status(exitFindings)
	if len(s.Status.Problems) != 1 || !strings.Contains(s.Status.Problems[0], filepath.Join(h.Own, "grants.toml")+":2:") || s.Status.Paths != 0 {
		t.Errorf("%+v", s.Status)
	}
	if code, out, _ := h.run("gate", "status"); code != exitFindings || !strings.Contains(out, "problems:") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// What answers on the socket may be anything.
func TestStatusOfSomethingElseIsUnknown(t *testing.T) {
	h := newGateHome(t)
	if err := os.Mkdir(filepath.Dir(h.socket()), 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := gateprocess.OpenControl(gateplace.Place{Socket: h.socket()}, "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer := "no JSON \x1b[31m"
	go http.Serve(c.Listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer) }))
	if s := h.status(exitUnknown); s.State != "unknown" || !strings.Contains(s.Text, "no gate of this program") {
		t.Errorf("%+v", s)
	}
	if _, out, _ := h.run("gate", "status"); strings.Contains(out, "\x1b") || !strings.HasPrefix(out, "unknown  your gate") {
		t.Errorf("%q", out)
	}
}

func TestMetricsAreServedWhereTheyAreWanted(t *testing.T) {
	h := newGateHome(t)
	info := h.grantOne(1)
	p := h.gate("--metrics", "127.0.0.1:0")
	p.get(info)
	r, err := http.Get("http://" + p.started.Metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || !strings.Contains(string(text), "\nnix_trust_gate_narinfos_total 1\n") {
		t.Errorf("%v\n%s", err, text)
	}
	if code, _ := p.get("metrics"); code != 404 {
		t.Error("the address for Nix answers it, too")
	}
}
