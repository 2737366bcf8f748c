package host

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust"
)

// inRoot is a real root with a user's environment, as the user's own nix has it
// there.
func inRoot(nix realnix.Nix, user account, env map[string]string) *Machine {
	m := Real(nix.Root)
	m.who = &identity{uid: user.uid, gid: user.gid}
	m.env = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	m.dial = nil
	return m
}

func environ(env map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		out = append(out, k+"="+env[k])
	}
	return out
}

func with(env map[string]string, more ...string) map[string]string {
	out := maps.Clone(env)
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

// userOf looks a user of a root up.
func userOf(t *testing.T, nix realnix.Nix, name string) account {
	t.Helper()
	data, err := os.ReadFile(nix.Root + "/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	a, ok := (&accounts{users: parsePasswd(data)}).byName(name)
	if !ok {
		t.Fatalf("the root has no user %q", name)
	}
	return a
}

// The answers are put where they are believed to be, and Nix must use them.
func TestAnswersAreWhereNixReadsThem(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		out, in := nix.Dir(t)
		alice := userOf(t, nix, "alice")
		for _, d := range []string{"cwd", "flake", "home", "home2", "state", "store", "log"} {
			if err := os.Mkdir(filepath.Join(out, d), 0o755); err != nil {
				t.Fatal(err)
			}
			if d == "home2" {
				continue // root's
			}
			if err := os.Chown(filepath.Join(out, d), int(alice.uid), int(alice.gid)); err != nil {
				t.Fatal(err)
			}
		}
		write(t, out+"/flake/flake.nix", `{ nixConfig.extra-substituters = "https://saved.example"; outputs = _: { x = 1; }; }`)
		write(t, out+"/file", "")
		base := map[string]string{
			"NIX_STATE_DIR": in + "/state", "NIX_STORE_DIR": in + "/store", "NIX_LOG_DIR": in + "/log", "NIX_REMOTE": "local",
			"NIX_CONFIG": "experimental-features = nix-command flakes\nsubstituters =", "HOME": in + "/home",
			"XDG_CACHE_HOME": in + "/home/.cache",
		}
		without := maps.Clone(base)
		delete(without, "HOME")
		for name, env := range map[string]map[string]string{
			"home":                      base,
			"no HOME":                   without,
			"HOME of another user":      with(base, "HOME", in+"/home2"),
			"HOME that is missing":      with(base, "HOME", in+"/nowhere"),
			"HOME below a file":         with(base, "HOME", in+"/file/home"),
			"XDG_DATA_HOME":             with(base, "XDG_DATA_HOME", in+"/home/xdg"),
			"NIX_DATA_HOME":             with(base, "NIX_DATA_HOME", in+"/home/nixdata"),
			"both":                      with(base, "XDG_DATA_HOME", in+"/home/xdg", "NIX_DATA_HOME", in+"/home/nixdata"),
			"XDG_DATA_HOME empty":       with(base, "XDG_DATA_HOME", ""),
			"NIX_DATA_HOME empty":       with(base, "NIX_DATA_HOME", ""),
			"XDG_DATA_HOME is relative": with(base, "XDG_DATA_HOME", "rel"),
			"XDG_DATA_HOME is not tidy": with(base, "XDG_DATA_HOME", in+"//home/./xdg/"),
		} {
			t.Run(name, func(t *testing.T) {
				m := inRoot(nix, alice, env)
				f := Look(context.Background(), m, Options{User: "alice", Cwd: in + "/cwd"})
				if f.Nix.Version != nix.Version {
					t.Fatalf("version %v, want %v", f.Nix.Version, nix.Version)
				}
				at := f.Answers.Path
				if !filepath.IsAbs(at) {
					t.Fatalf("answers at %q", at)
				}
				if strings.HasPrefix(at, in+"/file/") {
					// Nothing can be there, and Nix must not find answers elsewhere.
					writeNew(t, nix.Root+"/home/alice/.local/share/nix/trusted-settings.json", `{"extra-substituters":{"https://saved.example":true}}`, alice)
				} else {
					writeNew(t, nix.Root+at, `{"extra-substituters":{"https://saved.example":true}}`, alice)
				}
				got := nix.Run(t, realnix.Cmd{
					Args: []string{"nix", "eval", "path:" + in + "/flake#x"},
					Env:  environ(env), Dir: in + "/cwd", UID: alice.uid, GID: alice.gid,
				})
				if used := strings.Contains(got.Stderr, "Using saved setting"); used == strings.HasPrefix(at, in+"/file/") {
					t.Errorf("answers are believed to be at %s, and Nix says %s", at, got.Stderr)
				}
			})
		}
	})
}

