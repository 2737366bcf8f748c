package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust"
)

// desk is a journal and a file that plans change.
type desk struct {
	t    *testing.T
	j    Journal
	path string
}

func newDesk(t *testing.T) desk {
	dir := t.TempDir()
	return desk{t, Journal{Dir: filepath.Join(dir, "state"), Now: func() time.Time { return time.Unix(1_700_000_000, 0) }}, filepath.Join(dir, "f")}
}

func (d desk) apply(p trust.Plan) int {
	d.t.Helper()
	n, err := d.j.Apply(context.Background(), p)
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

func (d desk) set(after trust.FileState, form trust.Form) int {
	d.t.Helper()
	c := change(d.t, d.path, after)
	c.Form = form
	return d.apply(trust.Plan{Summary: "set", Risk: trust.PlanWidens, Steps: []trust.FileChange{c}})
}

func (d desk) undo(n int) trust.Plan {
	d.t.Helper()
	p, err := d.j.Undo(n)
	if err != nil {
		d.t.Fatal(err)
	}
	return p
}

func (d desk) history() History {
	d.t.Helper()
	h, err := d.j.History()
	if err != nil {
		d.t.Fatal(err)
	}
	return h
}

func TestUndoBringsBackEveryByteAndCanBeUndone(t *testing.T) {
	for _, texts := range [][2]trust.FileState{
		{{}, file("new")},
		{file("old"), {}},
		{file("old\x00\xff\u2028"), file("")},
		{file(""), file("<&>\n")},
	} {
		d := newDesk(t)
		if texts[0].Exists {
			write(t, d.path, string(texts[0].Data), 0o640)
		}
		want := func(s trust.FileState) {
			t.Helper()
			now, err := Read(d.path)
			if err != nil || !now.Equal(s) {
				t.Errorf("the file is %q, %v, want %q", now.Data, err, s.Data)
			}
		}
		first := d.set(texts[1], trust.FormText)
		want(texts[1])
		// A program that starts anew knows it too.
		again := desk{t, Journal{Dir: d.j.Dir}, d.path}
		p := again.undo(0)
		if p.Undoes != first {
			t.Errorf("undo takes back %d, want %d", p.Undoes, first)
		}
		second := again.apply(p)
		want(texts[0])
		if _, err := d.j.Undo(first); !errors.Is(err, ErrRefused) {
			t.Errorf("it was taken back twice: %v", err)
		}
		if _, err := d.j.Undo(0); !errors.Is(err, ErrRefused) {
			t.Errorf("there was something left to undo: %v", err)
		}
		third := d.apply(d.undo(second))
		want(texts[1])
		if d.undo(0).Undoes != first {
			t.Error("after the undo was undone, the change itself is not in force again")
		}
		h := d.history()
		if len(h.Entries) != 3 || h.Entries[0].UndoneBy != 0 || h.Entries[1].UndoneBy != third || h.Entries[2].Undoes != second {
			t.Errorf("history: %+v", h.Entries)
		}
		if info, err := os.Stat(d.path); err == nil && texts[0].Exists && texts[1].Exists && info.Mode() != 0o640 {
			t.Errorf("the mode became %v", info.Mode())
		}
	}
}

func TestUndoRefusesAFileThatMovedOn(t *testing.T) {
	d := newDesk(t)
	write(t, d.path, "old", 0o600)
	d.set(file("new"), trust.FormText)
	write(t, d.path, "newer", 0o600)
	if _, err := d.j.Undo(1); !errors.Is(err, ErrMoved) {
		t.Errorf("got %v", err)
	}
	holds(t, d.path, "newer")
	write(t, d.path, "new", 0o600)
	p := d.undo(1)
	write(t, d.path, "newest", 0o600)
	if _, err := d.j.Apply(context.Background(), p); !errors.Is(err, ErrMoved) {
		t.Errorf("got %v", err)
	}
	holds(t, d.path, "newest")
	if h := d.history(); h.Entries[1].State != NotApplied || h.Entries[0].UndoneBy != 0 {
		t.Errorf("history: %+v", h.Entries)
	}
}

// Nix saves an answer after ours: undoing ours keeps it.
func TestUndoOfAnAnswerKeepsWhatWasAnsweredSince(t *testing.T) {
	d := newDesk(t)
	write(t, d.path, `{"a":{"x":true,"y":false}}`, 0o600)
	d.set(file(`{"a":{"x":false},"b":{"z":true}}`), trust.FormAnswers)
	write(t, d.path, `{"a":{"x":false},"b":{"z":true},"c":{"nix":true}}`, 0o600)
	p := d.undo(1)
	if len(p.Changes) != 3 || p.Risk != trust.PlanSweeping {
		t.Errorf("changes %q, risk %s", p.Changes, p.Risk)
	}
	d.apply(p)
	holds(t, d.path, `{"a":{"x":true,"y":false},"c":{"nix":true}}`)
}

func TestUndoOfAnAnswerThatWasDecidedAnewIsRefused(t *testing.T) {
	for _, since := range []string{`{"a":{"x":false}}`, `{"b":{"y":true}}`, `{"a":{"x":tru`, ``} {
		d := newDesk(t)
		write(t, d.path, `{}`, 0o600)
		d.set(file(`{"a":{"x":true}}`), trust.FormAnswers)
		write(t, d.path, since, 0o600)
		if _, err := d.j.Undo(1); !errors.Is(err, ErrMoved) {
			t.Errorf("since then %q: %v", since, err)
		}
		holds(t, d.path, since)
	}
}

func TestWhatIsAsItWasAlreadyIsNotTakenBackAgain(t *testing.T) {
	d := newDesk(t)
	write(t, d.path, "old", 0o600)
	d.set(file("new"), trust.FormText)
	write(t, d.path, "old", 0o600)
	p := d.undo(1)
	if !p.Empty() || len(p.Notes) != 1 {
		t.Errorf("got %+v", p)
	}
	if _, err := d.j.Apply(context.Background(), p); !errors.Is(err, ErrRefused) {
		t.Errorf("a plan that changes nothing was made: %v", err)
	}
}

func TestTheJournalIsForItsOwnerAlone(t *testing.T) {
	d := newDesk(t)
	d.set(file("secret"), trust.FormText)
	if err := os.Chmod(d.j.Path(), 0o644); err != nil {
		t.Fatal(err)
	}
	d.set(file("secret2"), trust.FormText)
	for path, want := range map[string]fs.FileMode{d.j.Path(): 0o600, d.j.Dir: 0o700} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

func TestNothingIsChangedWithoutAJournal(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"a link":   func(dir string) error { return os.Symlink("/dev/null", filepath.Join(dir, "journal.jsonl")) },
		"a folder": func(dir string) error { return os.Mkdir(filepath.Join(dir, "journal.jsonl"), 0o700) },
		"a file where the folder should be": func(dir string) error {
			return errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600))
		},
	} {
		d := newDesk(t)
		if err := os.Mkdir(d.j.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := spoil(d.j.Dir); err != nil {
			t.Fatal(err)
		}
		var e *Error
		if _, err := d.j.Apply(context.Background(), trust.Plan{Steps: []trust.FileChange{{Path: d.path, After: file("x")}}}); !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
		holds(t, d.path, "-")
	}
}

