package gate

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestAKeyIsMadeForOneUserAndReadBack(t *testing.T) {
	file := t.TempDir() + "/gate.key"
	made, err := MakeKey(file, KeyName("my host.example:1"))
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(file)
	if err != nil || st.Mode() != 0o600 {
		t.Errorf("%v %v", st.Mode(), err)
	}
	read, err := ReadKey(file)
	if err != nil || read.Public().String() != made.Public().String() || read.name != "nix-trust-gate-my-host.example-1-1" {
		t.Errorf("%v %v", read, err)
	}
	before, _ := os.ReadFile(file)
	if _, err := MakeKey(file, "other-1"); err == nil {
		t.Error("a key was written over")
	}
	if after, _ := os.ReadFile(file); string(after) != string(before) {
		t.Error("the key has changed")
	}
	link := file + ".link"
	if err := os.Symlink(t.TempDir()+"/elsewhere", link); err != nil {
		t.Fatal(err)
	}
	if _, err := MakeKey(link, "a-1"); err == nil {
		t.Error("a key was written through a link")
	}
}

// A key that is made for another user is never anybody else's, not for a moment
// and not when its owner cannot be set.
func TestAKeyIsSavedForTheUserThatRunsTheGate(t *testing.T) {
	k, err := NewKey("a-1")
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", k, k, k, k); text != strings.Repeat(k.Public().String()+" ", 3)+k.Public().String() {
		t.Errorf("printing a key says %s", text)
	}
	file := t.TempDir() + "/gate.key"
	err = k.Save(file, 12345, 12346)
	if os.Getuid() != 0 {
		if _, there := os.Stat(file); err == nil || there == nil {
			t.Errorf("%v; a key that could not be given away is left behind", err)
		}
		return
	}
	var st syscall.Stat_t
	if err != nil || syscall.Stat(file, &st) != nil || st.Uid != 12345 || st.Gid != 12346 || st.Mode&0o777 != 0o600 {
		t.Errorf("%v: %d %d %o", err, st.Uid, st.Gid, st.Mode)
	}
	if _, err := ReadKey(file); err == nil {
		t.Error("another user's key was read as one's own")
	}
	if got, err := ReadKeyOf(file, 12345); err != nil || got.String() != k.String() {
		t.Errorf("%v %v", got, err)
	}
}

func TestAKeyNameIsOneThatNixReads(t *testing.T) {
	for _, host := range []string{"", "häuschen\n", strings.Repeat("x", 300), "a:b c"} {
		if _, err := MakeKey(t.TempDir()+"/k", KeyName(host)); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
	for _, name := range []string{"", "a:b", "a b", "a\n", "ä"} {
		file := t.TempDir() + "/k"
		if _, err := MakeKey(file, name); err == nil {
			t.Errorf("%q is a name", name)
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%q: a file is left", name)
		}
	}
}

func TestAKeyThatOthersCouldHaveIsRefused(t *testing.T) {
	dir := t.TempDir()
	good := dir + "/good"
	if _, err := MakeKey(good, "a-1"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(strings.TrimSpace(string(text)), ":")
	raw, _ := base64.StdEncoding.DecodeString(secret)
	mixed := append(append([]byte{}, raw[:32]...), make([]byte, 32)...)
	zero := append(make([]byte, 32), 0x3b, 0x6a, 0x27, 0xbc, 0xce, 0xb6, 0xa4, 0x2d, 0x62, 0xa3, 0xa8, 0xd0, 0x2a, 0x6f, 0x0d, 0x73,
		0x65, 0x32, 0x15, 0x77, 0x1d, 0xe2, 0x43, 0xa6, 0x3a, 0xc0, 0x48, 0xa1, 0x8b, 0x59, 0xda, 0x29)
	b64 := base64.StdEncoding.EncodeToString
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		says string
	}{
		"group may read":   {string(text), 0o640, "others can read"},
		"all may read":     {string(text), 0o604, "others can read"},
		"group may write":  {string(text), 0o620, "others can read"},
		"empty":            {"", 0o600, "no secret key"},
		"no name":          {":" + secret, 0o600, "no name"},
		"a public key":     {"a-1:" + b64(raw[32:]), 0o600, "64 bytes"},
		"two lines":        {"a-1:" + secret + "\nb\n", 0o600, "no secret key"},
		"other halves":     {"a-1:" + b64(mixed), 0o600, "two halves"},
		"the key of zeros": {"a-1:" + b64(zero), 0o600, "zeros"},
		"endless":          {strings.Repeat("x", 1<<20), 0o600, "too long"},
	} {
		file := dir + "/" + strings.ReplaceAll(name, " ", "-")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := ReadKey(file)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Symlink(good, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(dir+"/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{dir + "/link", dir + "/pipe", dir, dir + "/nosuch"} {
		if _, err := ReadKey(file); err == nil {
			t.Errorf("%s was read", file)
		}
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(good, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadKey(good); err == nil || !strings.Contains(err.Error(), "belong") {
			t.Errorf("another user's key: %v", err)
		}
	}
}
