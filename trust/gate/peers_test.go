package gate

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
)

// BenchmarkPeers has wrk ask nginx and the gate for the same 500 narinfos in
// turn, with 25 connections. It runs where nginx and wrk are installed; see
// .ci/gate-bench.
func BenchmarkPeers(b *testing.B) {
	for _, tool := range []string{"nginx", "wrk"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.Skip(tool + " is not installed")
		}
	}
	const paths = 500
	pins := map[lock.StorePath]lock.Pin{}
	for n := range paths {
		pins[storePath(n)] = pinOf(contents(uint64(n), 1000), storePath(n), storePath(n+1), storePath(n+2), storePath(n+3))
	}
	g := serve(b, Options{}, standing(b, "a", time.Time{}, pins, "https://cache.example"))
	dir := b.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // nginx has a user of its own
		b.Fatal(err)
	}
	for p := range pins {
		if err := os.WriteFile(dir+"/"+p.Digest()+".narinfo", g.current().narinfo(p.Digest()), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	script := dir + "/urls.lua"
	lua := fmt.Sprintf(`local all, i = {}, 0
init = function()
  for n = 0, %d do all[n] = wrk.format("GET", string.format("/%%032d.narinfo", n)) end
end
request = function() i = (i + 1) %% %d; return all[i] end
`, paths-1, paths)
	if err := os.WriteFile(script, []byte(lua), 0o644); err != nil {
		b.Fatal(err)
	}
	servers := []*peer{{name: "gate", url: g.url, pid: os.Getpid()}, nginx(b, dir, "1"), nginx(b, dir, "auto")}
	for b.Loop() {
		for range 3 {
			for _, s := range servers {
				s.run(b, script)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, s := range servers {
		b.ReportMetric(s.best, s.name+"/s")
		b.ReportMetric(s.cost, s.name+"-cpu-µs")
	}
}

// A peer is a server as a program of its own, or this one.
type peer struct {
	name, url string
	pid       int
	best      float64 // requests a second
	cost      float64 // µs of CPU time a request, which other programs hardly touch
}

func (p *peer) run(b *testing.B, script string) {
	before := p.cpu(b)
	start := time.Now()
	perSecond := wrk(b, script, p.url)
	cost := float64((p.cpu(b) - before).Microseconds()) / (perSecond * time.Since(start).Seconds())
	if p.best = max(p.best, perSecond); p.cost == 0 || cost < p.cost {
		p.cost = cost
	}
}

// cpu is what the program and those it has started have used.
func (p *peer) cpu(b *testing.B) (used time.Duration) {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.pid, p.pid))
	pids := []string{strconv.Itoa(p.pid)}
	if p.pid != os.Getpid() {
		pids = append(pids, strings.Fields(string(children))...)
	}
	for _, pid := range pids {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			b.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		for _, field := range strings.Fields(rest)[11:13] { // utime and stime, in 1/100 s
			ticks, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			used += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return used
}

// nginx serves a folder with some workers, and without what costs it time.
func nginx(b *testing.B, dir, workers string) *peer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	conf := b.TempDir() + "/nginx.conf"
	text := fmt.Sprintf(`daemon off; worker_processes %s; pid %s.pid; error_log /dev/null;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 100000000; default_type text/x-nix-narinfo; sendfile on; tcp_nopush on; open_file_cache max=2000;
  server { listen %s; root %s; }
}
`, workers, conf, address, dir)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("nginx", "-c", conf)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() })
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return &peer{name: "nginx-" + workers, url: "http://" + address, pid: cmd.Process.Pid}
		}
		if time.Now().After(end) {
			b.Fatal("nginx does not start")
		}
	}
}

var perSecond = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

// wrk is how many requests a second a server answers.
func wrk(b *testing.B, script, url string) float64 {
	out, err := exec.Command("wrk", "-t1", "-c25", "-d3s", "-s", script, url).CombinedOutput()
	m := perSecond.FindSubmatch(out)
	if err != nil || m == nil || regexp.MustCompile(`Non-2xx|Socket errors`).Match(out) {
		b.Fatalf("wrk: %v %s", err, out)
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
