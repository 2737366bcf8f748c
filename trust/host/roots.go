package host

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

const (
	// maxDepth is how far below a configured root flakes are looked for.
	maxDepth = 2
	// maxFolders is how many folders are looked at below all configured roots.
	maxFolders = 20_000
)

// preferences is the user's config.toml. It never holds trust.
type preferences struct {
	// Roots are folders in which to look for flakes, "~/src" and the like.
	Roots []string `toml:"roots"`
	// Gate is where the user's gate listens, on the loopback interface:
	// "127.0.0.1:8128". "" when it is not said.
	Gate string `toml:"gate"`
}

// GateAddress is what a config.toml says of where the gate listens, "" when
// there is no such file or it says nothing.
func GateAddress(files Files, file string) (string, error) {
	data, err := files.ReadFile(file)
	if isMissing(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	prefs, err := parsePreferences(data)
	if prefs.Gate == "" {
		return "", err
	}
	return prefs.Gate, nil
}

// configRoots adds the flakes below the folders that the user listed in
// config.toml: each folder itself, and those down to two levels below it.
// Hidden folders and links are passed over.
func (f *finder) configRoots(home, config string) {
	if config == "" {
		return
	}
	file := config + "/nix-trust/config.toml"
	data, err := f.m.files.ReadFile(file)
	if err != nil {
		if !isMissing(err) {
			f.noteErr(file, err, "the folders it lists are not searched")
		}
		return
	}
	prefs, err := parsePreferences(data)
	if err != nil {
		f.note(file, "It cannot be read as it stands: "+err.Error()+".")
	}
	budget := maxFolders
	for _, root := range prefs.Roots {
		at := root
		if root == "~" || strings.HasPrefix(root, "~/") {
			at = home + root[1:]
		}
		if !path.IsAbs(at) {
			f.note(file, fmt.Sprintf("The root %q is passed over: it must begin with / or ~/.", root))
			continue
		}
		f.descend(path.Clean(at), file, root, 0, &budget)
	}
	if budget < 0 {
		f.note(file, fmt.Sprintf("Its roots have more than %d folders: flakes in the others are not known.", maxFolders))
	}
}

func (f *finder) descend(folder, file, root string, depth int, budget *int) {
	if *budget--; *budget < 0 || f.ctx.Err() != nil {
		return
	}
	if f.there(folder + "/flake.nix") {
		f.folder(folder, "root "+root)
	}
	if depth == maxDepth {
		return
	}
	entries, err := f.m.files.ReadDir(folder, maxFolders)
	if err != nil {
		if depth == 0 {
			f.noteErr(folder, err, "no flakes are looked for in it, although "+file+" lists it")
		}
		return
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			f.descend(path.Join(folder, e.Name()), file, root, depth+1, budget)
		}
	}
}

// parsePreferences reads a config.toml. A key that is not known is an error, and
// so is anything that is no TOML; the roots that could be read count all the
// same, as a root can do no harm.
func parsePreferences(data []byte) (preferences, error) {
	var p preferences
	dec := toml.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(&p)
	bad := checkGate(&p)
	var strict *toml.StrictMissingError
	var syntax *toml.DecodeError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		line, _ := strict.Errors[0].Position()
		return p, fmt.Errorf("line %d: %q is not a key that is known here", line, strings.Join(strict.Errors[0].Key(), "."))
	case errors.As(err, &syntax):
		line, col := syntax.Position()
		return preferences{}, fmt.Errorf("line %d, column %d: %s; the roots it lists are not searched", line, col, strings.TrimPrefix(syntax.Error(), "toml: "))
	case err != nil:
		return preferences{}, fmt.Errorf("%w; the roots it lists are not searched", err)
	}
	return p, bad
}

// checkGate takes the address of the gate out when it is none.
func checkGate(p *preferences) error {
	if p.Gate == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(p.Gate)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err == nil && perr == nil && n > 0 && net.ParseIP(host).IsLoopback() {
		return nil
	}
	bad := fmt.Errorf("gate = %q is no address on the loopback interface, such as \"127.0.0.1:8128\"", p.Gate)
	p.Gate = ""
	return bad
}
