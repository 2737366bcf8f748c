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
	debian   bool // the nix command is Debian's

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
	if l.m.env != nil && !l.user.self {
		l.note("", "The environment of "+l.user.Name+" is not known: of this one only the variables that say where Nix is are taken for it.")
	}
	l.lookNix()
	l.settle()

	l.lookClient()
	store := l.lookStore(f.Client)
	f.Nix.Store, f.Nix.StoreWhy = store.kind, store.why
	f.Nix.StoreDir = cmp.Or(store.dir, l.places.store)
	f.Nix.StateDir = cmp.Or(store.state, l.places.state)

	// The daemon takes a few milliseconds to answer; the flakes are read
	// meanwhile, unless its answer decides by which release's rules.
	greeted := make(chan *conversation, 1)
	go func() { greeted <- l.greet(store) }()
	var c *conversation
	if f.Nix.Version == (nixconf.Version{}) {
		c = <-greeted
		l.learnVersion(c.daemon.Version)
	}
	l.lookFlakes()
	if c == nil {
		c = <-greeted
	}
	started, env := l.listener(c)
	c.ask(ctx, l.substituters(), func(ctx context.Context) *conversation {
		return greet(ctx, l.dialler(), store.socket, l.o.Deadline)
	})
	f.Daemon = c.daemon
	f.Daemon.Started = started

	l.noteLix()
	l.lookPlatform()
	f.System = l.systemConfig(env)
	f.Daemon.FilesChanged, f.Daemon.ChangedFile = l.lastChange(f.System)
	f.Answers = l.lookAnswers(l.places.answers(), f.Nix.Version)
	f.RootAnswers = l.rootAnswers()
	l.lookRemembered(env)
	if ctx.Err() != nil {
		l.note("", "The look ended early: what it had not come to is not known.")
	}
	slices.SortStableFunc(f.Notes, func(a, b trust.Note) int { return cmp.Compare(a.Path, b.Path) })
	return f
}

// installation are the variables that say where Nix is. The others are a user's
// own.
var installation = []string{
	"PATH", "NIX_REMOTE", "NIX_CONF_DIR", "NIX_STATE_DIR", "NIX_STORE_DIR", "NIX_STORE", "NIX_LOG_DIR", "NIX_DAEMON_SOCKET_PATH", "LIX_DAEMON_SOCKET_DIR",
}

// lookup looks a variable up in the environment of the user's nix. This
// process's own stands for it when the user is the same; of another user's only
// what says where Nix is can be taken from it.
func (l *look) lookup(name string) (string, bool) {
	if l.m.env == nil || !l.user.self && !slices.Contains(installation, name) {
		return "", false
	}
	return l.m.env(name)
}

// get returns a variable's value, "" when it is not set.
func (l *look) get(name string) string {
	v, _ := l.lookup(name)
	return v
}

// settle works out the places once the version is known.
func (l *look) settle() {
	v := l.facts.Nix.Version
	home := l.home(v)
	l.facts.User.Home = home
	l.places = placesFor(l.lookup, home, l.o.Cwd, v)
}

// learnVersion takes the daemon's version, or asks the command, when the
// command's place did not say it; what was read by then is read again.
func (l *look) learnVersion(daemon nixconf.Version) {
	f := l.facts
	f.Nix.Version = daemon
	if daemon == (nixconf.Version{}) {
		l.askVersion()
	}
	if f.Nix.Version == (nixconf.Version{}) {
		return
	}
	l.settle()
	l.lookClient()
}

// greet shakes hands with the daemon if it is this user's commands that it would
// answer.
func (l *look) greet(store storeChoice) *conversation {
	not := func(why string) *conversation {
		return &conversation{daemon: trust.Daemon{Socket: store.socket, Err: why}}
	}
	switch {
	case l.m.replayed != nil:
		return l.m.replayed.conversation()
	case store.kind != trust.StoreDaemon:
		return not("this user's commands do not use a daemon: " + store.why)
	case !l.user.self && (l.m.dialAs == nil || l.user.id.uid == noID):
		return not("it answers for the user who asks, and that would not be " + l.user.Name)
	case l.m.dial == nil:
		c := not("nobody listens on the socket; start the daemon")
		c.daemon.State = trust.DaemonAbsent
		return c
	}
	return greet(l.ctx, l.dialler(), store.socket, l.o.Deadline)
}

// dialler connects as the user looked at.
func (l *look) dialler() func(context.Context, string) (net.Conn, error) {
	if l.user.self {
		return l.m.dial
	}
	id := l.user.id
	for _, g := range l.user.MemberOf {
		if gid, ok := l.accounts.groupID(g); ok {
			id.groups = append(id.groups, gid)
		}
	}
	return func(ctx context.Context, socket string) (net.Conn, error) { return l.m.dialAs(ctx, id, socket) }
}

func (l *look) listener(c *conversation) (started time.Time, env func(string) (string, bool)) {
	if l.m.replayed != nil {
		return l.m.replayed.listener()
	}
	if c.conn == nil || l.m.started == nil {
		return started, nil
	}
	return l.m.started(c.conn)
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
