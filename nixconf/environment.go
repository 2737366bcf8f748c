package nixconf

import (
	"errors"
	"runtime"
	"strings"
)

// ErrTooLarge is what Files returns for a file that it refuses to read whole.
var ErrTooLarge = errors.New("the file is too large")

// ErrNotRegular is what Files returns for a pipe, a socket or a device, which is
// not opened.
var ErrNotRegular = errors.New("not a regular file")

// Files is how configuration is read. Paths are absolute and clean. The errors
// match fs.ErrNotExist, fs.ErrPermission, syscall.EISDIR for a folder,
// ErrTooLarge and ErrNotRegular.
type Files interface {
	ReadFile(path string) ([]byte, error)
	// Exists reports whether something is at path, without following a symlink
	// there. An error says that it cannot be known.
	Exists(path string) (bool, error)
}

// Environment is what the configuration depends on beside files. The zero value
// is an empty environment of an unprivileged user whose home is unknown.
type Environment struct {
	// Lookup is os.LookupEnv of the process looked at; nil is no variables.
	Lookup func(key string) (string, bool)
	// Home is the home folder as Nix resolves it: $HOME when it is missing or
	// owned by the user, else passwd's. "" means that there is none.
	Home string
	// HomeUnknown says that Home is empty because it could not be found out: the
	// files in it are then unseen.
	HomeUnknown bool
	// Dir is the working directory, for the relative paths that Nix accepts in
	// variables and store references. "" is taken for "/".
	Dir    string
	System string // "x86_64-linux"; "" is this program's own
	CPUs   int    // what std::thread::hardware_concurrency says; below 1 is 1
	Root   bool   // the user is root
	// Offline says that no interface but loopback has an address. The `nix`
	// command then turns substitution off and shortens its timeouts.
	// Nix: src/nix/main.cc, mainWrapped.
	Offline bool

	// The rest only decides defaults that are shown, and may be left empty.

	KVM            bool     // /dev/kvm can be opened for reading and writing
	ExtraPlatforms []string // besides System, this machine can run these
	NixPath        string   // the nix program: "/usr/bin/nix"; "" is found by name
	SandboxShell   string   // the /bin/sh of sandboxes that this Nix was built with
}

func (e *Environment) lookup(key string) (string, bool) {
	if e.Lookup == nil {
		return "", false
	}
	return e.Lookup(key)
}

// nonEmpty looks up a variable whose empty value counts as unset.
func (e *Environment) nonEmpty(key string) (string, bool) {
	v, ok := e.lookup(key)
	return v, ok && v != ""
}

func (e *Environment) dir() string {
	if e.Dir == "" {
		return "/"
	}
	return e.Dir
}

func (e *Environment) cpus() int { return max(e.CPUs, 1) }

func (e *Environment) system() string {
	if e.System != "" {
		return e.System
	}
	cpu := runtime.GOARCH
	switch cpu {
	case "amd64":
		cpu = "x86_64"
	case "arm64":
		cpu = "aarch64"
	case "386":
		cpu = "i686"
	}
	return cpu + "-" + runtime.GOOS
}

func (e *Environment) darwin() bool { return strings.HasSuffix(e.system(), "-darwin") }
