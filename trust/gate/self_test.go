package gate

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
)

func TestAGateNeverAsksItself(t *testing.T) {
	nar := contents(1, 1000)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
	good := newUpstream(t)
	good.put(storePath(1), pins[storePath(1)], "none", nar)
	g := serve(t, Options{Address: "127.0.0.1:8128"})
	port := g.url[strings.LastIndexByte(g.url, ':'):]
	var own []string
	for _, host := range []string{"http://127.0.0.1", "http://localhost", "http://[::1]", "http://127.0.0.2"} {
		own = append(own, host+port, host+port+"/e3", host+":8128/e0")
	}
	g.Load(append(g.standings, standing(t, "a", time.Time{}, pins, own...)))
	if code, _, _ := g.nar(t, storePath(1)); code != 404 {
		t.Error(code)
	}
	s := g.Status()
	if s.Served.Infos != 1 || s.Served.Refused != 1 {
		t.Errorf("it has asked itself: %+v", s.Served)
	}
	if len(s.Problems) != len(own) || !strings.Contains(s.Problems[0], "names this gate") {
		t.Errorf("%q", s.Problems)
	}
	g.Load(append(g.standings, standing(t, "b", time.Time{}, pins, good.URL)))
	if code, body, err := g.nar(t, storePath(1)); code != 200 || err != nil || !bytes.Equal(body, nar) {
		t.Errorf("the other cache: %d %v", code, err)
	}
	// Under another name it does not answer, so that none of those is a circle.
	for _, host := range []string{"http://127.1", "http://0.0.0.0", "http://gate.example", "https://127.0.0.1"} {
		if g.self.is(host + port) {
			t.Errorf("%s is taken for the gate", host)
		}
	}
	if g.self.is("http://127.0.0.1:8129") || g.self.is("http://127.0.0.1") {
		t.Error("another port is taken for the gate")
	}
}

func TestAnAddressWithAnyPortIsNotTheGates(t *testing.T) {
	var s self
	s.add("127.0.0.1:0")
	s.add("nonsense")
	if s.address() != "" || len(s.ports) != 0 {
		t.Errorf("%+v", s.ports)
	}
	s.add("[::1]:80")
	if !s.is("http://localhost") || !s.is("http://localhost:80") || s.address() != "[::1]:80" {
		t.Error("port 80")
	}
}
