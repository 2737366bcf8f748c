package child

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/guard"
)

const answersName = "trusted-settings.json"

// A DataFolder is a folder that stands in for Nix's data folder while a command
// runs: everything of that is in it as a link, but for the saved answers, which
// are the user's with more of them. So Nix does not ask, and nothing of the
// user's changes.
type DataFolder struct {
	Real string        // the user's
	Dir  string        // that stands in for it
	made trust.Answers // the answers as they were written
	own  []string      // the names that were put into it
}

// Unanswered are the decisions that Nix would ask for about a flake, each no: none for nil.
func Unanswered(f *trust.FlakeReport) []trust.AnswerEdit {
	var out []trust.AnswerEdit
	if f == nil {
		return nil
	}
	for _, s := range f.Settings {
		if s.State == trust.SettingAsks {
			out = append(out, trust.AnswerEdit{Setting: s.Name, Value: s.Value, Do: trust.AnswerNo})
		}
	}
	return out
}

// NewDataFolder makes the folder in dir, for the data folder real that may not
// be there, with the user's answers and a no for each that is missing.
func NewDataFolder(dir, real string, saved trust.Answers, missing []trust.AnswerEdit) (*DataFolder, error) {
	d := &DataFolder{Real: real, Dir: dir, made: trust.Answers{}}
	for _, name := range saved.Names() {
		d.made[name] = map[string]bool{}
		for value, yes := range saved[name] {
			d.made[name][value] = yes
		}
	}
	for _, e := range missing {
		if d.made[e.Setting] == nil {
			d.made[e.Setting] = map[string]bool{}
		}
		if _, said := d.made[e.Setting][e.Value]; !said {
			d.made[e.Setting][e.Value] = false
		}
	}
	text, err := d.made.Print()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, answersName), text, 0o600); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(real)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// What `nix repl` keeps is written through a link that leads nowhere yet.
	names := []string{"repl-history"}
	if err != nil {
		names = nil
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	d.own = []string{answersName}
	for _, name := range slices.Compact(names) {
		if name == answersName {
			continue
		}
		if err := os.Symlink(filepath.Join(real, name), filepath.Join(dir, name)); err != nil {
			return nil, err
		}
		d.own = append(d.own, name)
	}
	return d, nil
}

// Said are the decisions that were saved while the command ran, sorted. The
// error says that the file cannot be read any more.
func (d *DataFolder) Said(v nixconf.Version) ([]trust.AnswerEdit, error) {
	text, err := guard.ReadRegular(filepath.Join(d.Dir, answersName), 16<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now, wrong := trust.ParseAnswers(text, v)
	if wrong != nil {
		return nil, wrong
	}
	var out []trust.AnswerEdit
	for _, name := range now.Names() {
		for _, value := range now.Values(name) {
			yes := now[name][value]
			if was, had := d.made.Lookup(name, value); had && was == yes {
				continue
			}
			do := trust.AnswerNo
			if yes {
				do = trust.AnswerYes
			}
			out = append(out, trust.AnswerEdit{Setting: name, Value: value, Do: do})
		}
	}
	return out, nil
}

// Keep moves what the command put into the folder to where it belongs, and
// returns the names of what could not be.
func (d *DataFolder) Keep() (lost []string) {
	entries, err := os.ReadDir(d.Dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if slices.Contains(d.own, e.Name()) {
			continue
		}
		to := filepath.Join(d.Real, e.Name())
		err := os.MkdirAll(d.Real, 0o755)
		if _, there := os.Lstat(to); err != nil || !errors.Is(there, fs.ErrNotExist) || move(filepath.Join(d.Dir, e.Name()), to) != nil {
			lost = append(lost, e.Name())
		}
	}
	return lost
}

// move renames, or copies where the temporary folder is on another file system.
func move(from, to string) error {
	err := os.Rename(from, to)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	info, err := os.Lstat(from)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return os.CopyFS(to, os.DirFS(from))
	case info.Mode()&fs.ModeSymlink != 0:
		where, err := os.Readlink(from)
		return errors.Join(err, os.Symlink(where, to))
	case !info.Mode().IsRegular():
		return errors.New("it is no file")
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
