package host

import (
	"net"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
)

// lookClient resolves the configuration as this user's nix does.
func (l *look) lookClient() {
	f := l.facts
	f.Nix.Offline = l.offline()
	env := l.environment(l.lookup, l.places.home, l.user.UID == 0)
	env.Offline = f.Nix.Offline
	env.HomeUnknown = l.user.homeUnknown
	f.Client = nixconf.Load(l.m.files, env, f.Nix.Version)
}

// environment is what a configuration depends on beside its files.
func (l *look) environment(lookup func(string) (string, bool), home string, root bool) nixconf.Environment {
	env := nixconf.Environment{
		Lookup: lookup,
		Home:   home,
		Dir:    l.o.Cwd,
		System: nixSystem(l.m.goarch, l.m.goos),
		CPUs:   l.m.cpus,
		Root:   root,
		KVM:    root && l.there("/dev/kvm") || l.writable("/dev/kvm"),
	}
	if at, err := l.m.files.Resolve(l.facts.Nix.Path); err == nil && l.facts.Nix.Path != "" {
		env.NixPath = at
	}
	if l.m.cpuFlags != nil && l.m.goarch == "amd64" && l.m.goos == "linux" {
		env.ExtraPlatforms = cpuLevels(l.m.cpuFlags(), l.facts.Nix.Version)
	}
	if l.debian && l.facts.Nix.Version.AtLeast(2, 18) {
		env.SandboxShell = "/usr/bin/bash-static"
	}
	return env
}

// systemConfig is the configuration as a daemon started now would resolve it.
// The daemon's environment is read where this process may; else it is taken to
// be a service's: root's home and nothing else.
func (l *look) systemConfig(env func(string) (string, bool)) *nixconf.Config {
	f := l.facts
	v := f.Daemon.Version
	if v == (nixconf.Version{}) {
		v = f.Nix.Version
	}
	root := l.rootHome()
	if env == nil {
		env = func(string) (string, bool) { return "", false }
		if private := l.privateDaemon(); private != "" {
			// A daemon at a place of its own was started by someone who chose that
			// place, most likely together with the folder of its nix.conf.
			conf := l.places.conf
			env = func(name string) (string, bool) { return conf, name == "NIX_CONF_DIR" }
			l.note(conf+"/nix.conf", private+" leads to a daemon of its own, whose environment cannot be read: it is taken to use this nix.conf.")
		}
	} else if home, set := env("HOME"); set && home != "" {
		root = home
	}
	return nixconf.Load(l.m.files, l.environment(env, root, true), v)
}

// lastChange is the latest change of a file that the daemon's configuration
// comes from.
func (l *look) lastChange(cfg *nixconf.Config) (at time.Time, file string) {
	seen := map[string]bool{}
	look := func(path string) {
		if seen[path] || !strings.HasPrefix(path, "/") {
			return
		}
		seen[path] = true
		if info, err := l.m.files.Stat(path); err == nil && info.ModTime().After(at) {
			at, file = info.ModTime(), path
		}
	}
	for _, s := range cfg.Read {
		if s.State == nixconf.SourceRead {
			look(s.Path)
		}
	}
	for _, v := range cfg.All() {
		for _, a := range v.History {
			look(a.Origin.Pos.File)
		}
	}
	return at, file
}

// privateDaemon names the variable that leads away from the system's daemon.
func (l *look) privateDaemon() string {
	for _, name := range []string{"NIX_DAEMON_SOCKET_PATH", "LIX_DAEMON_SOCKET_DIR", "NIX_STATE_DIR"} {
		if l.get(name) != "" {
			return name
		}
	}
	return ""
}

// rootHome is the home folder of the user that the daemon runs as.
func (l *look) rootHome() string {
	if acc, ok := l.accounts.byUID(0); ok && acc.home != "" {
		return acc.home
	}
	if l.m.goos == "darwin" {
		return "/var/root"
	}
	return "/root"
}

// offline says whether the new command line would turn substitution off: no
// interface has an address that leads anywhere. Where the interfaces cannot be
// listed, Nix does not.
// Nix: src/nix/main.cc, haveInternet.
func (l *look) offline() bool {
	if l.m.addrs == nil {
		return false
	}
	addrs, err := l.m.addrs()
	return err == nil && !leadAnywhere(addrs) && !l.proxied()
}

// leadAnywhere reports whether one of a machine's addresses is more than its own
// loopback or link.
func leadAnywhere(addrs []net.Addr) bool {
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		if v4 := n.IP.To4(); v4 != nil {
			if !v4.Equal(net.IPv4(127, 0, 0, 1)) {
				return true
			}
		} else if !n.IP.Equal(net.IPv6loopback) && !n.IP.IsLinkLocalUnicast() {
			return true
		}
	}
	return false
}

// proxies are the variables that name one.
var proxies = []string{"http_proxy", "https_proxy", "ftp_proxy", "all_proxy"}

// proxied says whether a proxy is set. Then Nix takes the machine for connected,
// from 2.23 on. Only the lower-case names count: an upper-case one is lost where
// Nix makes the list. Nix: src/libcmd/network-proxy.cc.
func (l *look) proxied() bool {
	if !l.facts.Nix.Version.AtLeast(2, 23) {
		return false
	}
	for _, name := range proxies {
		if _, set := l.lookup(name); set {
			return true
		}
	}
	return false
}
