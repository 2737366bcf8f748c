package host

import (
	"context"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/trust"
)

// A Record is what one look was told beside the files: enough for Replay to look
// again, elsewhere and later. It is data that somebody else may have written.
type Record struct {
	Options  RecordedOptions   `json:"options"`
	System   RecordedSystem    `json:"system"`
	Identity *RecordedIdentity `json:"identity"` // the process's own; null where only the user was known
	User     *RecordedUser     `json:"user"`     // of a made-up machine; null elsewhere
	// Environment has the variables that are asked for and were set; null when
	// there was no environment to ask.
	Environment map[string]string `json:"environment"`
	Programs    []RecordedProgram `json:"programs"`
	// Access is what the kernel said of reading and writing a path.
	Access map[string]bool `json:"access"`
	Daemon RecordedDaemon  `json:"daemon"`
	// Remembered is what the databases of caches' answers had; null when none was
	// looked at.
	Remembered []trust.Remembered `json:"remembered"`
}

// RecordedOptions are the options of the look.
type RecordedOptions struct {
	Root  string `json:"root"`
	User  string `json:"user"`
	Cwd   string `json:"cwd"`
	Flake string `json:"flake"`
}

// RecordedSystem is the machine itself.
type RecordedSystem struct {
	OS        string  `json:"os"`
	Arch      string  `json:"arch"`
	CPUs      int     `json:"cpus"`
	CPUFlags  *string `json:"cpuFlags"`  // null when they are not known
	Connected *bool   `json:"connected"` // whether an interface leads anywhere; null when that is not known
	Elsewhere bool    `json:"elsewhere"` // the files were those of another root
}

// RecordedIdentity is a process's credentials.
type RecordedIdentity struct {
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups"`
}

// RecordedUser is the user of a made-up machine.
type RecordedUser struct {
	Name          string   `json:"name"`
	UID           uint32   `json:"uid"`
	Home          string   `json:"home"`
	Group         string   `json:"group"`
	MemberOf      []string `json:"memberOf"`
	Supplementary []string `json:"supplementary"`
}

// RecordedProgram is one run of a program.
type RecordedProgram struct {
	Command []string `json:"command"`
	Output  string   `json:"output"`
	Err     string   `json:"error"` // "" when it went well
}

// RecordedDaemon is what was learnt from the daemon's socket.
type RecordedDaemon struct {
	State    string          `json:"state"`
	Socket   string          `json:"socket"`
	Version  string          `json:"version"` // in the daemon's words
	Protocol int             `json:"protocol"`
	Trust    string          `json:"trust"`
	Probed   bool            `json:"probed"`
	Admits   map[string]bool `json:"admits"`
	Started  time.Time       `json:"started"` // zero when unknown
	Err      string          `json:"error"`
	// Environment is that of the daemon's process; null when it may not be read.
	Environment map[string]string `json:"environment"`
}

// variables are the only ones that a look asks for: what says where Nix and its
// files are, and what changes its settings. A test holds the list complete.
var variables = slices.Concat(installation, []string{
	"HOME", "NIX_CONFIG", "NIX_USER_CONF_FILES", "NIX_PATH", "NIX_LIBEXEC_DIR", "NIX_REMOTE_SYSTEMS", "NIX_IGNORE_SYMLINK_STORE",
	"NIX_CONFIG_HOME", "NIX_DATA_HOME", "NIX_CACHE_HOME", "NIX_STATE_HOME", "CACHE_DIRECTORY",
	"XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME",
	"NIX_SSL_CERT_FILE", "SSL_CERT_FILE",
}, proxies)

// recordVariables asks an environment for all of them.
func recordVariables(lookup func(string) (string, bool)) map[string]string {
	if lookup == nil {
		return nil
	}
	out := map[string]string{}
	for _, name := range variables {
		if v, ok := lookup(name); ok {
			out[name] = v
		}
	}
	return out
}

// A Recorder notes what a machine is asked and what it answers.
type Recorder struct {
	mu     sync.Mutex // programs are run and paths tried by concurrent readers too
	record Record
}

// Recording is the machine with a recorder of one look at it. Its files are
// those that files makes of the machine's, which notes what it likes.
func (m *Machine) Recording(files func(Files) Files) (*Machine, *Recorder) {
	r := &Recorder{}
	out := *m
	out.files = files(m.files)
	if databases, ok := m.files.(opener); ok {
		out.files = recordedFiles{out.files, databases}
	}
	rec := &r.record
	rec.System = RecordedSystem{OS: m.goos, Arch: m.goarch, CPUs: m.cpus, Elsewhere: m.elsewhere}
	if m.cpuFlags != nil {
		flags := m.cpuFlags()
		rec.System.CPUFlags = &flags
	}
	if m.addrs != nil {
		if addrs, err := m.addrs(); err == nil {
			connected := leadAnywhere(addrs)
			rec.System.Connected = &connected
		}
	}
	if m.who != nil {
		rec.Identity = &RecordedIdentity{m.who.uid, m.who.gid, m.who.groups}
	}
	if u := m.user; u != nil {
		rec.User = &RecordedUser{u.Name, u.UID, u.Home, u.Group, u.MemberOf, u.Supplementary}
	}
	rec.Environment = recordVariables(m.env)
	if m.run != nil {
		out.run = func(ctx context.Context, name string, args ...string) ([]byte, error) {
			data, err := m.run(ctx, name, args...)
			p := RecordedProgram{Command: append([]string{name}, args...), Output: string(data)}
			if err != nil {
				p.Err = err.Error()
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			rec.Programs = append(rec.Programs, p)
			return data, err
		}
	}
	if m.access != nil {
		rec.Access = map[string]bool{}
		out.access = func(path string) bool {
			may := m.access(path)
			r.mu.Lock()
			defer r.mu.Unlock()
			rec.Access[path] = may
			return may
		}
	}
	if m.started != nil {
		out.started = func(c net.Conn) (time.Time, func(string) (string, bool)) {
			at, env := m.started(c)
			rec.Daemon.Environment = recordVariables(env)
			return at, env
		}
	}
	return &out, r
}

// Record is what was noted, with what the look with these options has learnt.
func (r *Recorder) Record(o Options, f *trust.Facts) Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.record
	out.Options = RecordedOptions{o.Root, o.User, o.Cwd, o.Flake}
	d := f.Daemon
	out.Daemon.State, out.Daemon.Socket, out.Daemon.Version, out.Daemon.Protocol = d.State.String(), d.Socket, d.RawVersion, d.Protocol
	out.Daemon.Trust, out.Daemon.Probed, out.Daemon.Admits = d.Trust.String(), d.Probed, maps.Clone(d.Admits)
	out.Daemon.Started, out.Daemon.Err = d.Started, d.Err
	out.Remembered = f.Remembered
	return out
}

// recordedFiles are noted as they are looked at; databases, which are read in
// parts, are not.
type recordedFiles struct {
	Files
	opener
}
