package child

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// Once a folder stands in for the user's, each of the user's files is written
// where it belongs.
func TestADataFolderIsTheUsersButForTheAnswers(t *testing.T) {
	real, dir := filepath.Join(t.TempDir(), "nix"), t.TempDir()
	saved := trust.Answers{"extra-substituters": {"https://yes.example": true}}
	d, err := NewDataFolder(dir, real, saved, []trust.AnswerEdit{
		{Setting: "extra-substituters", Value: "https://ask.example"}, {Setting: "extra-substituters", Value: "https://yes.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, answersName))
	if err != nil || string(text) != `{"extra-substituters":{"https://ask.example":false,"https://yes.example":true}}` {
		t.Errorf("%s %v", text, err)
	}
	if _, saved := saved.Lookup("extra-substituters", "https://ask.example"); saved {
		t.Error("the user's own answers were changed")
	}
	if said, err := d.Said(nixconf.Newest); len(said) != 0 || err != nil {
		t.Errorf("nothing was answered: %v %v", said, err)
	}
	if err := os.WriteFile(filepath.Join(dir, answersName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Said(nixconf.Newest); err == nil {
		t.Error("what Nix cannot read is taken for no answers")
	}
	if err := os.WriteFile(filepath.Join(dir, "more"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if lost := d.Keep(); len(lost) != 0 {
		t.Errorf("lost: %q", lost)
	}
	if text, err := os.ReadFile(filepath.Join(real, "more")); err != nil || string(text) != "x" {
		t.Errorf("%q %v", text, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "more"), []byte("y"), 0o600); err != nil {
		t.Fatal(err)
	}
	if lost := d.Keep(); !slices.Equal(lost, []string{"more"}) {
		t.Errorf("what was there before is written over: %q", lost)
	}
}

func TestWhatACommandPutsIntoItsDataFolderIsKeptOnAnotherDisk(t *testing.T) {
	real := t.TempDir()
	dir, err := os.MkdirTemp("/dev/shm", "nix-trust-")
	if err != nil {
		t.Skip("there is no other file system")
	}
	defer os.RemoveAll(dir)
	d, err := NewDataFolder(dir, real, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(dir+"/one", []byte("1"), 0o600), os.Mkdir(dir+"/two", 0o755),
		os.WriteFile(dir+"/two/three", []byte("3"), 0o644), os.Symlink("one", dir+"/link")); err != nil {
		t.Fatal(err)
	}
	if lost := d.Keep(); len(lost) != 0 {
		t.Errorf("lost: %q", lost)
	}
	for name, want := range map[string]string{"one": "1", "two/three": "3", "link": "1"} {
		if text, err := os.ReadFile(filepath.Join(real, name)); err != nil || string(text) != want {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
}
