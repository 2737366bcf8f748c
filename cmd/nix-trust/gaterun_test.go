package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust/grants"
)

func TestAGateWithoutAKeySaysWhatMakesOne(t *testing.T) {
	h := newGateHome(t)
	os.Remove(filepath.Join(h.Own, "gate.key"))
	code, out, errs := h.run("gate")
	if code != exitUnknown || out != "" || !strings.Contains(errs, "has no key") || !strings.Contains(errs, "nix-trust setup") {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}

func TestAGateServesUntilItIsToldToStop(t *testing.T) {
	h := newGateHome(t)
	info := h.grantOne(1)
	p := h.gate()
	if code, body := p.get(info); code != 200 || !strings.Contains(body, "Sig: gate-1:") {
		t.Errorf("%d %q", code, body)
	}
	epoch, ok := strings.CutPrefix(p.started.URL, "http://"+p.started.Address)
	if !ok || len(epoch) != len("/e0/") || !strings.HasPrefix(epoch, "/e") || p.started.PublicKey != h.key.PublicText() || p.started.PID != p.cmd.Process.Pid || p.started.Socket != h.socket() {
		t.Errorf("%+v", p.started)
	}
	if info, err := os.Stat(h.socket()); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	if code := p.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("exit %d", code)
	}
	if _, err := os.Lstat(h.socket()); err == nil {
		t.Error("the socket is left")
	}
	p = h.gate()
	if code := p.end(syscall.SIGINT); code != exitInterrupted {
		t.Errorf("exit %d", code)
	}
}

// What a gate that was killed has left answers nobody, and nothing of it is in
// the way of the next.
func TestAKilledGateIsStartedAgainAndALivingOneIsNamed(t *testing.T) {
	h := newGateHome(t)
	info := h.grantOne(1)
	p := h.gate()
	if code := p.end(syscall.SIGKILL); code != -1 {
		t.Fatalf("exit %d", code)
	}
	if _, err := os.Lstat(h.socket()); err != nil {
		t.Fatal("a gate that was killed cannot have removed its socket", err)
	}
	if code, out, _ := h.run("gate", "status", "--json"); code != exitUnknown || !strings.Contains(out, `"state": "stopped"`) {
		t.Errorf("exit %d, %s", code, out)
	}
	p = h.gate("--listen", p.started.Address)
	if code, _ := p.get(info); code != 200 {
		t.Errorf("%d", code)
	}

	code, _, errs := h.run("gate", "--listen", "127.0.0.1:0")
	if code != exitUnknown || !strings.Contains(errs, fmt.Sprintf("another gate is running: process %d, on %s", p.cmd.Process.Pid, p.started.Address)) {
		t.Errorf("exit %d, %s", code, errs)
	}
	if code, _ := p.get(info); code != 200 {
		t.Error("the other gate has disturbed this one")
	}
	if code, _, errs := h.run("gate", "status"); code != exitOK {
		t.Errorf("exit %d, %s", code, errs)
	}
	// One for a while runs beside it.
	e := h.gate("--ephemeral")
	if e.started.Address == p.started.Address || e.started.Socket != "" || e.started.URL != "http://"+e.started.Address+"/" {
		t.Errorf("%+v", e.started)
	}
	if code, _ := e.get(info); code != 200 {
		t.Errorf("%d", code)
	}
}

func TestATakenAddressIsSaid(t *testing.T) {
	h := newGateHome(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	code, _, errs := h.run("gate", "--listen", l.Addr().String())
	if code != exitUnknown || !strings.Contains(errs, l.Addr().String()+" is in use") {
		t.Errorf("exit %d, %s", code, errs)
	}
	if _, err := os.Lstat(h.socket()); err == nil {
		t.Error("the socket of a gate that never ran is left")
	}
}

// Nothing is served to other machines, whoever asks for it.
func TestAGateListensOnTheLoopbackAlone(t *testing.T) {
	h := newGateHome(t)
	for _, args := range [][]string{
		{"--listen", "0.0.0.0:0"}, {"--listen", "192.0.2.1:80"}, {"--listen", ":80"}, {"--listen", "localhost:80"}, {"--system", "--listen", "[::]:80"},
		{"--listen", "127.0.0.1:80\nsandbox = false"}, {"--system", "--listen", "127.0.0.1:80 http"},
		{"--ephemeral", "--listen", "127.0.0.1:80"}, {"--log", "xml"}, {"--idle", "1ms"}, {"--priority", "-1"}, {"--priority", "0"}, {"--root", "/", "--log", "text"},
	} {
		if code, _, errs := h.run(append([]string{"gate"}, args...)...); code != exitUsage || errs == "" {
			t.Errorf("%q: exit %d, %s", args, code, errs)
		}
	}
	if code, _, errs := h.run("gate", "--listen", "127.0.0.1:0", "--metrics", "0.0.0.0:0"); code != exitUnknown || !strings.Contains(errs, "loopback") {
		t.Errorf("exit %d, %s", code, errs)
	}
}

func TestTheFirstLineOfAGateForAWhileIsItsURL(t *testing.T) {
	h := newGateHome(t)
	cmd := exec.Command(h.program, "gate", "--ephemeral", "--idle", "1s")
	cmd.Env = h.env
	out, err := cmd.Output()
	if err != nil || !strings.HasPrefix(string(out), "http://127.0.0.1:") || !strings.HasSuffix(string(out), "/\n") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%q, %v", out, err)
	}
}

