package host

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// The flake of the current folder is the one that nix itself would take there,
// and it has the name that nix gives it.
func TestCurrentFlakeIsTheOneNixTakes(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		out, in := nix.Dir(t)
		for _, f := range []string{
			"plain/flake.nix", "plain/sub/deep/x", "repo/flake.nix", "repo/sub/x", "mono/a b/flake.nix", "mono/a b/c/x", "mono/other/x", "mono/d/é+&=?/flake.nix",
			"plain/inner/x", "none/x", "od,d:@(1)/flake.nix",
		} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(out, f)), 0o755); err != nil {
				t.Fatal(err)
			}
			text := ""
			if strings.HasSuffix(f, "flake.nix") {
				text = "{ outputs = _: { }; }"
			}
			write(t, filepath.Join(out, f), text)
		}
		if err := os.Symlink("repo", out+"/link"); err != nil {
			t.Fatal(err)
		}
		// Not as root: then 2.8 leaves the root it runs in before it runs git.
		alice := userOf(t, nix, "alice")
		err := filepath.WalkDir(out, func(p string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(p, int(alice.uid), int(alice.gid))
		})
		if err != nil {
			t.Fatal(err)
		}
		env := map[string]string{
			"HOME": in, "NIX_STATE_DIR": in + "/.n/state", "NIX_STORE_DIR": in + "/.n/store", "NIX_LOG_DIR": in + "/.n/log",
			"NIX_CONFIG": "experimental-features = nix-command flakes\nsubstituters =", "NIX_REMOTE": "local", "PATH": "/usr/bin:/bin",
		}
		for _, repo := range []string{"repo", "mono", "plain/inner"} {
			r := nix.Run(t, realnix.Cmd{Args: []string{"sh", "-c", "git init -q && git add -A && git -c user.name=n -c user.email=e commit -q -m m"}, Env: environ(env), Dir: in + "/" + repo, UID: alice.uid, GID: alice.gid})
			if r.Code != 0 {
				t.Fatalf("git: %s", r.Stderr)
			}
		}
		for _, cwd := range []string{"plain", "plain/sub/deep", "repo", "repo/sub", "mono/a b", "mono/a b/c", "mono/other", "mono/d/é+&=?", "od,d:@(1)", "plain/inner", "none"} {
			if nix.Short == "2.8" && strings.Contains(cwd, "é") {
				continue // it writes what is not ASCII as something else
			}
			f := Look(context.Background(), inRoot(nix, alice, env), Options{User: "alice", Cwd: in + "/" + cwd})
			got := ""
			if len(f.Flakes) > 0 {
				got = f.Flakes[0].ID.Ref
			}
			r := nix.Run(t, realnix.Cmd{Args: []string{"nix", "flake", "metadata", "--json", "--no-write-lock-file"}, Env: environ(env), Dir: in + "/" + cwd, UID: alice.uid, GID: alice.gid})
			var meta struct {
				OriginalURL string `json:"originalUrl"`
			}
			if r.Code == 0 {
				if err := json.Unmarshal([]byte(r.Stdout), &meta); err != nil {
					t.Fatalf("%v: %s", err, r.Stdout)
				}
			}
			want := meta.OriginalURL
			if nix.Short == "2.8" {
				// It leaves paths as they are, and encodes more of a query.
				got, _ = url.PathUnescape(got)
				want, _ = url.PathUnescape(want)
			}
			if got != want {
				t.Errorf("in %s: %q, and Nix takes %q %s", cwd, got, want, r.Stderr)
			}
		}
	})
}

// What Nix leaves behind when it builds and installs leads back to the flakes.
func TestFlakesThatNixBuiltAndInstalledAreFound(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		out, in := nix.Dir(t)
		alice := userOf(t, nix, "alice")
		for _, d := range []string{"", "home", "built", "built/sub", "installed"} {
			dir := filepath.Join(out, d)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(dir, int(alice.uid), int(alice.gid)); err != nil {
				t.Fatal(err)
			}
		}
		text := `{ outputs = _: { hello = derivation { name = "hello"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "/bin/mkdir $out" ]; }; }; }`
		write(t, out+"/built/flake.nix", text)
		write(t, out+"/installed/flake.nix", text)
		env := map[string]string{
			"HOME": in + "/home", "USER": "alice", "NIX_STATE_DIR": in + "/state", "NIX_STORE_DIR": in + "/store", "NIX_LOG_DIR": in + "/log",
			"NIX_CONFIG": "experimental-features = nix-command flakes\nsubstituters =\nsandbox = false", "NIX_REMOTE": "local", "PATH": "/usr/bin:/bin",
		}
		for _, args := range [][]string{
			{"nix", "build", "path:" + in + "/built#hello"},
			{"nix", "profile", "install", "path:" + in + "/installed#hello"},
		} {
			r := nix.Run(t, realnix.Cmd{Args: args, Env: environ(env), Dir: in + "/built/sub", UID: alice.uid, GID: alice.gid})
			if r.Code != 0 {
				t.Fatalf("%q: %s", args, r.Stderr)
			}
		}
		f := Look(context.Background(), inRoot(nix, alice, env), Options{User: "alice"})
		var got []string
		for _, fl := range f.Flakes {
			got = append(got, fl.ID.Ref+": "+strings.Join(fl.Found, ", "))
		}
		slices.Sort(got)
		expect(t, got, []string{
			"path:" + in + "/built: gc root " + in + "/built/sub/result",
			"path:" + in + "/installed: profile .nix-profile: hello",
		})
	})
}
