package grants

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// disk is this machine's files.
type disk struct{}

func (disk) ReadFile(p string) ([]byte, error)   { return os.ReadFile(p) }
func (disk) Lstat(p string) (fs.FileInfo, error) { return os.Lstat(p) }
func (disk) Resolve(p string) (string, error)    { return filepath.EvalSymlinks(p) }
func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
func identityOf(t *testing.T, dir string) Identity {
	t.Helper()
	p, err := Locate(disk{}, dir)
	must(t, err)
	id, err := p.Identity()
	must(t, err)
	return id
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// folders makes a repository with a flake, and returns a folder for the test.
func folders(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here")
	}
	top, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	write(t, top+"/good/sub/flake.nix", "{}")
	git(t, top, "init", "-q", "good")
	git(t, top+"/good", "add", ".")
	git(t, top+"/good", "commit", "-q", "-m", "x")
	return top
}

func TestRealGitWorktreesShareTheIdentity(t *testing.T) {
	top := folders(t)
	want := Identity("git:" + top + "/good/.git?dir=sub")
	git(t, top+"/good", "worktree", "add", "-q", "../wt")
	git(t, top+"/good", "worktree", "add", "-q", "-b", "inner", "inner/wt")
	must(t, os.Symlink(top+"/wt", top+"/link"))
	for _, dir := range []string{"/good/sub", "/wt/sub", "/good/inner/wt/sub", "/link/sub", "/good/./sub/../sub"} {
		if id := identityOf(t, top+dir); id != want {
			t.Errorf("%s: %s, want %s", dir, id, want)
		}
	}
	if id := identityOf(t, top+"/wt"); id != Identity("git:"+top+"/good/.git") {
		t.Errorf("the top: %s", id)
	}
	git(t, top, "clone", "-q", "good", "clone")
	if id := identityOf(t, top+"/clone/sub"); id != Identity("git:"+top+"/clone/.git?dir=sub") {
		t.Errorf("a clone: %s", id)
	}
	git(t, top, "clone", "-q", "--bare", "good", "bare.git")
	git(t, top+"/bare.git", "worktree", "add", "-q", "../ofbare", "main")
	if id := identityOf(t, top+"/ofbare/sub"); id != Identity("git:"+top+"/bare.git?dir=sub") {
		t.Errorf("a worktree of a bare repository: %s", id)
	}
	// A worktree that was moved by hand is not confirmed any more.
	must(t, os.Rename(top+"/wt", top+"/moved"))
	if id := identityOf(t, top+"/moved/sub"); id != Identity("path:"+top+"/moved/sub") {
		t.Errorf("a moved worktree: %s", id)
	}
}

func TestWhatGitKeepsElsewhereIsKnownByItsFolder(t *testing.T) {
	top := folders(t)
	git(t, top, "init", "-q", "super")
	git(t, top+"/super", "submodule", "--quiet", "add", top+"/good", "mod")
	git(t, top, "clone", "-q", "--separate-git-dir", top+"/apart.git", "good", "apart")
	for _, dir := range []string{"/super/mod/sub", "/apart/sub"} {
		if id := identityOf(t, top+dir); id != Identity("path:"+top+dir) {
			t.Errorf("%s: %s", dir, id)
		}
	}
	if id := identityOf(t, top); id != Identity("path:"+top) {
		t.Errorf("no repository: %s", id)
	}
}

// Each of these folders is an attacker's, and says that it is a part of the
// repository good. Git itself believes most of them.
func TestAFolderCannotTakeAnothersIdentity(t *testing.T) {
	top := folders(t)
	git(t, top+"/good", "worktree", "add", "-q", "../wt")
	evil := top + "/evil"
	for name, make := range map[string]func(){
		"a .git file that names the repository":   func() { write(t, evil+"/.git", "gitdir: "+top+"/good/.git\n") },
		"a .git file that names another worktree": func() { write(t, evil+"/.git", "gitdir: "+top+"/good/.git/worktrees/wt\n") },
		"the same, relative":                      func() { write(t, evil+"/.git", "gitdir: ../good/.git/worktrees/wt\n") },
		"a .git that is a link":                   func() { must(t, os.MkdirAll(evil, 0o755)); must(t, os.Symlink(top+"/good/.git", evil+"/.git")) },
		"a .git that links to a worktree's file":  func() { must(t, os.MkdirAll(evil, 0o755)); must(t, os.Symlink(top+"/wt/.git", evil+"/.git")) },
		"a .git with a commondir": func() {
			write(t, evil+"/.git/commondir", top+"/good/.git\n")
			write(t, evil+"/.git/HEAD", "ref: refs/heads/main\n")
		},
		"a worktree's folder of its own": func() {
			own := evil + "/.x/worktrees/w"
			write(t, evil+"/.git", "gitdir: "+own+"\n")
			write(t, own+"/commondir", top+"/good/.git\n")
			write(t, own+"/gitdir", evil+"/.git\n")
		},
		"a worktrees folder that is a link": func() {
			own := evil + "/.x/worktrees/w"
			write(t, own+"/gitdir", evil+"/.git\n")
			write(t, own+"/commondir", "../..\n")
			must(t, os.MkdirAll(evil+"/.y", 0o755))
			must(t, os.Symlink(evil+"/.x/worktrees", evil+"/.y/worktrees"))
			write(t, evil+"/.git", "gitdir: "+evil+"/.y/worktrees/w\n")
		},
		"a .git file with nothing in it": func() { write(t, evil+"/.git", "") },
		"a .git file with two lines":     func() { write(t, evil+"/.git", "gitdir: x\ngitdir: "+top+"/good/.git/worktrees/wt\n") },
	} {
		must(t, os.RemoveAll(evil))
		make()
		write(t, evil+"/sub/flake.nix", "{}")
		id := identityOf(t, evil+"/sub")
		if strings.Contains(string(id), "/good") || strings.Contains(string(id), "/wt") {
			t.Errorf("%s: it is %s", name, id)
		}
	}
}

// blind cannot look at some path.
type blind struct {
	disk
	path string
}

func (b blind) Lstat(p string) (fs.FileInfo, error) {
	if p == b.path {
		return nil, fs.ErrPermission
	}
	return b.disk.Lstat(p)
}

func (b blind) ReadFile(p string) ([]byte, error) {
	if p == b.path {
		return nil, fs.ErrPermission
	}
	return b.disk.ReadFile(p)
}

func TestWhatCannotBeSeenHasNoIdentity(t *testing.T) {
	top := folders(t)
	git(t, top+"/good", "worktree", "add", "-q", "../wt")
	for _, hidden := range []string{"/wt/.git", "/good/.git/worktrees/wt/gitdir", "/good/.git/worktrees/wt/commondir", "/wt/sub/.git"} {
		if p, err := Locate(blind{path: top + hidden}, top+"/wt/sub"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("without %s it is %+v, %v", hidden, p, err)
		}
	}
	if p, err := Locate(disk{}, top+"/nowhere"); err == nil {
		t.Errorf("%+v", p)
	}
}
