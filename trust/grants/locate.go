package grants

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Files is how a folder is looked at. host.Files is one.
type Files interface {
	// ReadFile reads a regular file of bounded size.
	ReadFile(path string) ([]byte, error)
	// Lstat describes what is at a path, a symbolic link itself too.
	Lstat(path string) (fs.FileInfo, error)
	// Resolve follows every link in a path.
	Resolve(path string) (string, error)
}

// Locate finds out which repository a folder belongs to. An error says that it
// could not be found out, and then the flake has no identity.
//
// The folder may be anybody's, and its .git could name another project to take
// over its identity. So only what the repository itself confirms counts: a
// .git that is a folder and no link, without a commondir of its own, or a .git
// file whose worktree the repository lists under the path of this very file.
// Everything else, submodules and separate Git folders too, is known by its
// path. Git: gitrepository-layout(5), gitdir and commondir of a worktree.
func Locate(files Files, folder string) (Place, error) {
	at, err := files.Resolve(folder)
	if err != nil {
		return Place{}, fmt.Errorf("the folder of the flake cannot be found: %w", err)
	}
	if !path.IsAbs(at) {
		return Place{}, fmt.Errorf("%q is not an absolute path", at)
	}
	p := Place{Folder: path.Clean(at)}
	for top := p.Folder; ; top = path.Dir(top) {
		info, err := files.Lstat(path.Join(top, ".git"))
		switch {
		case err == nil:
			common, err := commonFolder(files, top, info)
			if err != nil {
				return Place{}, err
			}
			if common != "" {
				p.Top, p.Common = top, common
			}
			return p, nil
		case !errors.Is(err, fs.ErrNotExist):
			return Place{}, fmt.Errorf("whether %s is a Git work tree could not be seen: %w", top, err)
		}
		if top == "/" {
			return p, nil
		}
	}
}

// commonFolder returns the folder that all worktrees of the repository share,
// "" when the repository does not confirm that this is one of them.
func commonFolder(files Files, top string, info fs.FileInfo) (string, error) {
	git := path.Join(top, ".git")
	if info.IsDir() {
		_, err := files.Lstat(path.Join(git, "commondir"))
		switch {
		case err == nil:
			return "", nil
		case errors.Is(err, fs.ErrNotExist):
			return git, nil
		}
		return "", fmt.Errorf("the repository %s could not be looked at: %w", git, err)
	}
	if !info.Mode().IsRegular() {
		return "", nil
	}
	text, err := files.ReadFile(git)
	if err != nil {
		return "", fmt.Errorf("%s could not be read: %w", git, err)
	}
	named, ok := strings.CutPrefix(oneLine(text), "gitdir: ")
	if !ok || named == "" {
		return "", nil
	}
	own, ok, err := follow(files, top, named)
	if !ok || err != nil {
		return "", err
	}
	// A worktree's own folder is COMMON/worktrees/NAME, and says where its
	// .git file is.
	common := path.Dir(path.Dir(own))
	if path.Base(path.Dir(own)) != "worktrees" {
		return "", nil
	}
	for _, says := range []struct{ file, want string }{{"commondir", common}, {"gitdir", git}} {
		text, err := files.ReadFile(path.Join(own, says.file))
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("the worktree's folder %s could not be read: %w", own, err)
		}
		found, ok, err := follow(files, own, oneLine(text))
		if err != nil {
			return "", err
		}
		if !ok || found != says.want {
			return "", nil
		}
	}
	return common, nil
}

// follow resolves a path that a file names, seen from a folder. It is not ok
// when nothing is there.
func follow(files Files, from, named string) (at string, ok bool, err error) {
	if named == "" {
		return "", false, nil
	}
	if !path.IsAbs(named) {
		named = from + "/" + named // what it links to decides where .. leads
	}
	at, err = files.Resolve(named)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("%s could not be followed: %w", named, err)
	}
	return path.Clean(at), true, nil
}

// oneLine is a file's only line.
func oneLine(text []byte) string {
	return strings.TrimRight(string(text), "\r\n")
}