// writeNew writes a user's file where there is none, with the folders it needs,
// and takes all of it away after the test.
func writeNew(t *testing.T, path, text string, owner account) {
	t.Helper()
	if _, err := os.Lstat(path); err == nil {
		t.Fatalf("%s is there already", path)
	}
	top := path
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); err == nil {
			break
		}
		top = dir
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, path, text)
	err := filepath.WalkDir(top, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(p, int(owner.uid), int(owner.gid))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What Nix says of answers that are no file must be said in its words.
func TestAnswersThatAreNoFileFailInNixsWords(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		out, in := nix.Dir(t)
		write(t, out+"/flake.nix", `{ nixConfig.extra-substituters = "https://saved.example"; outputs = _: { x = 1; }; }`)
		for name, make := range map[string]func(path string) error{
			"folder":        func(p string) error { return os.Mkdir(p, 0o755) },
			"dangling link": func(p string) error { return os.Symlink("nowhere", p) },
			"empty":         func(p string) error { return os.WriteFile(p, nil, 0o644) },
			"half":          func(p string) error { return os.WriteFile(p, []byte(`{"extra-`), 0o644) },
		} {
			home := out + "/home-" + name[:1]
			if err := os.MkdirAll(home+"/.local/share/nix", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := make(home + "/.local/share/nix/trusted-settings.json"); err != nil {
				t.Fatal(err)
			}
			env := map[string]string{
				"HOME": in + "/home-" + name[:1], "NIX_STATE_DIR": in + "/state", "NIX_STORE_DIR": in + "/store", "NIX_LOG_DIR": in + "/log",
				"NIX_CONFIG": "experimental-features = nix-command flakes\nsubstituters =", "NIX_REMOTE": "local",
			}
			f := Look(context.Background(), inRoot(nix, userOf(t, nix, "root"), env), Options{User: "root", Cwd: "/"})
			r := nix.Run(t, realnix.Cmd{Args: []string{"nix", "eval", "path:" + in + "#x"}, Env: environ(env)})
			if f.Answers.Err == nil || f.Answers.State != nixconf.SourceRead {
				t.Errorf("%s: state %v, error %v", name, f.Answers.State, f.Answers.Err)
				continue
			}
			if said := stripANSI(r.Stderr); r.Code == 0 || !strings.Contains(said, "error: "+f.Answers.Err.Message) {
				t.Errorf("%s: %q, and Nix says %s", name, f.Answers.Err.Message, said)
			}
		}
	})
}

