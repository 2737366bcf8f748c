package host

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/audit"
)

func rootPath(name string) string { return "/nix/store/00000000000000000000000000000000-" + name }

// rootsOf looks for roots among made-up files, as a user; a value is a link's
// target, or after "=" a file's text.
func rootsOf(t *testing.T, files map[string]string) (found []string, unseen string) {
	t.Helper()
	m := fstest.MapFS{}
	for at, text := range files {
		f := &fstest.MapFile{Data: []byte(text), Mode: fs.ModeSymlink | 0o777}
		if data, ok := strings.CutPrefix(text, "="); ok {
			f = &fstest.MapFile{Data: []byte(data), Mode: 0o644}
		}
		m[strings.TrimPrefix(at, "/")] = f
	}
	machine := New(In(m), nil, trust.User{Name: "mira", UID: 1000}, nil)
	r := StoreRoots(context.Background(), machine, &trust.Facts{Nix: trust.Nix{StoreDir: "/nix/store", StateDir: "/nix/var/nix"}})
	for _, root := range r.List {
		found = append(found, fmt.Sprint(root.Kind, " ", root.From, " ", root.Path.Name()))
	}
	slices.Sort(found)
	return found, strings.Join(r.Unseen, "\n")
}

func TestStoreRootsAreWhatNixTakesForRoots(t *testing.T) {
	got, unseen := rootsOf(t, map[string]string{
		"/nix/var/nix/gcroots/direct":                                   rootPath("direct"),
		"/nix/var/nix/gcroots/deep/er/inside":                           rootPath("inside") + "/bin/x",
		"/nix/var/nix/gcroots/auto/indirect":                            "/home/mira/p/result",
		"/home/mira/p/result":                                           rootPath("result"),
		"/nix/var/nix/gcroots/auto/stale":                               "/home/mira/gone/result",
		"/nix/var/nix/gcroots/auto/folder":                              "/home/mira/p",
		"/nix/var/nix/gcroots/auto/twice":                               "/home/mira/hop",
		"/home/mira/hop":                                                "/home/mira/p/result", // one step too many
		"/nix/var/nix/gcroots/relative":                                 "../profiles/mine-1-link",
		"/nix/var/nix/gcroots/0000000000000000000000000000000z-by-name": "=",
		"/nix/var/nix/gcroots/no-path":                                  "=",
		"/nix/var/nix/gcroots/elsewhere":                                "/nix/store2/00000000000000000000000000000000-x",
		"/nix/var/nix/profiles/mine":                                    "mine-1-link",
		"/nix/var/nix/profiles/mine-1-link":                             rootPath("mine"),
		"/nix/var/nix/temproots/77":                                     "=" + rootPath("temporary") + "\x00" + rootPath("cut"),
		"/nix/var/nix/temproots/78":                                     "=" + rootPath("left-behind") + "\x00",
		"/proc/self/exe":                                                "=",
		"/proc/1/stat":                                                  "=",
		"/proc/77/exe":                                                  rootPath("nix") + "/bin/nix",
		"/proc/77/cwd":                                                  "/",
		"/proc/77/fd/3":                                                 rootPath("open") + "/lib",
		"/proc/77/maps":                                                 "=7f00 r-xp 00000000 00:1f 12  " + rootPath("libc") + "/lib/libc.so.6\n7f01 r--p 0 0:0 0 " + rootPath("deleted") + " (deleted)\n7f02 rw-p 0 0:0 0\n",
		"/proc/77/environ":                                              "=A=b:" + rootPath("path") + "/bin:" + rootPath("other") + "\x00B=" + "/nix/store/short\x00",
	})
	want := []string{
		"link /home/mira/p/result result", "link /nix/var/nix/gcroots/0000000000000000000000000000000z-by-name by-name",
		"link /nix/var/nix/gcroots/deep/er/inside inside", "link /nix/var/nix/gcroots/direct direct",
		"link /nix/var/nix/profiles/mine-1-link mine",
		"process process 77 libc", "process process 77 nix", "process process 77 open", "process process 77 other", "process process 77 path",
		"temporary process 77 cut", "temporary process 77 temporary",
	}
	if !slices.Equal(got, want) || unseen != "" {
		t.Errorf("got\n%s\nwant\n%s\nunseen %q", strings.Join(got, "\n"), strings.Join(want, "\n"), unseen)
	}
}

func TestRootsThatCannotBeSeenAreSaid(t *testing.T) {
	if _, unseen := rootsOf(t, map[string]string{"/proc/self/exe": "="}); !strings.Contains(unseen, "There is no /nix/var/nix/gcroots.") {
		t.Errorf("%q", unseen)
	}
	if _, unseen := rootsOf(t, map[string]string{"/nix/var/nix/gcroots/x": "=", "/nix/var/nix/profiles/x": "="}); !strings.Contains(unseen, "there is no /proc") {
		t.Errorf("%q", unseen)
	}
	// /proc may be mounted so that it has a user's own processes alone (hidepid).
	own := map[string]string{"/nix/var/nix/gcroots/x": "=", "/nix/var/nix/profiles/x": "=", "/proc/self/exe": "=", "/proc/77/exe": "/bin/sh", "/proc/77/stat": "="}
	if _, unseen := rootsOf(t, own); !strings.Contains(unseen, "other users") {
		t.Errorf("%q", unseen)
	}
	// As a user, on this machine: the processes of others are not seen.
	if os.Geteuid() == 0 {
		m := Real("")
		m.who = &identity{uid: 1000}
		m.files = denied{m.files}
		r := StoreRoots(context.Background(), m, &trust.Facts{Nix: trust.Nix{StoreDir: "/nix/store", StateDir: t.TempDir()}})
		if r.Complete() || !slices.ContainsFunc(r.Unseen, func(s string) bool { return strings.Contains(s, "not this user's to look at") }) {
			t.Errorf("%q", r.Unseen)
		}
	}
	ended, stop := context.WithCancel(context.Background())
	stop()
	r := StoreRoots(ended, New(In(fstest.MapFS{}), nil, trust.User{}, nil), &trust.Facts{Nix: trust.Nix{StoreDir: "/nix/store", StateDir: "/nix/var/nix"}})
	if r.Complete() || (audit.Roots{}).Complete() {
		t.Error("a search that was called off is complete")
	}
}

// denied lets nobody see what a process has open.
type denied struct{ Files }

func (d denied) ReadDir(p string, n int) ([]fs.DirEntry, error) {
	if strings.HasSuffix(p, "/fd") {
		return nil, &fs.PathError{Op: "open", Path: p, Err: fs.ErrPermission}
	}
	return d.Files.ReadDir(p, n)
}
