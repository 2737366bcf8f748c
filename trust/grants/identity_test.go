package grants

import (
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/flake"
)

func ofRef(t *testing.T, s string) (Identity, error) {
	t.Helper()
	r, err := flake.ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return OfRef(r)
}

func TestAnUpdateKeepsTheIdentity(t *testing.T) {
	const rev = "0123456789abcdef0123456789abcdef01234567"
	for _, same := range [][]string{
		{"github:owner/repo", "github:Owner/Repo", "github:owner/repo/" + rev, "github:owner/repo?narHash=sha256-x&lastModified=5", "github:owner/repo?host=github.com"},
		{"github:owner/repo?dir=a", "github:owner/repo/" + rev + "?dir=a/"},
		{"git+https://example.org/r", "git+https://example.org/r?rev=" + rev, "git+https://Example.org/r/", "git+https://me:secret@example.org/r", "git+https://token@example.org/r?revCount=7&shallow=1"},
		{"git+ssh://git@example.org/r", "git+ssh://git:secret@example.org/r"},
		{"gitlab:group%2Fsub/repo", "gitlab:group%2Fsub/repo/" + rev},
	} {
		want, err := ofRef(t, same[0])
		if err != nil {
			t.Errorf("%s: %v", same[0], err)
			continue
		}
		for _, s := range same {
			if id, err := ofRef(t, s); id != want || err != nil {
				t.Errorf("%s is %q (%v), and %s is %q", s, id, err, same[0], want)
			}
		}
		if strings.Contains(string(want), "secret") || strings.Contains(string(want), "token") {
			t.Errorf("a password is in %q", want)
		}
		if again, err := ParseIdentity(string(want)); again != want || err != nil {
			t.Errorf("%q does not read back: %v", want, err)
		}
	}
}

