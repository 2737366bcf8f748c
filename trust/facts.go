package trust

import (
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
)

// Facts is everything the engine is told about a machine. It decides from
// nothing else. A zero Facts leads to verdicts that are all unknown.
type Facts struct {
	Nix      Nix
	User     User
	Daemon   Daemon
	Platform Platform
	// Client is the configuration as this user's nix resolves it.
	Client *nixconf.Config
	// System is the configuration as a daemon started now would resolve it, as
	// far as this user can read it (system file, and root's own files).
	System *nixconf.Config
	// Answers are the user's saved decisions; RootAnswers are root's when they
	// could be read, which is what sudo and the daemon's own user would use.
	Answers     AnswersFile
	RootAnswers AnswersFile
	Flakes      []Flake
	// Grants are the user's and the machine's grants and denials with how they
	// stand, by files alone; GrantFiles are where they come from, and Disputes the
	// paths that they disagree on.
	Grants     []Granted
	GrantFiles []GrantFile
	Disputes   []GrantDispute
	Gate       Gate
	// Remembered are the databases of what caches have answered: this user's and,
	// where there is a daemon, root's.
	Remembered []Remembered
	// Probes are how caches answered when this user last probed them.
	Probes []Probed
	Notes  []Note // what could not be looked at while gathering
}

// Nix is the nix command that this user would run.
type Nix struct {
	Version nixconf.Version // zero when unknown
	Path    string          // the command found in PATH, "" when there is none
	Store   StoreKind
	// StoreWhy says what decided Store: "NIX_REMOTE=daemon", "store = … at /etc/nix/nix.conf:3", "auto: /nix/var/nix is not writable".
	StoreWhy string
	StoreDir string // "/nix/store" by default
	StateDir string // where the store's database and the roots of the garbage collector are: "/nix/var/nix"
	Offline  bool   // no non-loopback interface has an address: the new CLI turns substitution off
}

// StoreKind is which store a command would open.
type StoreKind int

const (
	StoreUnknown StoreKind = iota
	StoreDaemon            // through the daemon's socket
	StoreLocal             // opened directly by the user's process
	StoreOther             // a chroot, remote or other store that this tool does not explain
	StoreNone              // no Nix here
)

// Trust is whether the daemon trusts the user. The zero value is unknown.
type Trust int

const (
	TrustUnknown Trust = iota
	Trusted
	Untrusted
)

// User is the process's identity, as the daemon sees it.
type User struct {
	Name string // passwd name, or the decimal uid when there is none
	UID  uint32
	Home string
	// Group is the name of the process's effective primary group, or its decimal gid.
	Group string
	// MemberOf has the groups whose entry in the group database lists the user.
	MemberOf []string
	// Supplementary has the other groups of the process, by name. Nix ignores
	// them; Lix from 2.95 on does not.
	Supplementary []string
}

// Daemon is what was learnt from the daemon's socket.
type Daemon struct {
	State      DaemonState
	Socket     string
	Version    nixconf.Version
	RawVersion string // as the daemon sent it
	Protocol   int    // major<<8 | minor, 0 when unknown
	Trust      Trust
	// Probed says that Trust was learnt by offering a restricted setting to a
	// daemon too old to say it in the handshake, not from the handshake.
	Probed bool
	// Admits is the running daemon's own answer for each substituter URL that it
	// was asked about: whether it would use it if this user's client named it.
	// A URL that is not a key was not asked.
	Admits  map[string]bool
	Started time.Time // when the process behind the socket started; zero when unknown
	// FilesChanged is the latest change of a configuration file that the daemon
	// reads, and ChangedFile that file; zero when unknown.
	FilesChanged time.Time
	ChangedFile  string
	Err          string // for a person: what went wrong, "" when nothing did
}

// stale says that a file which the daemon reads was changed after it started.
// The start of a process is known to about a second.
func (d Daemon) stale() bool {
	return !d.Started.IsZero() && d.FilesChanged.After(d.Started.Add(2*time.Second))
}

// DaemonState is how the conversation with the daemon ended.
type DaemonState int

const (
	DaemonNotAsked DaemonState = iota
	DaemonAnswered
	DaemonAbsent  // no socket, or nobody listens
	DaemonRefused // it closed the connection before it said a word: most likely allowed-users
	DaemonSilent  // it accepted and did not answer in time, or not to the end
	DaemonGarbled // it does not speak the protocol
)

// Platform is who owns the configuration files here.
type Platform struct {
	OS PlatformOS
	// HomeManager says that the user's nix.conf is a symlink into the store.
	HomeManager bool
	// Generated says that the system nix.conf is a symlink into the store, or
	// carries a generator's mark, so that editing it is futile.
	Generated bool
	System    string // "x86_64-linux"
	Restart   string // the command that restarts the daemon here
}

// PlatformOS names the system's way of configuring Nix.
type PlatformOS int

const (
	PlatformPlain PlatformOS = iota
	PlatformNixOS
	PlatformNixDarwin
	PlatformDarwin
	PlatformDeterminate
	PlatformDebian
)

// AnswersFile is one trusted-settings.json.
type AnswersFile struct {
	Path    string
	State   nixconf.SourceState
	Answers Answers
	// Err is set when Nix would choke on the file. Nothing in it counts then.
	Err *AnswersError
}

// Flake is one flake that was found, with what its files say.
type Flake struct {
	ID    FlakeID
	Found []string // how it was found: "current folder", "gc root /…/result", "registry user"
	// Config is its nixConfig; Rejection is Nix's refusal of the flake.nix, nil when it reads.
	Config    []flake.Setting
	Rejection *flake.Rejection
	Err       string // flake.nix could not be read: why, for a person
	Lock      *flake.Lock
	LockErr   string
	Inputs    []Input
	// Locked are the outputs for this machine's system in the flake.cache-lock
	// beside it; none when there is no such lock, or it does not read.
	Locked []LockedOutput
	// CacheLock is the cache lock beside flake.nix, nil when none was found there.
	CacheLock *OfferedLock
}

// FlakeID is how a flake is called.
type FlakeID struct {
	Ref  string // "path:/home/a/proj", "git+file:///home/a/proj", "github:o/r/rev"
	Path string // the folder that has flake.nix, "" when it is not on this machine
}

// Input is one locked input of a flake.
type Input struct {
	Name      string // input path: "nixpkgs", "home-manager/nixpkgs"
	Ref       string // its locked reference, for a person
	StorePath string // "" when it cannot be computed
	Present   bool   // the store path exists and its flake.nix was read
	IsFlake   bool
	Config    []flake.Setting
	Rejection *flake.Rejection
}

// A Note is something that could not be seen, and what that hides.
type Note struct {
	Path string
	Text string
}
