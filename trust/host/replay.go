package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// Replay is the machine of a record. Nothing but the files given is looked at:
// no socket is opened, no program run, no variable of this process asked for.
func Replay(files Files, r Record) (*Machine, Options, error) {
	o := Options{Root: r.Options.Root, User: r.Options.User, Cwd: r.Options.Cwd, Flake: r.Options.Flake}
	daemon, err := r.Daemon.fact()
	if err != nil {
		return nil, o, err
	}
	m := &Machine{
		files: files, env: lookupIn(r.Environment),
		goos: r.System.OS, goarch: r.System.Arch, cpus: r.System.CPUs, elsewhere: r.System.Elsewhere,
		replayed: &replayed{daemon: daemon, environment: lookupIn(r.Daemon.Environment), remembered: r.Remembered},
	}
	if id := r.Identity; id != nil {
		m.who = &identity{id.UID, id.GID, id.Groups}
	}
	if u := r.User; u != nil {
		if m.who == nil {
			return nil, o, errors.New("it has a user without an identity")
		}
		m.user = &trust.User{Name: u.Name, UID: u.UID, Home: u.Home, Group: u.Group, MemberOf: u.MemberOf, Supplementary: u.Supplementary}
	}
	if flags := r.System.CPUFlags; flags != nil {
		m.cpuFlags = func() string { return *flags }
	}
	if r.System.Connected != nil {
		at := net.IPv4(127, 0, 0, 1)
		if *r.System.Connected {
			at = net.IPv4(192, 0, 2, 1) // RFC 5737: an address of nobody
		}
		m.addrs = func() ([]net.Addr, error) { return []net.Addr{&net.IPNet{IP: at, Mask: net.CIDRMask(24, 32)}}, nil }
	}
	if r.Programs != nil {
		m.run = func(_ context.Context, name string, args ...string) ([]byte, error) {
			for _, p := range r.Programs {
				if slices.Equal(p.Command, append([]string{name}, args...)) {
					if p.Err != "" {
						return []byte(p.Output), errors.New(p.Err)
					}
					return []byte(p.Output), nil
				}
			}
			return nil, errors.New("it was not run when the bundle was made")
		}
	}
	if r.Access != nil {
		m.access = func(path string) bool { return r.Access[path] }
	}
	return m, o, nil
}

// replayed is what a record has in place of effects.
type replayed struct {
	daemon      trust.Daemon
	environment func(string) (string, bool)
	remembered  []trust.Remembered
}

// lookupIn looks variables up, nil when none are known.
func lookupIn(vars map[string]string) func(string) (string, bool) {
	if vars == nil {
		return nil
	}
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

// fact is the daemon as the engine is told of it.
func (d RecordedDaemon) fact() (trust.Daemon, error) {
	out := trust.Daemon{Socket: d.Socket, RawVersion: d.Version, Protocol: d.Protocol, Probed: d.Probed, Admits: d.Admits, Started: d.Started, Err: d.Err}
	out.Version, _ = nixconf.ParseVersion(d.Version)
	for s := trust.DaemonNotAsked; s.String() != d.State; s++ {
		if s > trust.DaemonGarbled {
			return out, fmt.Errorf("it has a daemon whose state is %q", d.State)
		}
		out.State = s + 1
	}
	for t := trust.TrustUnknown; t.String() != d.Trust; t++ {
		if t > trust.Untrusted {
			return out, fmt.Errorf("it has a daemon whose trust is %q", d.Trust)
		}
		out.Trust = t + 1
	}
	if out.Trust != trust.TrustUnknown && out.State != trust.DaemonAnswered {
		return out, errors.New("it has a daemon that trusts or does not, and that did not answer")
	}
	return out, nil
}

// conversation is the one that was had.
func (r *replayed) conversation() *conversation { return &conversation{daemon: r.daemon} }

// listener is what was found out about the daemon's process.
func (r *replayed) listener() (time.Time, func(string) (string, bool)) {
	return r.daemon.Started, r.environment
}
