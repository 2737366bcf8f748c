package gate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// children are what the test program does as another process: a gate that is
// killed, one whose disk is full.
var children = map[string]func(args []string) int{"child-gate": childGate}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if child := children[os.Args[1]]; child != nil {
			os.Exit(child(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

// childGate serves one path of big bytes until it is killed: child-gate DIR URL.
func childGate(args []string) int {
	dir, cache := args[0], args[1]
	fail := func(err error) int { fmt.Println(err); return 1 }
	key, err := ReadKey(dir + "/gate.key")
	if err != nil {
		return fail(err)
	}
	l := lock.New()
	l.Caches = []lock.Cache{{URL: cache, Keys: []string{"k-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="}}}
	l.Section(system).Paths[storePath(1)] = pinOf(contents(1, big))
	l.Section(system).Paths[storePath(2)] = pinOf(contents(2, 100))
	digest, err := l.Digest()
	if err != nil {
		return fail(err)
	}
	id := grants.Identity("github:owner/a")
	grant := grants.Grant{Flake: id, Lock: digest, Caches: l.Caches, Systems: []string{system}, Granted: noon}
	s := grants.Judge(id, []grants.Scope{{Path: "/g.toml", File: &grants.File{Version: grants.Version, Grants: []grants.Grant{grant}}}},
		noon, grants.ReadBack(l, nil), grants.Offer{State: grants.OfferNone})
	g, err := New(Options{Key: key, Epochs: dir + "/epochs", Evidence: dir + "/evidence"})
	if err != nil {
		return fail(err)
	}
	g.Load([]grants.Standing{s})
	listener, err := Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		return fail(err)
	}
	epoch, fresh := g.epochs.current()
	fmt.Println("http://"+listener.Addr().String(), epoch, fresh)
	return fail(g.Serve(context.Background(), listener))
}

func TestAGateThatIsKilledLeavesNothingBroken(t *testing.T) {
	nar := contents(1, big)
	up := newUpstream(t)
	up.put(storePath(1), pinOf(nar), "none", nar)
	up.put(storePath(2), pinOf(contents(2, 100)), "none", contents(3, 100)) // wrong
	half := make(chan struct{}, 10)
	up.handle(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/nar/"+storePath(1).Digest() {
			return false
		}
		w.Write(nar[:3*big/4])
		w.(http.Flusher).Flush()
		half <- struct{}{}
		<-r.Context().Done()
		return true
	})
	dir := t.TempDir()
	if _, err := MakeKey(dir+"/gate.key", KeyName("host")); err != nil {
		t.Fatal(err)
	}
	var first string
	for run := range 3 {
		cmd := exec.Command(os.Args[0], "child-gate", dir, up.URL)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var url, epoch, fresh string
		if _, err := fmt.Fscanln(out, &url, &epoch, &fresh); err != nil {
			cmd.Process.Kill()
			t.Fatal(err)
		}
		if run == 0 {
			first = epoch
		}
		if epoch != first || fresh != "true" {
			t.Errorf("run %d: epoch %s, fresh %s", run, epoch, fresh)
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		wrong, err := client.Get(url + "/" + narURL(grants.Served{Path: storePath(2), Pin: pinOf(contents(2, 100))}))
		if err != nil || wrong.StatusCode != 404 {
			t.Errorf("%v %v", wrong, err)
		}
		r, err := client.Get(url + "/" + narURL(grants.Served{Path: storePath(1), Pin: pinOf(nar)}))
		if err != nil || r.StatusCode != 200 {
			t.Fatal(r, err)
		}
		<-half
		cmd.Process.Kill()
		cmd.Wait()
		if body, err := io.ReadAll(r.Body); err == nil || len(body) >= big || !bytes.HasPrefix(nar, body) {
			t.Errorf("a client takes %d bytes for the whole: %v", len(body), err)
		}
		r.Body.Close()
		if e, err := ReadEvidence(dir + "/evidence"); len(e) != run+1 || err != nil {
			t.Errorf("run %d: %v %v", run, e, err)
		}
	}
	files, err := filepath.Glob(dir + "/*")
	hidden, err2 := filepath.Glob(dir + "/.*")
	if err != nil || err2 != nil || len(files) != 4 || len(hidden) != 0 {
		t.Errorf("%v %v", files, hidden)
	}
}

func TestAFileThatAKilledGateWasWritingIsNoHarm(t *testing.T) {
	dir, key, now := t.TempDir(), newTestKey(t), noon
	a := standing(t, "a", time.Time{}, pinsTo(1, 3), "https://one.example")
	first, _ := epochOf(t, clocked(t, key, dir, &now, a))
	if err := os.WriteFile(dir+"/.epochs.123", []byte(`{"version":`), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(dir+"/evidence", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, `{"when":"2026-`) // the beginning of a line
	f.Close()
	g := clocked(t, key, dir, &now, a)
	if e, fresh := epochOf(t, g); e != first || !fresh {
		t.Errorf("%d %v", e, fresh)
	}
	g.evidence.add(pieceOf(1))
	g.evidence.add(pieceOf(2))
	if list, err := ReadEvidence(dir + "/evidence"); err != nil || len(list) != 2 {
		t.Errorf("%v %v", list, err)
	}
}
