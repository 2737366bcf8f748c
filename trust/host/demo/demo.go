// Package demo is a made-up host: files, a user and a daemon that exist only in
// this program. Everything that is shown of it goes the same way as for a real
// machine: the same reader, the same engine, the same screens.
package demo

import (
	"context"
	_ "embed"
	"io/fs"
	"net"
	"strings"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host"
)

// archive has the host's files. A file "LINKS" at its end lists symlinks, one
// "PATH -> TARGET" a line; "\xNN" in a file stands for that byte, so that the
// archive itself stays readable, and "@GATE-KEY@" for the public key of the gate.
//
//go:embed host.txtar
var archive []byte

// The machine's Nix, and the lists of its daemon, which are those of its
// /etc/nix/nix.conf.
const daemonVersion = "2.34.8"

// Machine returns the host as it comes, and how to look at it.
func Machine() (*host.Machine, host.Options) { return New().Machine() }

// Machine returns the host as it is now, and how to look at it.
func (h *Host) Machine() (*host.Machine, host.Options) {
	files := h.tree()
	user := trust.User{Name: "mira", UID: 1000, Home: "/home/mira", Group: "users", MemberOf: []string{"audio"}, Supplementary: []string{"audio", "wheel"}}
	env := map[string]string{
		"HOME": "/home/mira", "USER": "mira", "PATH": "/nix/var/nix/profiles/default/bin:/usr/bin",
	}
	d := daemon{version: daemonVersion, admits: listed(files)}
	dial := func(context.Context) (net.Conn, error) {
		client, server := net.Pipe()
		go d.serve(server)
		return client, nil
	}
	return host.New(host.In(files), env, user, dial).WithStore(h.store), host.Options{Cwd: "/home/mira/src/comet"}
}

// files unpacks the archive.
func files(gateKey string) fstest.MapFS {
	out := fstest.MapFS{}
	for _, f := range txtar.Parse(archive).Files {
		if f.Name == "LINKS" {
			for line := range strings.Lines(string(f.Data)) {
				if at, target, ok := strings.Cut(strings.TrimSpace(line), " -> "); ok {
					out[at] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
				}
			}
			continue
		}
		mode := fs.FileMode(0o644)
		if strings.Contains(f.Name, "/bin/") {
			mode = 0o755
		}
		out[f.Name] = &fstest.MapFile{Data: unescape(f.Data, gateKey), Mode: mode}
	}
	for name, text := range lockFiles() {
		out[name] = &fstest.MapFile{Data: text, Mode: 0o644}
	}
	linkRoots(out)
	out["nix/var/nix/daemon-socket/socket"] = &fstest.MapFile{Mode: fs.ModeSocket | 0o666}
	return out
}

var escapes = strings.NewReplacer(`\x1b`, "\x1b", `\u202e`, "\u202e", `\u202c`, "\u202c", `\u0430`, "\u0430")

func unescape(data []byte, gateKey string) []byte {
	return []byte(strings.ReplaceAll(escapes.Replace(string(data)), "@GATE-KEY@", gateKey))
}

// listed are the URLs that the daemon admits for anyone.
func listed(fsys fs.FS) map[string]bool {
	v, _ := nixconf.ParseVersion(daemonVersion)
	cfg := nixconf.Load(host.In(fsys), nixconf.Environment{Lookup: func(string) (string, bool) { return "", false }, Home: "/root"}, v)
	out := map[string]bool{}
	for _, name := range []string{"substituters", "trusted-substituters"} {
		for _, url := range cfg.Tokens(name) {
			out[url] = true
		}
	}
	return out
}
