package guard

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAFileOfAnotherUserIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	own := fmt.Sprintf("belongs to the user with the id %d", os.Geteuid())
	for _, g := range []Guard{{}, {Owners: []uint32{4321}}} {
		text, _, err := g.Read(path, 1<<20, time.Now())
		if err == nil || text != nil {
			t.Errorf("%+v: %q, %v", g, text, err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err = g.MayCount(path, info, 1<<20); err == nil || !strings.Contains(err.Error(), own) {
			t.Errorf("%+v: %v", g, err)
		}
	}
	g := Guard{Owners: []uint32{0, uint32(os.Geteuid())}}
	if text, _, err := g.Read(path, 4, time.Now()); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if _, _, err := g.Read(path, 3, time.Now()); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("more than was allowed is read: %v", err)
	}
}

func TestAStampHoldsOnlyOnceTheClockHasGoneOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := Guard{Owners: []uint32{0, uint32(os.Geteuid())}}
	now, err := StampOf(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		read  time.Time
		holds bool
	}{{time.Now(), false}, {time.Now().Add(time.Minute), true}} {
		_, at, err := g.Read(path, 4, c.read)
		if err != nil || at.Holds(now) != c.holds {
			t.Errorf("read at %v: holds %t, %v", c.read, at.Holds(now), err)
		}
	}
	if (Stamp{}).Holds(Stamp{}) {
		t.Error("what was never looked at is taken for unchanged")
	}
}
