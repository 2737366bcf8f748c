package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nix-community/go-nix/pkg/nixbase32"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

// bigStore is how many paths the large store has.
const bigStore = 100_000

// makeBigStore fills the database of a store that Nix made: three of four paths
// are signed by one of two keys, one of eight was built here, the others are
// not vouched for; each refers to itself or up to nine others.
func makeBigStore(b *testing.B, state, dir string) []audit.Key {
	random := rand.New(rand.NewSource(1))
	var keys []audit.Key
	var secrets []ed25519.PrivateKey
	for i := range 2 {
		secret := ed25519.NewKeyFromSeed([]byte(fmt.Sprintf("%032d", i)))
		secrets = append(secrets, secret)
		keys = append(keys, audit.Key{Believed: true, PublicKey: bincache.PublicKey{Name: fmt.Sprintf("publisher-%d", i), Key: secret.Public().(ed25519.PublicKey)}})
	}
	c, err := sqlite.OpenConn(filepath.Join(state, storedb.File), sqlite.OpenReadWrite)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	do := func(query string, args ...any) {
		if err := sqlitex.Execute(c, query, &sqlitex.ExecOptions{Args: args}); err != nil {
			b.Fatal(err)
		}
	}
	do("begin")
	infos := make([]bincache.NarInfo, bigStore)
	for i := range infos {
		digest := make([]byte, 20)
		random.Read(digest)
		n := &infos[i]
		n.StoreDir, n.Path = dir, bincache.StorePath(nixbase32.EncodeToString(digest)+fmt.Sprintf("-package-number-%d-1.%d", i, i%7))
		n.NarSize = uint64(random.Intn(1<<20)) + 1
		random.Read(n.NarHash[:])
		refs := map[int]bool{}
		for range random.Intn(10) {
			refs[random.Intn(i+1)] = true
		}
		for j := range refs {
			n.References = append(n.References, infos[j].Path)
			do("insert into Refs values (?, ?)", int64(i+1), int64(j+1))
		}
		slices.Sort(n.References)
		var sigs, ultimate any
		switch {
		case i%4 != 0:
			k := i % 2
			sigs = keys[k].Name + ":" + base64.StdEncoding.EncodeToString(ed25519.Sign(secrets[k], []byte(n.Fingerprint())))
		case i%8 == 0:
			ultimate = int64(1)
		}
		do("insert into ValidPaths (id, path, hash, registrationTime, deriver, narSize, ultimate, sigs) values (?, ?, ?, ?, ?, ?, ?, ?)",
			int64(i+1), n.Path.In(dir), "sha256:"+hex.EncodeToString(n.NarHash[:]), int64(1_700_000_000+i),
			dir+"/"+nixbase32.EncodeToString(digest)+fmt.Sprintf("-package-number-%d.drv", i), int64(n.NarSize), ultimate, sigs)
	}
	do("commit")
	if err := os.MkdirAll(filepath.Join(state, "gcroots"), 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range 50 {
		if err := os.Symlink(infos[bigStore-1-i*100].Path.In(dir), filepath.Join(state, "gcroots", fmt.Sprint("root", i))); err != nil {
			b.Fatal(err)
		}
	}
	return keys
}

// BenchmarkAudit100000 audits a store of 100 000 paths, and has Nix list it.
func BenchmarkAudit100000(b *testing.B) {
	bin := buildProgram(b)
	nix := realnix.Get(b, "2.34")
	outside, inside := nix.Dir(b)
	env := []string{
		"HOME=" + inside + "/home", "NIX_STORE_DIR=" + inside + "/store", "NIX_STATE_DIR=" + inside + "/state", "NIX_LOG_DIR=" + inside + "/log",
		"NIX_CONF_DIR=" + inside + "/none", "NIX_REMOTE=local", "NIX_CONFIG=experimental-features = nix-command\nsubstituters =",
	}
	if r := nix.Run(b, realnix.Cmd{Args: []string{"nix-store", "--init"}, Env: env}); r.Code != 0 {
		b.Fatal(r.Stderr)
	}
	keys := makeBigStore(b, filepath.Join(outside, "state"), inside+"/store")
	facts := &trust.Facts{Nix: trust.Nix{StoreDir: inside + "/store", StateDir: inside + "/state"}}
	m := host.Real(nix.Root)
	ctx := context.Background()
	judge := func(b *testing.B, keys []audit.Key, class audit.Class, want int) {
		before := cpuTime(b)
		defer func() { b.ReportMetric(float64(cpuTime(b)-before)/1e6/float64(b.N), "cpu-ms/op") }()
		for b.Loop() {
			store, err := host.ReadStore(ctx, m, facts)
			if err != nil {
				b.Fatal(err)
			}
			r, err := audit.Audit(ctx, store, audit.Options{Keys: keys, Roots: host.StoreRoots(ctx, m, facts), KeepDerivations: true})
			if err != nil {
				b.Fatal(err)
			}
			if got := r.ByClass()[class].All.Paths; got != want || r.Total().Live.Paths < 100 {
				b.Fatalf("%d paths are %s, and %d live", got, class, r.Total().Live.Paths)
			}
		}
	}
	// Without keys there is nothing to check the signatures with.
	b.Run("unchecked", func(b *testing.B) { judge(b, nil, audit.Built, bigStore/8) })
	b.Run("checked", func(b *testing.B) { judge(b, keys, audit.Signed, bigStore/4*3) })

	b.Run("told by the daemon", func(b *testing.B) {
		socket := inside + "/socket"
		daemon := nix.Command(ctx, realnix.Cmd{Args: []string{"nix-daemon"}, Env: append(slices.Clone(env), "NIX_DAEMON_SOCKET_PATH="+socket)})
		if err := daemon.Start(); err != nil {
			b.Fatal(err)
		}
		defer daemon.Wait()
		defer daemon.Process.Signal(syscall.SIGTERM)
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(outside + "/socket"); err == nil {
				break
			} else if time.Now().After(end) {
				b.Fatal("nix-daemon does not listen")
			}
		}
		hidden := *facts
		hidden.Nix.StateDir = inside + "/nowhere"
		hidden.Daemon = trust.Daemon{State: trust.DaemonAnswered, Socket: socket}
		for b.Loop() {
			store, err := host.ReadStore(ctx, m, &hidden)
			if err != nil || len(store.Rows) != bigStore || store.Told == nil {
				b.Fatal(err)
			}
		}
	})

	data, err := os.ReadFile(bin)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "nix-trust"), data, 0o755); err != nil {
		b.Fatal(err)
	}
	believed := make([]string, len(keys))
	for i, k := range keys {
		believed[i] = k.String()
	}
	process := func(b *testing.B, args ...string) {
		var most int64
		var cpu time.Duration
		for b.Loop() {
			cmd := nix.Command(ctx, realnix.Cmd{Args: args, Dir: inside, Env: append(env[:len(env)-1:len(env)-1], env[len(env)-1]+"\ntrusted-public-keys = "+strings.Join(believed, " "))})
			cmd.Stdout = nil
			start := time.Now()
			err := cmd.Start()
			if err == nil {
				most = max(most, peakOf(cmd.Process.Pid))
				err = cmd.Wait()
			}
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() > 1 {
				b.Fatal(err, time.Since(start))
			}
			cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		}
		b.ReportMetric(float64(most)/1024, "MiB-peak")
		b.ReportMetric(float64(cpu)/1e6/float64(b.N), "cpu-ms/op")
	}
	b.Run("program", func(b *testing.B) { process(b, inside+"/nix-trust", "audit", "--plain") })
	b.Run("program-json", func(b *testing.B) { process(b, inside+"/nix-trust", "audit", "--json") })
	b.Run("nix-path-info", func(b *testing.B) { process(b, "nix", "path-info", "--all", "--json", "--sigs") })
}

// cpuTime is what this process has used of processors: on a machine that does
// other things too, it says more than the clock.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakOf is the most memory in KiB that a process had until it ended. What
// rusage says begins with what this process had.
func peakOf(pid int) (most int64) {
	for {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		_, rest, found := strings.Cut(string(data), "VmHWM:")
		if !found {
			return most // it has none any more
		}
		var now int64
		fmt.Sscan(rest, &now)
		most = max(most, now)
		time.Sleep(10 * time.Millisecond)
	}
}
