package nix

import (
	"os"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

func TestRelativeReferencesBecomeAbsolute(t *testing.T) {
	dir := t.TempDir() + "/a b"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for in, want := range map[string]string{
		".": dir, "./x": dir + "/x", "./x?dir=y": dir + "/x?dir=y", "/abs": "/abs", "..": dir[:len(dir)-4],
		"path:.": "path:" + strings.ReplaceAll(dir, " ", "%20"), "path:./x%20y": "path:" + strings.ReplaceAll(dir, " ", "%20") + "/x%20y",
		"git+file:.?ref=x": "git+file://" + strings.ReplaceAll(dir, " ", "%20") + "?ref=x",
		"nixpkgs":          "nixpkgs", "github:a/b": "github:a/b", "path:/abs": "path:/abs",
	} {
		if got, err := absolute(in); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", in, got, err, want)
		}
	}
}

func TestReferencesThatAreNoneDoNotReachNix(t *testing.T) {
	n := &Nix{Runner: script(func(args []string) (string, int) {
		t.Errorf("nix was called with %q", args)
		return "", 1
	})}
	for _, ref := range []string{"", "--help", "-f", ".#x", "a\nb", "a\x00"} {
		if src, err := n.Source(t.Context(), ref); err == nil {
			t.Errorf("%q: %v", ref, src)
		}
	}
}

func TestErrorsOfReferencesTellNoPassword(t *testing.T) {
	n := &Nix{Runner: script(func([]string) (string, int) { return "unable to download 'https://me:hunter2@host/x': no lock file", 1 })}
	_, err := n.Source(t.Context(), "https://me:hunter2@host/x")
	e, ok := err.(*Error)
	if !ok || strings.Contains(e.Error()+e.Hint, "hunter2") {
		t.Errorf("%+v", e)
	}
}

func TestSourceKnowsWhereTheFlakeLies(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorld(t, real)
		w.Runner = inRoot{t: t, nix: real, env: []string{"HOME=" + w.dir + "/home", "NIX_CONFIG=experimental-features = nix-command flakes\nflake-registry = " + w.dir + "/registry.json"}}
		w.write("registry.json", `{ "version": 2, "flakes": [] }`)
		w.write("repo/flake.nix", "{ outputs = _: { }; }")
		w.write("repo/sub dir/flake.nix", "{ outputs = _: { }; }")
		w.write("untracked", "")
		w.write("new/flake.nix", "{ outputs = _: { }; }")
		rev := w.sh("cd repo && git init -q && git add . && git commit -qm x && git rev-parse HEAD")
		w.sh("cd new && git init -q && git commit -q --allow-empty -m x; mkdir ../empty")
		w.user("registry add --registry " + w.dir + "/home/.config/nix/registry.json mine git+file://" + w.dir + "/repo")
		for _, c := range []struct{ ref, folder, dir, rev string }{
			{w.dir + "/repo", w.dir + "/repo", "", rev},
			{w.dir + "/repo/sub dir", w.dir + "/repo/sub dir", "sub dir", rev},
			{"git+file://" + w.dir + "/repo?dir=sub%20dir", w.dir + "/repo/sub dir", "sub dir", rev},
			{"git+file://" + w.dir + "/repo?rev=" + rev, "", "", rev},
			{"path:" + w.dir + "/repo", w.dir + "/repo", "", ""},
			{"mine", w.dir + "/repo", "", rev},
		} {
			if real.Short != "2.34" && strings.Contains(c.ref, "sub") && strings.Contains(c.ref, " ") && !strings.Contains(c.ref, ":") {
				continue // not every version takes a blank in a path
			}
			src, err := w.Source(t.Context(), c.ref)
			if err != nil {
				t.Errorf("%s: %v", c.ref, err)
				continue
			}
			if src.Folder != c.folder || src.Dir != c.dir || src.Rev != c.rev || src.Ref != c.ref {
				t.Errorf("%s: %+v", c.ref, src)
			}
			if _, err := os.Stat(real.Root + src.Path.In("/nix/store") + "/flake.nix"); err != nil {
				t.Error(err)
			}
			o, err := w.Outputs(t.Context(), src, "x86_64-linux", OutputOptions{})
			if err != nil || len(o.Outputs)+len(o.Failures) != 0 {
				t.Errorf("%s: %v %v", c.ref, o, err)
			}
		}
		for _, ref := range []string{w.dir + "/new", w.dir + "/empty", w.dir + "/nosuch"} {
			_, err := w.Source(t.Context(), ref)
			e, ok := err.(*Error)
			if !ok || e.Said == "" {
				t.Errorf("%s: %v", ref, err)
			}
			if strings.HasSuffix(ref, "/new") && !strings.Contains(e.Hint, "git add") {
				t.Errorf("%s: %v, hint %q", ref, e, e.Hint)
			}
		}
	})
}
