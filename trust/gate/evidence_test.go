package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
)

func pieceOf(n int) Evidence {
	return Evidence{When: noon.Add(time.Duration(n) * time.Second), Path: storePath(n), Cache: "https://one.example", Pinned: lock.Hash{1}, Got: fmt.Sprintf("piece %d", n)}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestEvidenceOutlivesTheGate(t *testing.T) {
	file := t.TempDir() + "/evidence"
	if list, err := ReadEvidence(file); len(list) != 0 || err != nil {
		t.Errorf("no file: %v %v", list, err)
	}
	e := openEvidence(file, quiet())
	for n := range 3 {
		e.add(pieceOf(n))
	}
	st, err := os.Stat(file)
	if err != nil || st.Mode() != 0o600 {
		t.Errorf("%v %v", st, err)
	}
	again := openEvidence(file, quiet())
	again.add(pieceOf(3))
	list, err := ReadEvidence(file)
	if err != nil || len(list) != 4 || len(again.all()) != 4 || again.trouble() != nil {
		t.Fatal(list, err)
	}
	for n, one := range list {
		if one != pieceOf(n) || again.all()[n] != pieceOf(n) {
			t.Errorf("%+v", one)
		}
	}
}

func TestTheFileOfEvidenceDoesNotGrowForEver(t *testing.T) {
	file := t.TempDir() + "/evidence"
	e := openEvidence(file, quiet())
	long := pieceOf(0)
	long.Got = strings.Repeat("\x00", 5000) // six characters each in JSON
	line, err := json.Marshal(Evidence{When: long.When, Path: long.Path, Cache: long.Cache, Pinned: long.Pinned, Got: long.Got[:mostGot]})
	if err != nil || len(line) >= maxEvidenceLine {
		t.Fatalf("a line of %d bytes, %v", len(line), err)
	}
	// Two files that are nearly full, instead of writing them line by line.
	full := bytes.Repeat(append(line, '\n'), evidenceSize/(len(line)+1))
	for _, name := range []string{file, file + ".1"} {
		if err := os.WriteFile(name, full, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 20 {
		long.When = noon.Add(time.Duration(n+1) * time.Hour)
		e.add(long)
	}
	if e.trouble() != nil {
		t.Error(e.trouble())
	}
	for _, name := range []string{file, file + ".1"} {
		if st, err := os.Stat(name); err != nil || st.Size() > evidenceSize+maxEvidenceLine || st.Mode() != 0o600 {
			t.Errorf("%v %v", st, err)
		}
	}
	list, err := ReadEvidence(file)
	if err != nil || len(list) < evidenceSize/(len(line)+1) || !list[len(list)-1].When.Equal(noon.Add(20*time.Hour)) || len(list[0].Got) != mostGot {
		t.Errorf("%d pieces, %v", len(list), err)
	}
	if got := e.all(); len(got) != 20 {
		t.Errorf("%d in memory", len(got))
	}
	for range 2 * mostEvidence {
		e.list = append(e.list, long) // as if they had come
	}
	if e.add(long); len(e.all()) != mostEvidence {
		t.Errorf("%d in memory", len(e.all()))
	}
}

func TestWhatIsNoEvidenceIsPassedOver(t *testing.T) {
	file := t.TempDir() + "/evidence"
	good, err := json.Marshal(pieceOf(1))
	if err != nil {
		t.Fatal(err)
	}
	text := "\n{}\nnull\n" + string(good[:40]) + "\n[]\n" + strings.Repeat("x", 3*maxEvidenceLine) + "\n" + string(good) + "\n" +
		strings.Replace(string(good), "thing", "thi/ng", 1) + "\n" + strings.Replace(string(good), "sha256-", "md5-", 1) + "\n" + string(good[:len(good)-1])
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := ReadEvidence(file); len(list) != 1 || err != nil || list[0] != pieceOf(1) {
		t.Errorf("%v %v", list, err)
	}
}

func TestEvidenceStaysInMemoryWhenTheFileCannotBeUsed(t *testing.T) {
	for name, make := range map[string]func(file string) error{
		"a link":       func(f string) error { return os.Symlink("/dev/full", f) },
		"a device":     func(f string) error { return syscall.Mkfifo(f, 0o600) },
		"a folder":     func(f string) error { return os.Mkdir(f, 0o700) },
		"others write": func(f string) error { return os.WriteFile(f, nil, 0o600) },
		"no folder":    func(f string) error { return os.Remove(strings.TrimSuffix(f, "/evidence")) },
	} {
		file := t.TempDir() + "/evidence"
		if err := make(file); err != nil {
			t.Fatal(err)
		}
		if name == "others write" {
			os.Chmod(file, 0o606)
		}
		var log bytes.Buffer
		e := openEvidence(file, slog.New(slog.NewTextHandler(&log, nil)))
		e.add(pieceOf(1))
		if got := e.all(); len(got) != 1 || got[0] != pieceOf(1) {
			t.Errorf("%s: %v", name, got)
		}
		if e.trouble() == nil || !strings.Contains(e.trouble().Error(), file) || !strings.Contains(log.String(), "in memory alone") {
			t.Errorf("%s: %v, %s", name, e.trouble(), log.String())
		}
	}
}

func TestTwoGatesKeepAllEvidenceInOneFile(t *testing.T) {
	file := t.TempDir() + "/evidence"
	line, err := json.Marshal(pieceOf(0))
	if err != nil {
		t.Fatal(err)
	}
	// Room for ten more, so that both put the file aside.
	full := bytes.Repeat(append(line, '\n'), evidenceSize/(len(line)+1)-10)
	if err := os.WriteFile(file, full, 0o600); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for gate := range 2 {
		all.Go(func() {
			e := openEvidence(file, quiet())
			for n := range 50 {
				e.add(pieceOf(1000*(gate+1) + n))
			}
			if e.trouble() != nil {
				t.Error(e.trouble())
			}
		})
	}
	all.Wait()
	list, err := ReadEvidence(file)
	seen := map[lock.StorePath]bool{}
	for _, one := range list {
		seen[one.Path] = true
	}
	if err != nil || len(seen) != 101 {
		t.Errorf("%d of 101 are there, %v", len(seen), err)
	}
}

func TestEvidenceFromBeforeIsNotTold(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	old := Evidence{When: when.Truncate(time.Second), Path: storePath(1), Cache: "https://a.example"}
	again := old
	again.When = when // the same second
	other := Evidence{When: when, Path: storePath(2), Cache: "https://a.example"}
	got := (&Status{Evidence: []Evidence{old, again, other}}).EvidenceSince(Status{Evidence: []Evidence{old}})
	if len(got) != 2 || got[0] != again || got[1] != other {
		t.Errorf("%+v", got)
	}
}
