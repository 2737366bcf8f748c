package host

import (
	"cmp"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// storeChoice is the store that a command would open.
type storeChoice struct {
	kind   trust.StoreKind
	why    string
	dir    string // the store folder, when the reference says it
	state  string // the folder of its database, when the reference says it
	socket string // of the daemon, when it is one
}

// lookStore finds out which store this user's commands open. The `store`
// setting decides; NIX_REMOTE is only its default.
// Nix: src/libstore/globals.hh, storeUri; src/libstore/store-registration.cc.
func (l *look) lookStore(cfg *nixconf.Config) storeChoice {
	if l.user.UID == noID {
		return storeChoice{why: "there is no user " + l.user.Name}
	}
	if at := l.skipped(cfg); at != nil {
		return storeChoice{why: place(*at) + " is not read here, though Nix reads it, and may name any store"}
	}
	spec, why := "auto", ""
	if remote, set := l.lookup("NIX_REMOTE"); set {
		spec, why = remote, "NIX_REMOTE="+remote
	}
	if v := cfg.Get("store"); v != nil && v.Origin.Layer != nixconf.LayerDefault {
		spec, why = v.Text, "store = "+v.Text+" at "+place(v.Origin.Pos)
	}
	c := l.chooseStore(spec)
	if c.kind == trust.StoreLocal {
		l.checkLocal(&c, spec)
	}
	switch {
	case why == "" && c.why == "":
		c.why = "auto"
	case why != "" && c.why == "":
		c.why = why
	case why != "":
		c.why = why + ": " + c.why
	}
	return c
}

// skipped is the place of something that the user's nix reads and that was not
// read here. What this process may not read, another user may.
func (l *look) skipped(cfg *nixconf.Config) *nixconf.Pos {
	if at := cfg.Skipped(); at != nil || l.user.self {
		return at
	}
	for _, d := range cfg.Warnings {
		if d.Kind == "unreadable" {
			return &d.Pos
		}
	}
	return nil
}

// checkLocal sees whether the user can open the store directly, and with nothing
// but the settings.
func (l *look) checkLocal(c *storeChoice, spec string) {
	_, query, _ := strings.Cut(spec, "?")
	params, _ := url.ParseQuery(query)
	state := cmp.Or(params.Get("state"), l.places.state)
	switch {
	case params.Has("require-sigs"):
		c.kind, c.why = trust.StoreOther, "a store with settings of its own"
	case l.user.UID != 0 && !l.writable(state):
		c.kind, c.why = trust.StoreUnknown, cmp.Or(c.why, state+" is not writable by "+l.user.Name)+", so Nix fails to open the store"
	}
}

func place(p nixconf.Pos) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// chooseStore does what Nix does with a store reference.
// Nix: src/libstore/store-reference.cc, StoreReference::parse.
func (l *look) chooseStore(spec string) storeChoice {
	base, query, _ := strings.Cut(spec, "?")
	params, _ := url.ParseQuery(query)
	c := storeChoice{dir: params.Get("store"), state: params.Get("state")}
	scheme, rest, isURL := strings.Cut(base, ":")
	isURL = isURL && isScheme(scheme)
	switch {
	case isURL && scheme == "unix":
		c.kind, c.socket = trust.StoreDaemon, l.places.socket
		at := strings.TrimPrefix(rest, "//")
		if p, err := url.PathUnescape(at); err == nil {
			at = p
		}
		if at != "" {
			c.socket = path.Clean(at)
		}
	case base == "daemon":
		c.kind, c.socket = trust.StoreDaemon, l.places.socket
	case base == "local", isURL && scheme == "local":
		c.kind = trust.StoreLocal
		if params.Get("root") != "" || isURL && strings.TrimPrefix(rest, "//") != "" {
			c.kind, c.why = trust.StoreOther, "a store in another folder"
		}
	case base == "" || base == "auto":
		return l.autoStore(c, params)
	case isURL:
		c.kind, c.why = trust.StoreOther, "a "+scheme+" store"
	case strings.Contains(base, "/"):
		c.kind, c.why = trust.StoreOther, "a store in the folder "+base
	default:
		c.why = "Nix refuses it: it is no store"
	}
	return c
}

func isScheme(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+.-") == ""
}

// autoStore chooses by what this user may reach.
// Nix: src/libstore/store-registration.cc, StoreReference::Auto.
func (l *look) autoStore(c storeChoice, params url.Values) storeChoice {
	state := l.places.state
	if s := params.Get("state"); s != "" {
		state = s
	}
	if l.writable(state) {
		c.kind, c.why = trust.StoreLocal, "auto: "+state+" is writable by "+l.user.Name
		return c
	}
	stateThere, stateErr := l.m.files.Exists(state)
	socketThere, err := l.m.files.Exists(l.places.socket)
	switch {
	case err != nil:
		c.why = "auto: " + l.places.socket + " cannot be seen: " + plain(err)
	case socketThere:
		c.kind, c.socket = trust.StoreDaemon, l.places.socket
		c.why = "auto: " + state + " is not writable by " + l.user.Name + ", and " + l.places.socket + " exists"
	case stateErr == nil && !stateThere && l.facts.Nix.Path == "":
		c.kind, c.why = trust.StoreNone, "auto: there is neither "+state+" nor a nix command"
	case stateErr == nil && !stateThere && l.chrootAllowed(params):
		c.kind = trust.StoreOther
		c.why = "auto: there is no " + state + ", so Nix makes a store in " + path.Join(l.places.data, "root")
	default:
		// Nix tries to open the store itself and fails where it may not write.
		c.kind = trust.StoreLocal
		c.why = "auto: " + state + " is not writable by " + l.user.Name + " and there is no " + l.places.socket
	}
	return c
}

// chrootAllowed says whether Nix falls back to a store in the user's home, on
// Linux from 2.10 on.
func (l *look) chrootAllowed(params url.Values) bool {
	_, storeDir := l.lookup("NIX_STORE_DIR")
	_, stateDir := l.lookup("NIX_STATE_DIR")
	return l.m.goos == "linux" && l.facts.Nix.Version.AtLeast(2, 10) && len(params) == 0 &&
		l.user.UID != 0 && !storeDir && !stateDir && l.places.data != ""
}

// writable says whether the user may read and write a folder.
func (l *look) writable(dir string) bool {
	if l.m.access != nil && l.user.self {
		return l.m.access(dir)
	}
	info, err := l.m.files.Stat(dir)
	if err != nil {
		return false
	}
	if l.user.UID == 0 {
		return true
	}
	return permits(info, l.user.id, 0o6)
}

// permits works out from mode and owner what the kernel would say. Access lists
// are not seen.
func permits(info fs.FileInfo, id identity, want fs.FileMode) bool {
	perm := info.Mode().Perm()
	uid, gid, known := owners(info)
	switch {
	case !known:
		return perm&want == want
	case uid == id.uid:
		return perm>>6&want == want
	case gid == id.gid || slices.Contains(id.groups, gid):
		return perm>>3&want == want
	}
	return perm&want == want
}