func TestOtherFlakesHaveOtherIdentities(t *testing.T) {
	seen := map[Identity]string{}
	for _, s := range []string{
		"github:owner/repo", "github:fork/repo", "github:owner/repo2", "github:owner/repo?dir=a", "github:owner/repo?dir=b",
		"github:owner/repo/branch", "github:owner/repo/other", "github:owner/repo?host=ghe.example.org", "gitlab:owner/repo", "gitlab:Owner/repo", "sourcehut:~owner/repo",
		"git+https://github.com/owner/repo", "git+http://github.com/owner/repo", "git+ssh://git@github.com/owner/repo", "git+ssh://eve@github.com/owner/repo",
		"git+https://github.com/owner/repo?dir=a", "git+https://github.com/owner/repo?ref=main", "git+https://github.com/owner/repo?submodules=1",
		"https://example.org/a.tar.gz", "https://example.org/b.tar.gz", "hg+https://example.org/r", "git+https://example.org:8443/r", "git+https://example.org/r",
	} {
		id, err := ofRef(t, s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if other, clash := seen[id]; clash {
			t.Errorf("%s and %s are both %s", s, other, id)
		}
		seen[id] = s
	}
	places := map[Identity]Place{}
	for _, p := range []Place{
		{Folder: "/home/m/proj"}, {Folder: "/home/m/proj/a"}, {Folder: "/home/m/Proj"}, {Folder: "/"},
		{Folder: "/home/m/proj", Top: "/home/m/proj", Common: "/home/m/proj/.git"},
		{Folder: "/home/m/proj/a", Top: "/home/m/proj", Common: "/home/m/proj/.git"},
		{Folder: "/home/m/x?dir=a"}, {Folder: "/home/m/x%3Fdir=a"},
		{Folder: "/r", Top: "/r", Common: "/r?dir=a/.git"}, {Folder: "/r/a", Top: "/r", Common: "/r"},
		{Folder: "/home/m/ö"}, {Folder: "/home/m/\xff"}, {Folder: "/home/m/a\nb"}, {Folder: `/home/m/"\`},
	} {
		id, err := p.Identity()
		if err != nil {
			t.Errorf("%+v: %v", p, err)
			continue
		}
		if other, clash := places[id]; clash {
			t.Errorf("%+v and %+v are both %s", p, other, id)
		}
		places[id] = p
		if again, err := ParseIdentity(string(id)); again != id || err != nil {
			t.Errorf("%q does not read back: %v", id, err)
		}
		want := p.Folder
		if p.Common != "" {
			want = p.Common
		}
		if id.Path() != want {
			t.Errorf("%s leads to %q, not to %q", id, id.Path(), want)
		}
	}
}

func TestWorktreesOfOneRepositoryAreOneFlake(t *testing.T) {
	a, _ := Place{Folder: "/home/m/proj/sub", Top: "/home/m/proj", Common: "/home/m/proj/.git"}.Identity()
	b, _ := Place{Folder: "/tmp/wt/sub", Top: "/tmp/wt", Common: "/home/m/proj/.git"}.Identity()
	if a != b || a != "git:/home/m/proj/.git?dir=sub" {
		t.Errorf("%q and %q", a, b)
	}
}

func TestWhatHasNoStableNameHasNoIdentity(t *testing.T) {
	for _, s := range []string{"nixpkgs", "flake:nixpkgs", "path:/x", "path:./x", "git+file:///x", "https://example.org/a.tar.gz?token=s", "git+https://example.org/r?secret=s"} {
		if id, err := ofRef(t, s); err == nil || id != "" {
			t.Errorf("%s is %q", s, id)
		}
	}
	for _, p := range []Place{{}, {Folder: "x"}, {Folder: "/x/../y"}, {Folder: "/x/"}, {Folder: "/x", Top: "/y", Common: "/y/.git"}, {Folder: "/xy", Top: "/x", Common: "/x/.git"}} {
		if id, err := p.Identity(); err == nil || id != "" {
			t.Errorf("%+v is %q", p, id)
		}
	}
	if id, err := OfInput(nil); err == nil || id != "" {
		t.Error("no input has an identity")
	}
}

func TestOneSpellingOfAnIdentity(t *testing.T) {
	for _, s := range []string{
		"", "x", "nixpkgs", "github:Owner/repo", "github:owner/repo/0123456789abcdef0123456789abcdef01234567", "github:owner/repo/branch",
		"path:x", "path:/x/", "path:/x/../y", "path:/x//y", "path:/a b", "path:/%41", "path:/x?dir=a", "path:/x%00y", "path:/x#y", "path:/é",
		"git:/x?dir=", "git:/x?dir=/a", "git:/x?dir=..", "git:/x?dir=a%2f", "git:/x?a=b", "git:/x?dir=a&b=c", "git:x",
		"git+https://u@example.org/r", "git+https://example.org/r?x=y", "git+file:///x", "github:owner/repo#x", "github:owner/repo\n",
		`path:/x"`, "path:/" + strings.Repeat("x", 5000),
	} {
		if id, err := ParseIdentity(s); err == nil || id != "" {
			t.Errorf("%q was read as %q", clip(s), id)
		}
	}
	for _, s := range []string{"path:/", "path:/x", "git:/x/.git", "git:/x/.git?dir=a%2Fb", "github:owner/repo", "github:owner/repo?ref=branch"} {
		if id, err := ParseIdentity(s); err != nil || string(id) != s {
			t.Errorf("%q: %q, %v", s, id, err)
		}
	}
}

func TestAnInputIsKnownByWhatItsAuthorWrote(t *testing.T) {
	lockFile := func(rev string) string {
		return `{"version":7,"root":"root","nodes":{"root":{"inputs":{"a":"a","b":"b"}},
		"a":{"original":{"type":"github","owner":"o","repo":"r","ref":"main"},"locked":{"type":"github","owner":"o","repo":"r","rev":"` + rev + `","narHash":"sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=","lastModified":1}},
		"b":{"original":{"type":"indirect","id":"nixpkgs"},"locked":{"type":"github","owner":"NixOS","repo":"nixpkgs","rev":"` + rev + `","lastModified":2}}}}`
	}
	for _, rev := range []string{"0123456789abcdef0123456789abcdef01234567", "fedcba9876543210fedcba9876543210fedcba98"} {
		l, err := flake.ParseLock("flake.lock", []byte(lockFile(rev)))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []Identity{"github:o/r?ref=main", "github:nixos/nixpkgs"} {
			if id, err := OfInput(l.Root.Inputs[i].Node); id != want || err != nil {
				t.Errorf("%s: %q, %v", want, id, err)
			}
		}
	}
}
