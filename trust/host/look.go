package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// look is one look at a machine.
type look struct {
	ctx context.Context
	m   *Machine
	o   Options

	accounts accounts
	user     person
	places   places

	mu    sync.Mutex // notes are made by concurrent readers too
	facts *trust.Facts
}

// Look gathers the facts of a machine. It never fails: what cannot be seen is
// unknown in the facts, and a note says what that hides. When ctx ends, what has
// not been looked at stays unknown.
func Look(ctx context.Context, m *Machine, o Options) *trust.Facts {
	if o.Deadline <= 0 {
		o.Deadline = daemonTime
	}
	l := &look{ctx: ctx, m: m, o: o, facts: &trust.Facts{}}
	f := l.facts
	l.lookUser()
	f.User = l.user.User
	l.lookNix()
	l.settle()

	f.Client = nixconf.Load(l.m.files, l.environment(l.m.lookup, l.places.home), f.Nix.Version)
	store := l.lookStore(f.Client)
	f.Nix.Store, f.Nix.StoreWhy = store.kind, store.why
	f.Nix.StoreDir = cmp.Or(store.dir, l.places.store)
	f.Nix.Offline = l.offline()

	// The daemon takes a few milliseconds to answer; the flakes are read meanwhile.
	greeted := make(chan *conversation, 1)
	go func() { greeted <- l.greet(store) }()
	l.lookFlakes()
	c := <-greeted
	started, env := l.listener(c)
	c.ask(ctx, l.substituters(), func(ctx context.Context) *conversation {
		return greet(ctx, l.m.dial, store.socket, l.o.Deadline)
	})
	f.Daemon = c.daemon
	f.Daemon.Started = started

	if f.Nix.Version == (nixconf.Version{}) {
		l.learnVersion()
	}
	l.lookPlatform()
	f.System = l.systemConfig(env)
	f.Answers = l.lookAnswers(l.places.answers(), f.Nix.Version)
	f.RootAnswers = l.rootAnswers()
	slices.SortStableFunc(f.Notes, func(a, b trust.Note) int { return cmp.Compare(a.Path, b.Path) })
	return f
}

// settle works out the places once the version is known.
func (l *look) settle() {
	v := l.facts.Nix.Version
	home := l.home(v)
	l.facts.User.Home = home
	l.places = placesFor(l.m.lookup, home, l.o.Cwd, v)
}

// learnVersion takes the daemon's version, or asks the command, when the
// command's place did not say it; what depends on it is then read again.
func (l *look) learnVersion() {
	f := l.facts
	if f.Daemon.Version != (nixconf.Version{}) {
		f.Nix.Version = f.Daemon.Version
	} else {
		l.askVersion()
	}
	if f.Nix.Version == (nixconf.Version{}) {
		return
	}
	l.settle()
	f.Client = nixconf.Load(l.m.files, l.environment(l.m.lookup, l.places.home), f.Nix.Version)
}

func (l *look) environment(lookup func(string) (string, bool), home string) nixconf.Environment {
	return nixconf.Environment{
		Lookup: lookup,
		Home:   home,
		Dir:    l.o.Cwd,
		System: nixSystem(l.m.goarch, l.m.goos),
		CPUs:   l.m.cpus,
	}
}

// greet shakes hands with the daemon if it is this user's commands that it would
// answer.
func (l *look) greet(store storeChoice) *conversation {
	not := func(why string) *conversation {
		return &conversation{daemon: trust.Daemon{Socket: store.socket, Err: why}}
	}
	switch {
	case store.kind != trust.StoreDaemon:
		return not("this user's commands do not use a daemon: " + store.why)
	case !l.user.self:
		return not("it answers for the user who asks, and that would not be " + l.user.Name)
	case l.m.dial == nil:
		c := not("nobody listens on the socket; start the daemon")
		c.daemon.State = trust.DaemonAbsent
		return c
	}
	return greet(l.ctx, l.m.dial, store.socket, l.o.Deadline)
}

func (l *look) listener(c *conversation) (started time.Time, env func(string) (string, bool)) {
	if c.conn == nil || l.m.started == nil {
		return started, nil
	}
	return l.m.started(c.conn)
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
	return nixconf.Load(l.m.files, l.environment(env, root), v)
}

// privateDaemon names the variable that leads away from the system's daemon.
func (l *look) privateDaemon() string {
	for _, name := range []string{"NIX_DAEMON_SOCKET_PATH", "NIX_STATE_DIR"} {
		if l.m.get(name) != "" {
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

// rootAnswers are the answers that `sudo nix` would use. For root they are the
// user's own.
func (l *look) rootAnswers() trust.AnswersFile {
	v := l.facts.Nix.Version
	none := func(string) (string, bool) { return "", false }
	at := placesFor(none, l.rootHome(), "", v).answers()
	if at == l.facts.Answers.Path {
		return trust.AnswersFile{Path: at}
	}
	return l.lookAnswers(at, v)
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
	if err != nil {
		return false
	}
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		if v4 := n.IP.To4(); v4 != nil {
			if !v4.Equal(net.IPv4(127, 0, 0, 1)) {
				return false
			}
		} else if !n.IP.Equal(net.IPv6loopback) && !n.IP.IsLinkLocalUnicast() {
			return false
		}
	}
	return !l.proxied()
}

// proxied says whether a proxy is set. Then Nix takes the machine for connected,
// from 2.23 on. Only the lower-case names count: an upper-case one is lost where
// Nix makes the list. Nix: src/libcmd/network-proxy.cc.
func (l *look) proxied() bool {
	if !l.facts.Nix.Version.AtLeast(2, 23) {
		return false
	}
	for _, name := range []string{"http_proxy", "https_proxy", "ftp_proxy", "all_proxy"} {
		if _, set := l.m.lookup(name); set {
			return true
		}
	}
	return false
}

func (l *look) note(path, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.facts.Notes = append(l.facts.Notes, trust.Note{Path: path, Text: text})
}

// noteErr notes that something could not be read and what that hides.
func (l *look) noteErr(path string, err error, hides string) {
	l.note(path, fmt.Sprintf("It could not be read (%s), so %s.", plain(err), hides))
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