// What is called the store in use must be the one that Nix opens.
func TestStoreIsTheOneNixOpens(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		d := startDaemon(t, nix, "")
		base := map[string]string{
			"NIX_CONF_DIR": d.inside + "/etc", "NIX_STATE_DIR": d.inside + "/state", "NIX_STORE_DIR": d.inside + "/store", "NIX_LOG_DIR": d.inside + "/log",
			"NIX_DAEMON_SOCKET_PATH": d.inside + "/socket", "HOME": d.inside + "/nohome",
		}
		for _, user := range []string{"alice", "root"} {
			for name, env := range map[string]map[string]string{
				"auto":                      base,
				"NIX_REMOTE=daemon":         with(base, "NIX_REMOTE", "daemon"),
				"NIX_REMOTE empty":          with(base, "NIX_REMOTE", ""),
				"NIX_REMOTE=auto":           with(base, "NIX_REMOTE", "auto"),
				"NIX_REMOTE=unix":           with(base, "NIX_REMOTE", "unix://"+d.inside+"/socket"),
				"NIX_REMOTE=unix short":     with(base, "NIX_REMOTE", "unix://"),
				"NIX_REMOTE=unix params":    with(base, "NIX_REMOTE", "unix://"+d.inside+"/socket?max-connections=2"),
				"NIX_REMOTE=daemon?params":  with(base, "NIX_REMOTE", "daemon?max-connections=2"),
				"NIX_REMOTE=local":          with(base, "NIX_REMOTE", "local"),
				"NIX_REMOTE is a folder":    with(base, "NIX_REMOTE", d.inside+"/chroot-"+user),
				"NIX_REMOTE=local?root":     with(base, "NIX_REMOTE", "local?root="+d.inside+"/chroot-"+user),
				"NIX_REMOTE=dummy":          with(base, "NIX_REMOTE", "dummy://"),
				"NIX_REMOTE is junk":        with(base, "NIX_REMOTE", "junk"),
				"NIX_REMOTE of no scheme":   with(base, "NIX_REMOTE", "nosuch://x"),
				"store overrides it":        with(base, "NIX_REMOTE", "local", "NIX_CONFIG", "store = daemon"),
				"store=dummy overrides it":  with(base, "NIX_REMOTE", "daemon", "NIX_CONFIG", "store = dummy://"),
				"store=auto overrides it":   with(base, "NIX_REMOTE", "dummy://", "NIX_CONFIG", "store = auto"),
				"socket missing":            with(base, "NIX_DAEMON_SOCKET_PATH", d.inside+"/none"),
				"socket is any file":        with(base, "NIX_DAEMON_SOCKET_PATH", d.inside+"/etc/nix.conf"),
				"state of its own":          with(base, "NIX_REMOTE", "auto?state="+d.inside+"/log"),
				"socket folder from state":  with(base, "NIX_DAEMON_SOCKET_PATH", ""),
				"daemon of an empty socket": with(base, "NIX_REMOTE", "daemon", "NIX_DAEMON_SOCKET_PATH", d.inside+"/none"),
			} {
				if nix.Short == "2.8" && name == "socket folder from state" {
					continue // 2.8 takes an empty variable for set, and stops
				}
				t.Run(user+"/"+name, func(t *testing.T) {
					a := userOf(t, nix, user)
					f := Look(context.Background(), inRoot(nix, a, env), Options{User: user, Cwd: d.inside})
					if f.Nix.StoreWhy == "" {
						t.Error("it does not say why")
					}
					r := nix.Run(t, realnix.Cmd{
						Args: []string{"nix", "--extra-experimental-features", "nix-command", "store", "ping"},
						Env:  environ(env), Dir: d.inside, UID: a.uid, GID: a.gid,
					})
					said := r.Stdout + r.Stderr
					want, ok := storeSaid(said)
					if !ok {
						// Nix failed. What it tried is in its message, when it got that far.
						if f.Nix.Store == trust.StoreLocal {
							t.Errorf("the store is believed to be opened (%s), and Nix says %s", f.Nix.StoreWhy, said)
						}
						if f.Nix.Store == trust.StoreDaemon && !strings.Contains(said, "socket") && !strings.Contains(said, "daemon") && !strings.Contains(said, "remote store") {
							t.Errorf("a daemon is believed in use (%s), and Nix says %s", f.Nix.StoreWhy, said)
						}
						return
					}
					// Nix calls a store in another folder local, too.
					if _, err := os.Stat(d.outside + "/chroot-" + user + "/nix"); strings.Contains(env["NIX_REMOTE"], "chroot-") && want == trust.StoreLocal && err == nil {
						want = trust.StoreOther
					}
					if f.Nix.Store != want {
						t.Errorf("store %v (%s), and Nix says %s", f.Nix.Store, f.Nix.StoreWhy, said)
					}
				})
			}
		}
	})
}

// storeSaid reads what `nix store ping` printed.
func storeSaid(said string) (trust.StoreKind, bool) {
	_, after, ok := strings.Cut(said, "Store URL: ")
	if !ok || strings.Contains(said, "error:") {
		return trust.StoreUnknown, false
	}
	url, _, _ := strings.Cut(after, "\n")
	url, _, _ = strings.Cut(url, "?")
	switch {
	case url == "daemon" || strings.HasPrefix(url, "unix://"):
		return trust.StoreDaemon, true
	case url == "local" || url == "local://":
		return trust.StoreLocal, true
	}
	return trust.StoreOther, true
}
