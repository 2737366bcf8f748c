package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust"
)

const passwd = `# comment
root:x:0:0:root:/root:/bin/sh
alice:x:1000:100:Alice,,,:/home/alice:/bin/sh
bob:x:1001:50::/home/bob:/bin/sh
twin:x:1000:101::/home/twin:/bin/sh
short:x:7
+nis::::::
-gone:x:8:8::/:
bad:x:one:1::/:
huge:x:4294967296:1::/:
:x:9:9::/:
`

const groupFile = `root:x:0:
users:x:100:
staff:x:50:
wheel:x:998:bob,alice
audio:x:29:alice
wheel:x:997:carol
spaced:x:996: alice , bob
empty:x:995:,,
+:::
`

func TestUserIsMatchedAsTheDaemonMatchesIt(t *testing.T) {
	m := New(In(fstest.MapFS{"etc/passwd": {Data: []byte(passwd)}, "etc/group": {Data: []byte(groupFile)}}), nil, noUser, nil)
	m.user = nil
	for _, tc := range []struct {
		user          string
		who           identity
		name, group   string
		member, extra string
		self          bool
	}{
		{"", identity{uid: 1000, gid: 100, groups: []uint32{100, 29, 998, 5000}}, "alice", "users", "wheel audio spaced", "5000", true},
		{"", identity{uid: 1000, gid: 50}, "alice", "staff", "wheel audio spaced", "", true},
		{"", identity{uid: 4242, gid: 4243}, "4242", "4243", "", "", true},
		{"", identity{uid: 1001, gid: 50, groups: []uint32{997, 0}}, "bob", "staff", "wheel spaced", "root", true},
		{"alice", identity{uid: 0, gid: 0, groups: []uint32{0}}, "alice", "users", "wheel audio spaced", "", false},
		{"alice", identity{uid: 1000, gid: 100, groups: []uint32{5}}, "alice", "users", "wheel audio spaced", "5", true},
		// An entry that another one hides is found by name, and seen by its id.
		{"twin", identity{}, "alice", "101", "wheel audio spaced", "", false},
	} {
		m.who = &tc.who
		f := Look(context.Background(), m, Options{User: tc.user})
		u := f.User
		if u.Name != tc.name || u.Group != tc.group || strings.Join(u.MemberOf, " ") != tc.member || strings.Join(u.Supplementary, " ") != tc.extra {
			t.Errorf("%q as %v: %+v", tc.user, tc.who, u)
		}
		l := &look{ctx: context.Background(), m: m, o: Options{User: tc.user}, facts: f}
		l.lookUser()
		if l.user.self != tc.self {
			t.Errorf("%q as %v: the daemon would answer for it: %v", tc.user, tc.who, l.user.self)
		}
	}
}

// A user that does not exist has nobody's rights, least of all root's.
func TestAUserThatDoesNotExistIsNotRoot(t *testing.T) {
	nix := realnix.Get(t, "2.26")
	for _, user := range []string{"ghost", "0", "", "root"} {
		f := Look(context.Background(), Real(nix.Root), Options{User: user, Root: nix.Root})
		root := user == "" || user == "root" // this test runs as root
		if known := f.Nix.Store != trust.StoreUnknown; known != root || (f.User.UID == 0) != root {
			t.Errorf("%q: uid %d, store %v (%s)", user, f.User.UID, f.Nix.Store, f.Nix.StoreWhy)
		}
		if said := strings.Contains(fmt.Sprint(f.Notes), "has no user"); said == root {
			t.Errorf("%q: notes %q", user, f.Notes)
		}
	}
}

