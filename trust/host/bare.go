package host

import (
	"path"
	"strings"
)

// Bare is this machine as no variable of the process describes it: Nix is looked
// for where it is installed, every file in its usual place, and no program is
// run. It is what a process with more rights than its caller has to go by, as
// the caller may have chosen its variables.
func (m *Machine) Bare() *Machine {
	bare := *m
	bare.env = func(name string) (string, bool) {
		return "/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/local/bin:/usr/bin:/bin", name == "PATH"
	}
	bare.run = nil
	return &bare
}

// Owned reports whether a file of the machine's configuration is made by another
// program, so that editing it is futile: it leads into the store, or its text
// has a generator's mark.
func (m *Machine) Owned(name string, text []byte) bool {
	at, err := m.files.Resolve(path.Clean(name))
	return err == nil && strings.HasPrefix(at, "/nix/store/") || generatedMark(text)
}
