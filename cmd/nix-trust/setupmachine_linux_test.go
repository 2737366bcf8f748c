package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/gateplace"
)

// The machine's gate: its key is its own user's, nix.conf is edited, and root
// asks in that user's name, as a daemon tells root what it tells nobody else.
func machineGate(t *testing.T, bin string) {
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			t.Parallel()
			g := newGated(t, realnix.Get(t, version), bin, "trusted-users = root")
			own := g.outside + "/g/own"
			for _, args := range [][]string{
				{"mkdir", "-p", own + "/lib"}, {"cp", "-a", g.nix.Root + "/etc", own + "/etc"}, {"mkdir", "-p", own + "/etc/nix"},
			} {
				if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
					t.Fatalf("%q: %v %s", args, err, out)
				}
			}
			// The daemon reads what setup edits.
			const before = gatedConf + "trusted-users = root\n"
			conf := own + "/etc/nix/nix.conf"
			putFile(t, conf, before, 0o644)
			if err := errors.Join(os.RemoveAll(g.outside+"/g/etc"), os.Symlink("own/etc/nix", g.outside+"/g/etc")); err != nil {
				t.Fatal(err)
			}
			g.start()
			// In a root folder whose /etc and /var/lib are this test's own.
			run := func(uid uint32, args ...string) realnix.Result {
				t.Helper()
				script := "mount --bind " + g.dir + "/own/etc /etc && mount --bind " + g.dir + "/own/lib /var/lib && exec setpriv --reuid=$U --regid=$U --clear-groups \"$@\""
				cmd := g.nix.Command(context.Background(), realnix.Cmd{
					Args: append([]string{"/bin/sh", "-c", script, "sh", g.inside + "/nix-trust"}, args...), Dir: "/",
					Env: append([]string{"HOME=" + g.dir + "/home", fmt.Sprintf("U=%d", uid), fmt.Sprintf("SUDO_UID=%d", g.uid)}, g.places()...),
				})
				cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
				var out, errs bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &errs
				if err := cmd.Run(); cmd.ProcessState == nil {
					t.Fatal(err)
				}
				return realnix.Result{Stdout: out.String(), Stderr: errs.String(), Code: cmd.ProcessState.ExitCode()}
			}
			check := func(what string, uid uint32, push, pull force) string {
				t.Helper()
				var got setupCheckJSON
				r := run(uid, "setup", "--check", "--json", "--gate", g.address)
				decode(t, r.Stdout, &got)
				if got.Gate != "machine" {
					t.Errorf("%s: asked of the gate of a %s: %s", what, got.Gate, r.Stderr)
				}
				return g.stands(what, got, push, pull)
			}

			if r := run(0, "setup", "--yes"); r.Code != exitFindings || !strings.Contains(r.Stderr, "useradd --system") || content(t, conf) != before || !absent(own+"/lib/nix-trust-gate") {
				t.Fatalf("without its user: %d %s%s", r.Code, r.Stdout, r.Stderr)
			}
			const uid = 54321
			putFile(t, own+"/etc/passwd", content(t, own+"/etc/passwd")+fmt.Sprintf("%s:x:%d:%d::%s:/usr/sbin/nologin\n", gateplace.MachineUser, uid, uid, gateplace.MachineDir), 0o644)
			if r := run(0, "setup", "--gate", g.address); r.Code != exitFindings || content(t, conf) != before || !absent(own+"/lib/nix-trust-gate") {
				t.Fatalf("unasked: %d %s%s", r.Code, r.Stdout, r.Stderr)
			}
			if r := run(0, "setup", "--yes", "--gate", g.address); r.Code != exitOK {
				t.Fatalf("%d %s%s", r.Code, r.Stdout, r.Stderr)
			}
			key, err := gate.ReadKeyOf(own+"/lib/nix-trust-gate/gate.key", uid)
			if err != nil {
				t.Fatal(err)
			}
			if text := content(t, conf); !strings.HasPrefix(text, before) || !strings.Contains(text, key.String()) || !strings.Contains(text, " http://"+g.address+"/e7/") {
				t.Errorf("nix.conf: %s", text)
			}
			for name, mode := range map[string]os.FileMode{"": os.ModeDir | 0o711, "/gate.key": 0o600, "/gate.pub": 0o644} {
				info, err := os.Stat(own + "/lib/nix-trust-gate" + name)
				if err != nil || info.Mode() != mode {
					t.Errorf("%q: %v %v", name, info, err)
				} else if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != uid {
					t.Errorf("%q is user %d's", name, owner)
				}
			}
			check("root, not restarted", 0, forceNotYet, forceNotYet)
			g.start()
			check("root, in force", 0, forceYes, forceYes)
			if text := check("a user, no gate runs", g.uid, forceUnknown, forceUnknown); !strings.Contains(text, "the gate does not run") {
				t.Error(text)
			}
			o, err := gate.New(gate.Options{Key: key, Client: bincache.NewClient(bincache.Options{StoreDir: g.inside + "/store"})})
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", g.address)
			if err != nil {
				t.Fatal(err)
			}
			s := &httptest.Server{Listener: l, Config: &http.Server{Handler: o}}
			s.Start()
			check("a user, the gate runs", g.uid, forceYes, forceYes)
			s.Close()

			if r := run(0, "setup", "--remove", "--yes", "--gate", g.address); r.Code != exitOK || strings.Contains(content(t, conf), "nix-trust-gate") || strings.Contains(content(t, conf), g.address) {
				t.Errorf("%d %s%s%s", r.Code, r.Stdout, r.Stderr, content(t, conf))
			}
			if absent(own + "/lib/nix-trust-gate/gate.key") {
				t.Error("the key went without a word")
			}

			// A user's own gate beside it, by way of the administrator.
			if r := run(g.uid, "setup", "--yes", "--gate", g.address); r.Code != exitOK {
				t.Fatalf("%d %s%s", r.Code, r.Stdout, r.Stderr)
			}
			file := g.dir + "/home/.local/state/nix-trust/gate-setup.json"
			var plan planResultJSON
			decode(t, run(0, "apply", file, "--dry-run", "--json").Stdout, &plan)
			if r := run(0, "apply", file, "--yes", "--digest", plan.Plan.Digest); r.Code != exitOK {
				t.Fatalf("%d %s%s", r.Code, r.Stdout, r.Stderr)
			}
			g.start()
			var got setupCheckJSON
			decode(t, run(g.uid, "setup", "--check", "--json", "--gate", g.address).Stdout, &got)
			if got.Gate != "user" || got.PublicKey != g.key().String() {
				t.Errorf("asked of %+v", got)
			}
			g.stands("a user's own gate", got, forceYes, forceYes)
			if r := run(g.uid, "setup", "--check", "--system", "--json", "--gate", g.address); r.Code == exitOK {
				t.Errorf("the machine's gate is said to be in force after it was taken out: %s", r.Stdout)
			}
		})
	}
}
