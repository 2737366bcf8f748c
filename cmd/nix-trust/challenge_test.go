package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/challenge"
)

const challengedPath = "a0000000000000000000000000000000-hello"

// narTexts writes a NAR by its texts.
func narTexts(list ...string) []byte {
	var b bytes.Buffer
	for _, s := range list {
		binary.Write(&b, binary.LittleEndian, uint64(len(s)))
		b.WriteString(s)
		b.Write(make([]byte, (8-len(s)%8)%8))
	}
	return b.Bytes()
}

// folderNar has one file, one link and one executable.
func folderNar(file, link string, executable bool) []byte {
	texts := []string{"nix-archive-1", "(", "type", "directory",
		"entry", "(", "name", "file", "node", "(", "type", "regular", "contents", file, ")", ")",
		"entry", "(", "name", "link", "node", "(", "type", "symlink", "target", link, ")", ")",
		"entry", "(", "name", "run\x1b[31m", "node", "(", "type", "regular"}
	if executable {
		texts = append(texts, "executable", "")
	}
	return narTexts(append(texts, "contents", "#!", ")", ")", ")")...)
}

// cacheFolder writes a cache with one path.
func cacheFolder(t *testing.T, nar []byte) string {
	t.Helper()
	dir := t.TempDir()
	n := &bincache.NarInfo{StoreDir: bincache.DefaultStoreDir, Path: challengedPath, URL: "x.nar", Compression: "none", NarHash: sha256.Sum256(nar), NarSize: uint64(len(nar))}
	for name, data := range map[string][]byte{n.Path.Digest() + ".narinfo": []byte(n.String()), "x.nar": nar} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func runChallenge(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	code = run(context.Background(), append([]string{"challenge", "--root", t.TempDir(), "--no-store"}, args...), streams{in: strings.NewReader(""), out: &o, err: &e})
	return code, o.String(), e.String()
}

func TestChallengeShowsWhichFilesDiffer(t *testing.T) {
	a, b := cacheFolder(t, folderNar("hello", "there", true)), cacheFolder(t, folderNar("help", "elsewhere", false))
	code, out, errs := runChallenge(t, "--plain", "--diff", "--cache", a, "--cache", b, challengedPath)
	if code != 2 || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{
		"  files  from file://" + a + " to file://" + b + "\n",
		"    contents              file  (5 bytes, then 4; from byte 3 on)\n",
		"    target                link  (there, then elsewhere)\n",
		`    executable            run\x1b[31m  (no longer executable)` + "\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	code, out, errs = runChallenge(t, "--json", "--diff", "--cache", a, "--cache", b, challengedPath)
	var doc challengeJSON
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != 2 || errs != "" {
		t.Fatalf("exit %d, %v: %s", code, err, errs)
	}
	d := doc.Items[0].Diffs[0]
	if doc.Outcome != "mismatch" || len(d.Files) != 3 || d.Files[0].Path != "file" || *d.Files[0].Offset != 3 || d.Files[1].B.Target != "elsewhere" ||
		d.Files[2].Path != "run\x1b[31m" || d.Files[2].Offset != nil || d.More != 0 || doc.Kept != nil {
		t.Errorf("%+v", doc)
	}
}

func TestChallengeKeepsBothSidesForDiffoscope(t *testing.T) {
	a, b := cacheFolder(t, folderNar("hello", "/etc/passwd", true)), cacheFolder(t, folderNar("help", "/etc/passwd", true))
	dir := filepath.Join(t.TempDir(), "it's here")
	code, out, errs := runChallenge(t, "--plain", "--keep", dir, "--cache", a, "--cache", b, challengedPath)
	if code != 2 || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	quoted := strings.ReplaceAll(dir, "'", `'\''`)
	if want := "  diffoscope '" + quoted + "/a' '" + quoted + "/b'\n"; !strings.Contains(out, want) {
		t.Errorf("no %q in\n%s", want, out)
	}
	for name, want := range map[string]string{"a/file": "hello", "b/file": "help"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	if target, err := os.Readlink(filepath.Join(dir, "b/link")); target != "/etc/passwd" {
		t.Errorf("%q %v", target, err)
	}
	if code, out, errs := runChallenge(t, "--plain", "--keep", dir, "--cache", a, "--cache", b, challengedPath); code != exitUsage || out != "" || !strings.Contains(errs, "not empty") {
		t.Errorf("a second time: exit %d: %s%s", code, out, errs)
	}
	if code, _, errs := runChallenge(t, "--keep", "x\ny", "--cache", a, challengedPath); code != exitUsage || !strings.Contains(errs, "cannot show") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestWordsAreQuotedForAShell(t *testing.T) {
	for in, want := range map[string]string{
		"plain/word.1": "plain/word.1", "a b": "'a b'", "$(id)": "'$(id)'", "it's": `'it'\''s'`, "": "''", "-x": "./-x", "-x y": "'./-x y'",
		"~": "'~'", "a;b": "'a;b'", "https://a.example:8/x?y=1&z": "'https://a.example:8/x?y=1&z'", "*": "'*'",
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// Only a yes lets a host learn anything, or a build begin.
func TestChallengeAsksNoHostBeforeItMay(t *testing.T) {
	var requests atomic.Int32
	cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		http.NotFound(w, r)
	}))
	defer cache.Close()
	for _, c := range []struct {
		reply    string
		terminal bool
		args     []string
		code     int
		asked    bool
	}{
		{"y\n", true, nil, 1, true},
		{"", false, []string{"--yes"}, 1, true},
		{"\n", true, nil, 1, false},
		{"no\n", true, nil, 1, false},
		{"y\n", false, nil, exitUsage, false},
		{"y\n", false, []string{"--json"}, exitUsage, false},
	} {
		requests.Store(0)
		var out, errs strings.Builder
		args := append([]string{"challenge", "--root", t.TempDir(), "--no-store", "--cache", cache.URL, challengedPath}, c.args...)
		code := run(context.Background(), args, streams{in: strings.NewReader(c.reply), out: &out, err: &errs, terminal: c.terminal})
		if code != c.code || (requests.Load() > 0) != c.asked || (out.Len() > 0) != c.asked {
			t.Errorf("%q, terminal %v, %v: exit %d after %d requests: %s%s", c.reply, c.terminal, c.args, code, requests.Load(), out.String(), errs.String())
		}
	}
	var out, errs strings.Builder
	code := run(context.Background(), []string{"challenge", "--rebuild", "--cache", "file://" + t.TempDir(), challengedPath}, streams{in: strings.NewReader(""), out: &out, err: &errs})
	if code != exitUsage || !strings.Contains(errs.String(), "nix would build 1 path again, and may fetch or build what is needed") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

func TestChallengeShowsNoCredentials(t *testing.T) {
	cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer cache.Close()
	for _, form := range []string{"--plain", "--json"} {
		code, out, errs := runChallenge(t, form, "--yes", "--diff", "--cache", strings.Replace(cache.URL, "http://", "http://mira:hunter2@", 1)+"/?token=hunter3", challengedPath)
		if code != 1 || strings.Contains(out+errs, "hunter") || !strings.Contains(out, "credentials are missing or wrong") {
			t.Errorf("exit %d: %s%s", code, out, errs)
		}
	}
}

// What a person sees of a mismatch, word for word.
func TestAMismatchIsShownASideAtATime(t *testing.T) {
	said := func(b byte, size int64, text string, refs ...lock.StorePath) challenge.Vote {
		return challenge.Vote{Answer: challenge.Said, NAR: lock.Hash{b}, Size: size, Refs: refs, RefsKnown: true, Text: text}
	}
	forged := said(1, 120, "the signature by \"b-1\" does not fit")
	forged.Signed = bincache.BadSignature
	c := &challenged{
		Report: &challenge.Report{
			Require: 2,
			Voters: []challenge.Voter{{Kind: challenge.Cache, Name: "https://a.example"}, {Kind: challenge.Cache, Name: "https://evil.example/\x1b[31m"},
				{Kind: challenge.Store, Name: "the local store"}, {Kind: challenge.Lock, Name: "the lock"}, {Kind: challenge.Rebuild, Name: "a rebuild"}},
			Items: []challenge.Item{{
				Path: challengedPath, Verdict: challenge.Mismatch, Text: "the voters say 3 different things",
				Votes: []challenge.Vote{said(1, 120, "it is signed by \"a-1\""), said(2, 1, "it has no signature", "f0000000000000000000000000000000-evil"), forged,
					{Answer: challenge.Missing, Text: "it does not pin the path"}, {Answer: challenge.Said, Text: "built again, it came out otherwise"}},
				Sides: []challenge.Side{{Votes: []int{0, 2}, Distinct: 1}, {Votes: []int{1}, Distinct: 1}, {Votes: []int{4}, Distinct: 1}},
			}},
		},
		flags: challengeFlags{caches: []string{"https://a.example"}, rebuild: true},
		diffs: map[int][]compared{0: {
			{a: "https://a.example", b: "the local store", diff: &challenge.Diff{More: 7, Files: []challenge.FileDiff{
				{Path: "bin", What: challenge.OnlyB, B: bincache.Entry{Type: bincache.Directory}, Within: 3},
				{Path: "bin2", What: challenge.Kind, A: bincache.Entry{Type: bincache.Directory}, B: bincache.Entry{Type: bincache.Symlink}},
				{Path: "", What: challenge.Executable | challenge.Contents, B: bincache.Entry{Executable: true}},
			}}},
			{a: "https://a.example", b: "a rebuild", diff: &challenge.Diff{}},
		}},
	}
	var out strings.Builder
	a := &app{streams: streams{out: &out, err: io.Discard}, plain: true}
	a.printChallenge(c)
	hash := func(b byte) string { return lock.Hash{b}.String() }
	want := fmt.Sprintf(`MISMATCH  a0000000000000000000000000000000-hello
  the voters say 3 different things
  side 1, 1 distinct voter
    https://a.example              %[1]s  120 bytes
                                   it is signed by "a-1"
    the local store                %[1]s  120 bytes
                                   the signature by "b-1" does not fit
  side 2, 1 distinct voter
    https://evil.example/\x1b[31m  %[2]s  1 byte
                                   it has no signature
    refers to, and side 1 does not  f0000000000000000000000000000000-evil
  side 3, 1 distinct voter
    a rebuild                      unknown hash
                                   built again, it came out otherwise
  the others
    the lock                       absent  it does not pin the path
  files  from https://a.example to the local store
    added                 bin  (a folder with 3 entries)
    kind                  bin2  (a folder, then a link)
    executable, contents  (the path itself)  (now executable; 0 bytes; from byte 0 on)
    and 7 more
  files  from https://a.example to a rebuild
    the files are the same; only what is said of them differs
  to unpack both sides for diffoscope: nix-trust challenge a0000000000000000000000000000000-hello --cache https://a.example --rebuild --keep DIR

1 path: 0 match, 1 mismatch, 0 inconclusive, 0 absent; 2 of 5 voters have to agree
`, hash(1), hash(2))
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestChallengeTakesNamesAndNodesOnlyAsTheyAreWritten(t *testing.T) {
	for _, c := range []struct{ arg, value, says string }{
		{"--cache", "cachix:a.b", "lower-case letters"},
		{"--cache", "cachix:", "lower-case letters"},
		{"--trustix", "ftp://node", "unix:///PATH"},
		{"--trustix", "http://user:secret@node", "no password"},
		{"--cache", "cachix:some", "cachix.org would be asked for the keys of some"},
	} {
		var out, errs bytes.Buffer
		code := run(context.Background(), []string{"challenge", challengedPath, "--no-store", c.arg, c.value}, streams{in: strings.NewReader(""), out: &out, err: &errs})
		if code != 2 || out.Len() > 0 || !strings.Contains(errs.String(), c.says) || strings.Contains(errs.String(), "secret") {
			t.Errorf("%s %s: %d, %s%s", c.arg, c.value, code, out.String(), errs.String())
		}
	}
}
