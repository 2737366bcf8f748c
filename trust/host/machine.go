// Package host looks at a machine and gathers what the trust engine decides
// from. Every effect of looking goes through it: it reads files, talks to the
// daemon's socket, and does nothing else. It writes no file, touches no
// network and evaluates no Nix code.
//
// What it reads was written by others: a repository, a daemon, another user.
// Every read has a limit, every wait a deadline, and what cannot be seen is
// reported as not seen. The package does not judge: it never turns something
// unknown into something fine.
package host

import (
	"context"
	"net"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

// A Machine is what is looked at: this one (Real), another system's root
// (Real with a folder), one made up in memory (New), or what was once looked at
// (Replay).
type Machine struct {
	files Files
	// env is the environment of the process whose nix is explained. Nil means
	// an environment with nothing in it.
	env func(name string) (string, bool)
	// who is the identity the daemon would see; nil when it is looked up by
	// Options.User instead.
	who *identity
	// user is set when there is nothing to look up.
	user *trust.User
	// dial connects to a daemon's socket, given its path on the machine looked
	// at. Nil means that no daemon can be asked.
	dial func(ctx context.Context, socket string) (net.Conn, error)
	// dialAs is dial with another user's credentials. Nil means that it cannot be done.
	dialAs func(ctx context.Context, id identity, socket string) (net.Conn, error)
	// run runs a program and returns what it printed. Nil means that none can be run.
	run func(ctx context.Context, name string, args ...string) ([]byte, error)
	// addrs lists the addresses of the network interfaces. Nil means unknown.
	addrs func() ([]net.Addr, error)
	// access asks the kernel whether the process may read and write a path. Nil
	// means that it is worked out from the mode and the owner.
	access func(path string) bool
	// started says when the process that listens behind a connection started,
	// and returns its environment where that may be read. Nil means unknown.
	started func(c net.Conn) (time.Time, func(name string) (string, bool))

	// store reads the store of a machine that has no database. Nil means that
	// there is none, or that the database is read.
	store func(ctx context.Context) (*storedb.Store, error)

	// cpuFlags has the processor's features as Linux names them. Nil means unknown.
	cpuFlags func() string

	goos, goarch string
	cpus         int
	elsewhere    bool // not the running system: another root

	replayed *replayed // what a record has of the daemon and of databases, instead of asking
}

// identity is a process's credentials.
type identity struct {
	uid, gid uint32
	groups   []uint32
}

// Options say what to look for. The zero Options look at everything as the
// process's own user.
type Options struct {
	// Root is the root folder as the user named it, to be named in messages. The
	// Machine says what is looked at.
	Root string
	// User is whose view to take, by login name; "" means the process's own. The
	// daemon answers for another user only when root asks in that user's name.
	User string
	// Cwd is the folder in which flakes are searched first, "" means none.
	Cwd string
	// Flake is a flake that the user named: a folder or a flake reference.
	Flake string
	// Deadline is how long the daemon may take in all; 2 s when zero.
	Deadline time.Duration
}

// Real returns this machine, or when root is not empty the system whose root
// folder it is. Another root is looked at through its files only: its absolute
// symlinks lead into the root, programs are not run, this process's environment
// does not count, and its daemon is asked only when the user looked at is the
// one that this process runs as.
func Real(root string) *Machine {
	m := &Machine{
		who:  ownIdentity(),
		dial: dialUnix,
		goos: runtime.GOOS, goarch: runtime.GOARCH,
		cpus:     runtime.NumCPU(),
		started:  listenerStart,
		cpuFlags: cpuFlags,
	}
	if root != "" {
		m.files = Under(root)
		m.elsewhere = true
		m.dial = func(ctx context.Context, socket string) (net.Conn, error) {
			return dialUnder(ctx, m.files, root, socket)
		}
		return m
	}
	m.files = hostFiles{}
	m.env = os.LookupEnv
	m.run = runProgram
	m.addrs = net.InterfaceAddrs
	m.access = accessible
	if m.who.uid == 0 {
		m.dialAs = dialAs
	}
	return m
}

// New returns a made-up machine: its files, its environment, the user, and how
// to reach its daemon (nil: no daemon listens). It is what the demo and the
// tests look at.
func New(files Files, env map[string]string, user trust.User, dial func(ctx context.Context) (net.Conn, error)) *Machine {
	m := &Machine{
		files: files,
		env:   func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		who:   &identity{uid: user.UID},
		user:  &user,
		goos:  "linux", goarch: "amd64",
		cpus: 4,
	}
	if dial != nil {
		m.dial = func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) }
	}
	return m
}

// WithStore returns the machine with a store that is made up like the rest of it.
func (m *Machine) WithStore(read func(ctx context.Context) (*storedb.Store, error)) *Machine {
	out := *m
	out.store = read
	return &out
}

// With returns the machine as it is for a process with more variables in its
// environment.
func (m *Machine) With(vars map[string]string) *Machine {
	out := *m
	out.env = func(name string) (string, bool) {
		if v, ok := vars[name]; ok {
			return v, true
		}
		if m.env == nil {
			return "", false
		}
		return m.env(name)
	}
	return &out
}

func ownIdentity() *identity {
	id := &identity{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}
	groups, err := os.Getgroups()
	if err != nil {
		return id
	}
	for _, g := range groups {
		id.groups = append(id.groups, uint32(g))
	}
	return id
}

// programOutput bounds what is read of a program's output.
const programOutput = 1 << 20

func runProgram(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 100 * time.Millisecond
	var out limitedBuffer
	cmd.Stdout = &out
	err := cmd.Run()
	return out.data, err
}

// limitedBuffer keeps the first programOutput bytes and drops the rest.
type limitedBuffer struct{ data []byte }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if room := programOutput - len(b.data); room > 0 {
		b.data = append(b.data, p[:min(room, len(p))]...)
	}
	return len(p), nil
}
