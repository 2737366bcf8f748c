package host

import (
	"path"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
)

// places are the folders and files that one process of Nix would use.
type places struct {
	home     string // "" when Nix cannot determine it
	conf     string // the folder of the system's nix.conf
	state    string // /nix/var/nix
	store    string // /nix/store
	socket   string
	config   string // the user's own nix.conf and registry.json
	data     string // trusted-settings.json
	cache    string
	xdgState string // profiles, with use-xdg-base-directories
}

// placesFor works out where a process with this environment and home looks.
// Nix: src/libstore/globals.cc, src/libutil/users.cc and xdg-dirs.cc. Lix knows
// none of the NIX_…_HOME variables: libutil/users.cc.
func placesFor(lookup func(string) (string, bool), home, cwd string, v nixconf.Version) places {
	// Where Nix names the system's own folders, an empty variable is an unset one.
	nonEmpty := func(or string, names ...string) string {
		for _, n := range names {
			if s, _ := lookup(n); path.IsAbs(s) {
				return path.Clean(s)
			} else if s != "" {
				return path.Join("/", cwd, s) // Nix refuses it
			}
		}
		return or
	}
	p := places{home: home}
	p.conf = nonEmpty("/etc/nix", "NIX_CONF_DIR")
	p.state = nonEmpty("/nix/var/nix", "NIX_STATE_DIR")
	p.store = nonEmpty("/nix/store", "NIX_STORE_DIR", "NIX_STORE")
	p.socket = nonEmpty(p.state+"/daemon-socket/socket", "NIX_DAEMON_SOCKET_PATH")
	if dir := nonEmpty("", "LIX_DAEMON_SOCKET_DIR"); dir != "" && v.LixAtLeast(95) {
		p.socket = dir + "/socket" // the one that speaks Nix's protocol
	}

	// In the user's folders it counts as set: it joins as text, which makes an
	// empty one the root folder, and as a path from 2.33 on, which makes it
	// relative to the current folder.
	join := func(dir, rest string) string {
		if dir == "" && v.AtLeast(2, 33) {
			return path.Join("/", cwd, rest)
		}
		if !strings.HasPrefix(dir, "/") && dir != "" {
			dir = path.Join("/", cwd, dir)
		}
		return path.Clean(dir + "/" + rest)
	}
	of := func(own, xdg, fallback string) string {
		if v.AtLeast(2, 25) {
			if dir, set := lookup(own); set {
				return join(dir, "")
			}
		}
		if dir, set := lookup(xdg); set {
			return join(dir, "nix")
		}
		if _, set := lookup("HOME"); home == "" && !set {
			return ""
		}
		return join(home, fallback+"/nix")
	}
	p.config = of("NIX_CONFIG_HOME", "XDG_CONFIG_HOME", ".config")
	p.data = of("NIX_DATA_HOME", "XDG_DATA_HOME", ".local/share")
	p.cache = of("NIX_CACHE_HOME", "XDG_CACHE_HOME", ".cache")
	if dir, set := lookup("CACHE_DIRECTORY"); set && v.LixAtLeast(95) {
		p.cache = join(dir, "nix") // what systemd gives a service
	}
	p.xdgState = of("NIX_STATE_HOME", "XDG_STATE_HOME", ".local/state")
	return p
}

// answers is the path of the trusted-settings.json, "" without a home.
func (p places) answers() string {
	if p.data == "" {
		return ""
	}
	return path.Join(p.data, "trusted-settings.json")
}