// Whatever a line of the journal became, it is named, the others count, and new
// ones can be added behind it.
func TestDamagedLinesAreSaidAndTheOthersCount(t *testing.T) {
	d := newDesk(t)
	d.set(file("1"), trust.FormText)
	good, err := os.ReadFile(d.j.Path())
	if err != nil {
		t.Fatal(err)
	}
	plan, _, _ := strings.Cut(string(good), "\n")
	for text, want := range map[string]string{
		string(good) + plan[:len(plan)/2]:                                                "line 3: it was not written to its end, so the program was stopped there; what became of number 1",
		string(good) + `{"n":2,"version":1,"time`:                                        "line 3: it was not written to its end, so the program was stopped there, and what it was about to do was not done",
		string(good) + "nonsense\n":                                                      "line 3: invalid character",
		string(good) + "\n":                                                              "line 3: it ends in the middle",
		string(good) + "{}\n":                                                            "line 3: it is of version 0",
		string(good) + `{"n":2,"version":2,"result":"applied"}`:                          "line 3: it was not written to its end",
		string(good) + `{"n":2,"version":2}` + "\n":                                      "line 3: it is of version 2",
		string(good) + `{"n":2,"version":1,"wat":1}` + "\n":                              `line 3: json: unknown field "wat"`,
		string(good) + `{"n":9,"version":1,"result":"applied"}` + "\n":                   "line 3: it is about number 9",
		string(good) + `{"n":1,"version":1,"result":"applied"}` + "\n":                   "line 3: it says a second time",
		string(good) + plan + "\n":                                                       "line 3: it has the number 1, which another line has",
		string(good) + `{"n":9223372036854775807,"version":1,"result":"applied"}` + "\n": "line 3: it has no number",
		strings.Replace(string(good), `"/`, `"`, 1):                                      "line 1: ",
		strings.Replace(string(good), "\n", " x\n", 1):                                   "line 1: ",
		string(good) + "\xff\xfe\n":                                                      "line 3: ",
	} {
		if err := os.WriteFile(d.j.Path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h := d.history()
		var got []string
		for _, b := range h.Damage {
			got = append(got, fmt.Sprintf("line %d: %s", b.Line, b.Text))
		}
		if len(got) == 0 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%q: damage %q, want %q", text, got, want)
		}
		first := len(h.Entries)
		n := d.set(file(fmt.Sprint(time.Now())), trust.FormText)
		if h = d.history(); len(h.Entries) != first+1 || h.Entries[first].N != n || h.Entries[first].State != Applied || n < 2 {
			t.Errorf("%q: a plan after it is %+v", text, h.Entries)
		}
	}
}