// Looking at another user must not take this user's files for that one's.
func TestAnotherUsersEnvironmentIsNotOurs(t *testing.T) {
	m := made(t, map[string]string{
		"/etc/passwd": passwd, "/etc/group": groupFile, "/priv/nix.conf": "", "/root/.config/nix/nix.conf": "", "/home/alice/.config/nix/nix.conf": "",
	}, map[string]string{"HOME": "/root", "XDG_CONFIG_HOME": "/root/.config", "NIX_CONFIG": "store = local", "NIX_DATA_HOME": "/root/data", "NIX_CONF_DIR": "/priv", "NIX_REMOTE": "daemon"})
	m.user, m.who = nil, &identity{}
	f := Look(context.Background(), m, Options{User: "alice"})
	var read []string
	for _, s := range f.Client.Read {
		if s.State == nixconf.SourceRead {
			read = append(read, s.Path)
		}
	}
	if want := []string{"/priv/nix.conf", "/home/alice/.config/nix/nix.conf"}; !slices.Equal(read, want) {
		t.Errorf("read %q, want %q", read, want)
	}
	if f.User.Home != "/home/alice" || !strings.HasPrefix(f.Answers.Path, "/home/alice/") || f.Nix.Store != trust.StoreDaemon {
		t.Errorf("home %q, answers %q, store %v", f.User.Home, f.Answers.Path, f.Nix.Store)
	}
	if f.Daemon.State != trust.DaemonNotAsked || f.Daemon.Err == "" || !strings.Contains(fmt.Sprint(f.Notes), "environment of alice") {
		t.Errorf("daemon %v (%s), notes %q", f.Daemon.State, f.Daemon.Err, f.Notes)
	}
}

// Only the system's own database has a user that the file does not have.
func TestUsersOfADirectoryAreAskedFor(t *testing.T) {
	m := New(In(fstest.MapFS{"etc/passwd": {Data: []byte(passwd)}, "etc/group": {Data: []byte(groupFile)}}), nil, noUser, nil)
	m.user, m.who = nil, &identity{uid: 70000, gid: 70000, groups: []uint32{70000, 70001, 29}}
	var asked []string
	m.run = func(_ context.Context, name string, args ...string) ([]byte, error) {
		asked = append(asked, name+" "+strings.Join(args, " "))
		switch strings.Join(args, " ") {
		case "passwd 70000":
			return []byte("zoe:*:70000:70000:Zoe:/home/zoe:/bin/zsh\n"), nil
		case "group 70001":
			return []byte("nix-admins:*:70001:zoe\n"), nil
		}
		return nil, errors.New("exit status 2")
	}
	f := Look(context.Background(), m, Options{})
	if f.User.Name != "zoe" || !slices.Equal(f.User.MemberOf, []string{"nix-admins"}) || f.User.Group != "70000" || f.User.Home != "/home/zoe" {
		t.Errorf("%+v after asking %q", f.User, asked)
	}
	m.who.uid = 1000
	asked = nil
	Look(context.Background(), m, Options{})
	if len(asked) != 0 {
		t.Errorf("a user of the file was asked for: %q", asked)
	}
}

func TestUsersOfARealRootAreKnown(t *testing.T) {
	nix := realnix.Get(t, "2.26")
	for user, want := range map[string]struct{ group, member string }{
		"alice": {"alice", ""}, "bob": {"bob", "wheel"}, "carol": {"staff", ""},
	} {
		f := Look(context.Background(), Real(nix.Root), Options{User: user})
		if f.User.Name != user || f.User.Group != want.group || strings.Join(f.User.MemberOf, " ") != want.member || f.User.Home != "/home/"+user {
			t.Errorf("%s: %+v", user, f.User)
		}
		if f.Daemon.Err == "" {
			t.Errorf("%s: it is not said why the daemon was not asked", user)
		}
	}
}

func FuzzAccountsHoldWhatTheirLinesSay(f *testing.F) {
	f.Add(passwd, "alice")
	f.Add(groupFile, "wheel")
	f.Add("a:b:1:2:c:d\r\na:::::::::", "a")
	f.Fuzz(func(t *testing.T, data, name string) {
		db := accounts{users: parsePasswd([]byte(data)), groups: parseGroup([]byte(data))}
		for _, u := range db.users {
			if u.name == "" || strings.ContainsAny(u.name, ":\n") || strings.Contains(u.home, ":") {
				t.Errorf("an account of %q", u.name)
			}
			if got, ok := db.byUID(u.uid); !ok || got.uid != u.uid {
				t.Errorf("%d is not found by its id", u.uid)
			}
		}
		for _, g := range db.memberOf(name) {
			if !slices.ContainsFunc(db.groups, func(x group) bool { return x.name == g && slices.Contains(x.members, name) }) {
				t.Errorf("%q is no member of %q", name, g)
			}
		}
	})
}
