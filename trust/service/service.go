package service

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
)

// Name is what the units, the user and the folders of the machine's gate are
// called.
const Name = "nix-trust-gate"

// A Manager is what runs services. The zero Manager is unknown.
type Manager string

const (
	Systemd   Manager = "systemd"
	Launchd   Manager = "launchd"
	NixOS     Manager = "nixos"      // systemd, whose units a NixOS module makes
	NixDarwin Manager = "nix-darwin" // launchd, whose lists a module makes
)

// A Service is a gate as a manager is to run it.
type Service struct {
	Manager Manager
	System  bool   // the machine's gate, as a user of its own; else that of one user
	Program string // nix-trust, absolute
	Address string // HOST:PORT on the loopback interface
	Home    string // the user's folder, for a user's gate
	Dir     string // of the gate's key
}

// check refuses what would mean something else in a unit, or that no manager
// could run.
func (s Service) check() error {
	for name, path := range map[string]string{"the program": s.Program, "the gate's folder": s.Dir, "the home folder": s.Home} {
		if path == "" && name == "the home folder" && s.System {
			continue
		}
		if !filepath.IsAbs(path) || filepath.Clean(path) != path || strings.ContainsFunc(path, unsafe) {
			return fmt.Errorf("%s is %q, and a path in a unit is absolute and of letters, digits and /._+=,:@- alone", name, path)
		}
	}
	if at, err := netip.ParseAddrPort(s.Address); err != nil || at.Port() == 0 || !at.Addr().IsLoopback() || at.Addr().Zone() != "" {
		return fmt.Errorf("%q is no address on the loopback interface, such as 127.0.0.1:8128", s.Address)
	}
	switch s.Manager {
	case Systemd, Launchd, NixOS, NixDarwin:
		return nil
	}
	return errors.New("which program runs services here is not known")
}

// unsafe are the characters that a unit, a property list, a module or a shell
// does not take as they are.
func unsafe(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._+=,:@-", r))
}

// command is what is run.
func (s Service) command() []string {
	c := []string{s.Program, "gate"}
	if s.System {
		c = append(c, "--system")
	}
	// launchd hands over its sockets by a call of its own, so there the gate
	// listens itself.
	if s.Manager == Launchd || s.Manager == NixDarwin {
		c = append(c, "--listen", s.Address)
	}
	return c
}

// A File is one that is installed.
type File struct {
	Path string
	Text string
}

// Files are those of a manager that reads files; of the others there are none.
func (s Service) Files() []File {
	switch s.Manager {
	case Systemd:
		dir := "/etc/systemd/system/"
		if !s.System {
			dir = s.Home + "/.config/systemd/user/"
		}
		out := []File{{dir + Name + ".socket", marked("# ", "", s.socketUnit())}, {dir + Name + ".service", marked("# ", "", s.serviceUnit())}}
		if s.System {
			out = append(out, File{"/etc/sysusers.d/" + Name + ".conf", marked("# ", "", s.sysusers())})
		}
		return out
	case Launchd:
		dir := "/Library/LaunchDaemons/"
		if !s.System {
			dir = s.Home + "/Library/LaunchAgents/"
		}
		return []File{{dir + label + ".plist", s.propertyList()}}
	}
	return nil
}