func TestAContentThatWasTamperedWithIsNotBroughtBack(t *testing.T) {
	d := newDesk(t)
	write(t, d.path, "old", 0o600)
	d.set(file("new"), trust.FormText)
	data, err := os.ReadFile(d.j.Path())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.j.Path(), bytes.Replace(data, []byte(`"text":"old"`), []byte(`"text":"0ld"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := d.j.Undo(1); !errors.Is(err, ErrRefused) {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestPlansMadeAtTheSameTimeGetNumbersOfTheirOwn(t *testing.T) {
	d := newDesk(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			path := filepath.Join(filepath.Dir(d.path), fmt.Sprint(i))
			if _, err := d.j.Apply(context.Background(), trust.Plan{Steps: []trust.FileChange{{Path: path, After: file("x")}}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	h := d.history()
	if len(h.Entries) != 20 || len(h.Damage) > 0 {
		t.Fatalf("%d entries, %v", len(h.Entries), h.Damage)
	}
	for i, e := range h.Entries {
		if e.N != i+1 || e.State != Applied {
			t.Errorf("entry %d is %+v", i, e)
		}
	}
}

func TestAPlanTooLargeForTheJournalChangesNothing(t *testing.T) {
	d := newDesk(t)
	_, err := d.j.Apply(context.Background(), trust.Plan{Steps: []trust.FileChange{{Path: d.path, After: trust.FileState{Exists: true, Data: bytes.Repeat([]byte("x"), MaxLine)}}}})
	if !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	holds(t, d.path, "-")
}

func TestStateDirIgnoresARelativeFolder(t *testing.T) {
	env := func(vars map[string]string) func(string) string { return func(n string) string { return vars[n] } }
	for _, c := range []struct {
		uid  int
		vars map[string]string
		want string
	}{
		{0, map[string]string{"HOME": "/h"}, "/var/lib/nix-trust"},
		{1, map[string]string{"HOME": "/h"}, "/h/.local/state/nix-trust"},
		{1, map[string]string{"HOME": "/h", "XDG_STATE_HOME": "/s"}, "/s/nix-trust"},
		{1, map[string]string{"HOME": "/h", "XDG_STATE_HOME": "s"}, "/h/.local/state/nix-trust"},
		{1, map[string]string{"HOME": "h"}, ""},
		{0, map[string]string{"HOME": "/h", "XDG_STATE_HOME": "/s"}, "/var/lib/nix-trust"},
		{0, map[string]string{"NIX_TRUST_STATE_DIR": "/n"}, "/n"},
		{0, map[string]string{"NIX_TRUST_STATE_DIR": "n"}, "/var/lib/nix-trust"},
	} {
		got, err := StateDir(c.uid, env(c.vars))
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}

func FuzzHistoryNeverPanicsOrHangs(f *testing.F) {
	f.Add([]byte(`{"n":1,"version":1,"steps":[{"path":"/x","form":"text","before":{"exists":false},"after":{"exists":true,"mode":"0600","sha256":"aa","text":"x"}}]}` + "\n" + `{"n":1,"version":1,"result":"applied"}` + "\n"))
	f.Add([]byte("\n\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := Journal{}.scan(bytes.NewReader(data), 1)
		if err != nil {
			t.Fatal(err)
		}
		if h.wanted != nil {
			if p, err := h.wanted.plan(); err == nil {
				p.Digest()
			}
		}
		if len(bytes.TrimSpace(data)) > 0 && len(h.Entries)+len(h.Damage) == 0 {
			t.Fatalf("%q: neither an entry nor damage", data)
		}
	})
}