// A revoked grant is served no more and a new one at once, while what was on its
// way arrives whole.
func TestGrantsChangeWhileContentsAreOnTheirWay(t *testing.T) {
	h := newGateHome(t)
	up := newSlowCache(t, 4<<20)
	digest := up.accept(h)
	h.Clock = time.Now()
	g := h.Grant("one", digest)
	g.Caches[0].URL, g.Caches[0].Keys = up.URL, nil
	h.Say(h.Own, grants.File{Grants: []grants.Grant{g}})
	p := h.gate()
	code, info := p.get(up.path.Digest() + ".narinfo")
	if code != 200 {
		t.Fatal(code, info)
	}
	_, url, _ := strings.Cut(info, "URL: ")
	url, _, _ = strings.Cut(url, "\n")
	type answer struct {
		code int
		body string
	}
	got := make(chan answer)
	go func() {
		code, body := p.get(url)
		got <- answer{code, body}
	}()
	<-up.half
	other := h.grantOne(7) // and the first one is gone
	if code, _ := p.get(up.path.Digest() + ".narinfo"); code != 404 {
		t.Errorf("a revoked path is served: %d", code)
	}
	if code, _ := p.get(url); code != 404 {
		t.Errorf("the contents of a revoked path are served: %d", code)
	}
	if code, _ := p.get(other); code != 200 {
		t.Errorf("a new grant does not count: %d", code)
	}
	p.cmd.Process.Signal(syscall.SIGHUP)
	p.logs("the grants are looked at")
	close(up.rest)
	if a := <-got; a.code != 200 || a.body != string(up.nar) {
		t.Errorf("what was on its way: %d, %d bytes", a.code, len(a.body))
	}
	if code := p.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

func TestTheLogHasNoMissesAndNothingThatActsOnATerminal(t *testing.T) {
	h := newGateHome(t)
	h.Write(filepath.Join(h.Own, "grants.toml"), []byte("version = 1\n\"\x1b[31m\u202e\" = 1\n"))
	for _, format := range []string{"text", "json"} {
		quiet, loud := h.gate("--log", format), h.gate("--log", format, "--verbose", "--ephemeral")
		for _, p := range []*gateProcess{quiet, loud} {
			p.logs("a problem")
			if code, _ := p.get("%1b[31m%e2%80%ae" + "zzzz.narinfo"); code != 404 {
				t.Error(code)
			}
			if code := p.end(syscall.SIGTERM); code != exitOK {
				t.Errorf("exit %d", code)
			}
			for _, r := range p.log.String() {
				if r < 0x20 && r != '\n' || r == 0x7f || r == 0x202e {
					t.Errorf("the log has %U:\n%s", r, p.log.String())
				}
			}
			for _, line := range strings.Split(strings.TrimSpace(p.log.String()), "\n") {
				if format == "json" && !json.Valid([]byte(line)) {
					t.Errorf("no JSON: %s", line)
				}
			}
		}
		if strings.Contains(quiet.log.String(), "zzzz") || !strings.Contains(loud.log.String(), "zzzz") {
			t.Errorf("quiet:\n%s\nverbose:\n%s", quiet.log.String(), loud.log.String())
		}
	}
}

// A service manager hands over the sockets and is told how it goes.
func TestAServiceManagerHandsOverItsSockets(t *testing.T) {
	h := newGateHome(t)
	info := h.grantOne(1)
	notes, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(h.dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notes.Close()
	hears := func(want string) {
		t.Helper()
		buf := make([]byte, 4096)
		notes.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := notes.Read(buf)
		if err != nil || !strings.Contains(string(buf[:n]), want) {
			t.Errorf("%q, %v, want %q", buf[:n], err, want)
		}
	}
	four, files := listenerFile(t, "127.0.0.1:0")
	p := h.begin(h.activated([]*os.File{files}, "NOTIFY_SOCKET="+filepath.Join(h.dir, "notify")))
	hears("READY=1")
	if p.started.Address != four {
		t.Errorf("it listens on %s, and was handed %s", p.started.Address, four)
	}
	if code, _ := p.get(info); code != 200 {
		t.Error(code)
	}
	if code := p.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("exit %d", code)
	}
	hears("STOPPING=1")
	// The manager goes on to listen, and starts it again when somebody comes.
	p = h.begin(h.activated([]*os.File{files}))
	if code, _ := p.get(info); code != 200 {
		t.Error(code)
	}
}

// activated is the command of a gate that gets files as descriptors 3 and up.
func (h *gateHome) activated(files []*os.File, env ...string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" gate --json`, h.program)
	cmd.Env = append(append(h.env, fmt.Sprintf("LISTEN_FDS=%d", len(files))), env...)
	cmd.ExtraFiles = files
	return cmd
}

// listenerFile listens on an address and returns it with the socket.
func listenerFile(t *testing.T, address string) (string, *os.File) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return l.Addr().String(), f
}

