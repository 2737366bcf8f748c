package nix

import (
	"os"
	"path/filepath"
	"strings"
)

// scratch makes a new folder, readable by this user alone, that the programs
// see as inside. The caller removes outside.
func (n *Nix) scratch() (inside, outside string, err error) {
	temp := filepath.Clean("/" + n.Root + os.TempDir())
	// Nix follows no symbolic link in the path of a flake, and /tmp may be one.
	if temp, err = filepath.EvalSymlinks(temp); err == nil {
		outside, err = os.MkdirTemp(temp, "nix-trust-")
	}
	if err != nil {
		return "", "", &Error{Text: "no temporary folder could be made: " + err.Error(), Hint: "TMPDIR says where"}
	}
	inside = outside
	if n.Root != "" {
		inside = "/" + strings.TrimPrefix(strings.TrimPrefix(outside, filepath.Clean(n.Root)), "/")
	}
	return inside, outside, nil
}
