package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/keeper/keepertest"
)

// BenchmarkGateOfAThousandGrants runs the program as a gate for a thousand grants
// with a hundred thousand pins, asks for the narinfo of each and changes a grant.
func BenchmarkGateOfAThousandGrants(b *testing.B) {
	k := keepertest.New(b)
	var f grants.File
	for i := range 1000 {
		if i < 100 {
			k.Accept(k.Own, 1+i*1000, 1000)
		}
		digest, _ := keepertest.LockOf(b, 1+i%100*1000, 1000)
		f.Grants = append(f.Grants, k.Grant(fmt.Sprintf("flake-%04d", i), digest))
	}
	k.Say(k.Own, f)
	key, err := gate.NewKey("gate-1")
	if err != nil {
		b.Fatal(err)
	}
	if err := key.Save(filepath.Join(k.Own, "gate.key"), os.Geteuid(), os.Getegid()); err != nil {
		b.Fatal(err)
	}
	bin := buildProgram(b)
	var change time.Duration
	var peak, at int64
	for b.Loop() {
		cmd := exec.Command(bin, "gate", "--ephemeral")
		cmd.Env = append(os.Environ(), "NIX_TRUST_CONFIG_DIR="+k.Own, "NIX_TRUST_STATE_DIR="+k.Own)
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		url, _ := bufio.NewReader(out).ReadString('\n')
		url = strings.TrimRight(strings.TrimSpace(url), "/") + "/"
		askAll(b, url, 100_000)
		for i := range 5 { // changes keep both the old and the new for a moment
			f.Grants[0].Note = fmt.Sprint(b.N, i)
			began := time.Now()
			k.Say(k.Own, f)
			askAll(b, url, 1)
			change = max(change, time.Since(began))
			askAll(b, url, 1000)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if err != nil {
			b.Fatal(err)
		}
		peak, at = max(peak, kilobytes(b, status, "VmHWM:")), max(at, kilobytes(b, status, "VmRSS:"))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	b.ReportMetric(float64(peak)/1024, "MB-peak")
	b.ReportMetric(float64(at)/1024, "MB-after")
	b.ReportMetric(float64(change.Milliseconds()), "ms-until-a-change-is-served")
}

// askAll asks for the narinfos of the first n pins.
func askAll(b *testing.B, url string, n int) {
	b.Helper()
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := 1 + w; i <= n; i += 8 {
				r, err := http.Get(url + keepertest.PathOf(i).Digest() + ".narinfo")
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body.Close()
				if r.StatusCode != http.StatusOK {
					b.Errorf("%d: %s", i, r.Status)
					return
				}
			}
		})
	}
	all.Wait()
}

func kilobytes(b *testing.B, status []byte, name string) (n int64) {
	_, rest, _ := strings.Cut(string(status), name)
	if _, err := fmt.Sscan(rest, &n); err != nil {
		b.Fatal(err)
	}
	return n
}