func TestASocketThatOthersCanReachIsNotTaken(t *testing.T) {
	h := newGateHome(t)
	_, wide := listenerFile(t, "0.0.0.0:0")
	_, good := listenerFile(t, "127.0.0.1:0")
	plain, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	datagrams, err := udp.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	for name, c := range map[string]struct {
		files []*os.File
		want  string
	}{
		"all interfaces": {[]*os.File{wide}, "loopback"}, "one of two": {[]*os.File{good, wide}, "descriptor 4"},
		"a file": {[]*os.File{plain}, "no socket"}, "datagrams": {[]*os.File{datagrams}, "no socket"},
	} {
		cmd := h.activated(c.files)
		out, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != exitUnknown || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
}

// No link is followed and nothing is removed that a gate has not made.
func TestWhatLiesInThePlaceOfTheSocketStays(t *testing.T) {
	h := newGateHome(t)
	folder := filepath.Dir(h.socket())
	fails := func(want string) {
		t.Helper()
		if code, _, errs := h.run("gate", "--listen", "127.0.0.1:0"); code != exitUnknown || !strings.Contains(errs, want) {
			t.Errorf("exit %d, %s, want %q", code, errs, want)
		}
	}
	elsewhere := filepath.Join(h.dir, "elsewhere")
	if err := os.Mkdir(elsewhere, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, folder); err != nil {
		t.Fatal(err)
	}
	fails("is no folder")
	os.Remove(folder)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o770); err != nil {
		t.Fatal(err)
	}
	fails("others can write the folder")
	os.Chmod(folder, 0o700)
	target := filepath.Join(elsewhere, "target")
	for _, name := range []string{"gate.sock", "gate.sock.lock"} {
		os.Remove(filepath.Join(folder, name))
		if err := os.Symlink(target, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
		fails("gate.sock")
		if _, err := os.Lstat(target); err == nil {
			t.Error("a link was followed")
		}
		os.Remove(filepath.Join(folder, name))
	}
	h.Write(h.socket(), []byte("mine"))
	fails("is no socket")
	if text, err := os.ReadFile(h.socket()); string(text) != "mine" {
		t.Error(err)
	}
	os.Remove(h.socket())
	h.env = append(h.env, "XDG_RUNTIME_DIR=/tmp/"+strings.Repeat("long/", 30))
	fails("longer than the 103 bytes")
}

// A client of a gate that dies gets less than the whole, and the next gate sends
// it all.
func TestAGateThatIsKilledInTheMiddleSendsNothingThatLooksWhole(t *testing.T) {
	h := newGateHome(t)
	up := newSlowCache(t, 4<<20)
	digest := up.accept(h)
	h.Clock = time.Now()
	g := h.Grant("one", digest)
	g.Caches[0].URL, g.Caches[0].Keys = up.URL, nil
	h.Say(h.Own, grants.File{Grants: []grants.Grant{g}})
	p := h.gate()
	_, info := p.get(up.path.Digest() + ".narinfo")
	_, url, _ := strings.Cut(info, "URL: ")
	url, _, _ = strings.Cut(url, "\n")
	whole := make(chan bool)
	go func() {
		r, err := http.Get("http://" + p.started.Address + "/" + url)
		if err == nil {
			_, err = io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
		whole <- err == nil
	}()
	<-up.half
	p.end(syscall.SIGKILL)
	if <-whole {
		t.Error("what was cut off looks whole")
	}
	close(up.rest)
	p = h.gate("--listen", p.started.Address)
	if code, body := p.get(url); code != 200 || body != string(up.nar) {
		t.Errorf("%d, %d bytes", code, len(body))
	}
}
