package ledger

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust"
)

// The test program runs itself for what has to be another process: one that is
// killed, one of another user, one with a full disk.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "child" {
		os.Exit(children[os.Args[2]](os.Args[3:]))
	}
	os.Exit(m.Run())
}

var children = map[string]func([]string) int{"die": die, "storm": storm, "replace": replaceChild}

// child prepares a run of the test program, as another user when uid is not 0.
func child(t *testing.T, uid uint32, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if uid != 0 {
		self = openCopy(t, self)
	}
	cmd := exec.Command(self, append([]string{"child"}, args...)...)
	cmd.Dir = "/"
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	return cmd
}

// openCopy copies a program to where every user may run it.
func openCopy(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(openDir(t), "program")
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// openDir is a folder that every user may look into.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nix-trust-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// die makes a plan and is killed before step number N: die DIR N KIND.
func die(args []string) int {
	dir := args[0]
	kind, plain := strings.CutSuffix(args[2], renamesOnly)
	n, _ := strconv.Atoi(args[1])
	j := Journal{Dir: filepath.Join(dir, "state"), Writer: Writer{noExchange: plain, step: func(name string) error {
		if n--; n == 0 {
			fmt.Println(name)
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	}}}
	if _, err := j.Apply(context.Background(), planOf(dir, kind)); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// renamesOnly ends the kind of a plan that is made as where the kernel cannot
// swap files.
const renamesOnly = ", by renames only"

// planOf is the plan of a kind on the file f in dir.
func planOf(dir, kind string) trust.Plan {
	step := trust.FileChange{Path: filepath.Join(dir, "f"), Before: file("old"), After: file("new"), Form: trust.FormText}
	switch kind {
	case "make":
		step.Before = trust.FileState{}
	case "remove":
		step.After = trust.FileState{}
	case "two":
		other := step
		other.Path = filepath.Join(dir, "g")
		return trust.Plan{Summary: kind, Risk: trust.PlanNeutral, Steps: []trust.FileChange{step, other}}
	}
	return trust.Plan{Summary: kind, Risk: trust.PlanNeutral, Steps: []trust.FileChange{step}}
}

// A writer that is killed before any of its steps leaves the old file or the new
// one, and the journal says which. The next writer goes on from there.
func TestAKilledWriterLeavesAWholeFileAndATrueJournal(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"replace", "make", "remove", "replace" + renamesOnly, "make" + renamesOnly, "remove" + renamesOnly} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			kind := strings.TrimSuffix(how, renamesOnly)
			seen := map[string]bool{}
			for n := 1; ; n++ {
				dir := t.TempDir()
				path := filepath.Join(dir, "f")
				was, is := "old", "new"
				if kind == "make" {
					was = "-"
				} else {
					write(t, path, "old", 0o640)
				}
				if kind == "remove" {
					is = "-"
				}
				out, err := child(t, 0, "die", dir, strconv.Itoa(n), how).CombinedOutput()
				if err == nil {
					break // it came to its end
				}
				step := strings.TrimSpace(string(out))
				if code := err.(*exec.ExitError).Sys().(syscall.WaitStatus); !code.Signaled() {
					t.Fatalf("the writer failed by itself: %s", out)
				}
				seen[step] = true
				now := "-"
				if data, err := os.ReadFile(path); err == nil {
					now = string(data)
				}
				if now != was && now != is {
					t.Fatalf("killed before %s: the file is %q", step, now)
				}

				j := Journal{Dir: filepath.Join(dir, "state")}
				h, err := j.History()
				if err != nil || len(h.Damage) > 0 {
					t.Fatalf("killed before %s: %v, %v", step, err, h.Damage)
				}
				if len(h.Entries) == 0 && now != was {
					t.Fatalf("killed before %s: the file changed and the journal is silent", step)
				}
				// A second plan of the same user settles what became of the first.
				second := filepath.Join(dir, "second")
				if _, err := j.Apply(context.Background(), trust.Plan{Summary: "second", Steps: []trust.FileChange{{Path: second, After: file("x")}}}); err != nil {
					t.Fatalf("killed before %s: %v", step, err)
				}
				if h, err = j.History(); err != nil {
					t.Fatal(err)
				}
				if len(h.Entries) == 2 {
					want := NotApplied
					if now == is {
						want = Applied
					}
					if got := h.Entries[0].State; got != want {
						t.Errorf("killed before %s: the file is %q and the journal says %s", step, now, got)
					}
				}
				// Whoever writes the file next is not held up, and clears up.
				if err := (Writer{Wait: time.Second}).Apply(context.Background(), []trust.FileChange{change(t, path, file("next"))}); err != nil {
					t.Errorf("killed before %s, then: %v", step, err)
				}
				holds(t, path, "next")
				alone(t, dir, "f", "second", "state")
			}
			for _, s := range []string{"journal", "open", "lock", "read", "swap", "syncdir", "unlock", "result"} {
				if !seen[s] {
					t.Errorf("it was never killed before %s, only %v", s, seen)
				}
			}
		})
	}
}

// A plan of two files that is stopped between them is known to be made in part,
// and can be taken back.
func TestAPlanThatWasHalfMadeCanBeTakenBack(t *testing.T) {
	partly := 0
	for n := 1; ; n++ {
		dir := t.TempDir()
		f, g := filepath.Join(dir, "f"), filepath.Join(dir, "g")
		write(t, f, "old", 0o600)
		write(t, g, "old", 0o600)
		if err := child(t, 0, "die", dir, strconv.Itoa(n), "two").Run(); err == nil {
			break
		}
		j := Journal{Dir: filepath.Join(dir, "state")}
		p, err := j.Undo(1)
		a, _ := os.ReadFile(f)
		b, _ := os.ReadFile(g)
		if string(a) == "old" && string(b) == "old" {
			if err == nil {
				t.Errorf("step %d: nothing was made, and the undo of it is %+v", n, p)
			}
			continue
		}
		if err != nil {
			t.Fatalf("step %d, %q and %q: %v", n, a, b, err)
		}
		if _, err := j.Apply(context.Background(), p); err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
		holds(t, f, "old")
		holds(t, g, "old")
		h, err := j.History()
		if err != nil || h.Entries[0].UndoneBy != 2 {
			t.Errorf("step %d: %+v, %v", n, h.Entries, err)
		}
		if h.Entries[0].State == Partly {
			partly++
		}
	}
	if partly == 0 {
		t.Error("it was never stopped between the two files")
	}
}

// storm adds lines to a file and says each that is made: storm PATH NAME.
func storm(args []string) int {
	for k := 0; ; k++ {
		line := fmt.Sprintf("%s.%d\n", args[1], k)
		for {
			now, err := Read(args[0])
			if err == nil {
				after := now
				after.Data = append(append([]byte(nil), now.Data...), line...)
				err = Writer{Wait: time.Minute}.Apply(context.Background(), []trust.FileChange{{Path: args[0], Before: now, After: after}})
			}
			if err == nil {
				break
			}
			if !errors.Is(err, ErrMoved) {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		fmt.Print(line)
	}
}

// Programs that are killed at any moment, while others write the same file, lose
// nothing that any of them said it had written, and leave no half line.
func TestKilledProcessesLoseNothingThatWasSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write(t, path, "", 0o600)
	var mu sync.Mutex
	said := map[string]bool{}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for life := range 8 {
				cmd := child(t, 0, "storm", path, fmt.Sprintf("%d.%d", i, life))
				var errs bytes.Buffer
				cmd.Stderr = &errs
				out, err := cmd.StdoutPipe()
				if err == nil {
					err = cmd.Start()
				}
				if err != nil {
					t.Error(err)
					return
				}
				// From its first word on it may be killed at any moment.
				for in, first := bufio.NewReader(out), true; ; first = false {
					line, err := in.ReadString('\n')
					if err != nil {
						break
					}
					if first {
						time.AfterFunc(time.Duration((life*4+i)*1777%50000)*time.Microsecond, func() { cmd.Process.Kill() })
					}
					mu.Lock()
					said[line] = true
					mu.Unlock()
				}
				cmd.Wait()
				if errs.Len() > 0 {
					t.Errorf("a writer failed: %s", errs.String())
				}
			}
		})
	}
	wg.Wait()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]int{}
	for line := range strings.Lines(string(data)) {
		have[line]++
		if strings.Count(line, ".") != 2 || !strings.HasSuffix(line, "\n") || have[line] > 1 {
			t.Errorf("the line %q is not whole, or is there twice", line)
		}
	}
	for line := range said {
		if have[line] == 0 {
			t.Errorf("%q was said to be written, and is not there", line)
		}
	}
	t.Logf("%d lines by 32 processes", len(said))
}

// replaceChild replaces a file and prints what went wrong: replace PATH OLD NEW.
func replaceChild(args []string) int {
	before := trust.DigestOf([]byte(args[1]))
	if args[1] == "-" {
		before = trust.Digest{}
	}
	err := Replace(context.Background(), args[0], before, []byte(args[2]))
	var e *Error
	if errors.As(err, &e) {
		fmt.Printf("%s\n%s\n", e.Text, e.Hint)
		return 1
	}
	if err != nil {
		fmt.Println("no sentence:", err)
		return 2
	}
	return 0
}

func TestAnotherUsersFilesAreRefusedInASentence(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become another user")
	}
	dir := openDir(t)
	own := filepath.Join(dir, "own")
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(own, 4321, 4321); err != nil {
		t.Fatal(err)
	}
	theirs, locked := filepath.Join(own, "theirs"), filepath.Join(dir, "locked")
	group := filepath.Join(own, "group")
	for path, ids := range map[string][2]int{theirs: {1234, 4321}, locked: {4321, 4321}, group: {4321, 999}} {
		write(t, path, "old", 0o644)
		if err := os.Chown(path, ids[0], ids[1]); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		theirs:                    "it belongs to another user",
		locked:                    "that is not permitted to you",
		group:                     "its owner and group could not be kept",
		filepath.Join(dir, "new"): "that is not permitted to you",
	} {
		was := "old"
		if path == filepath.Join(dir, "new") {
			was = "-"
		}
		out, err := child(t, 4321, "replace", path, was, "new").CombinedOutput()
		lines := strings.Split(string(out), "\n")
		if err == nil || !strings.Contains(lines[0], want) || len(lines) < 2 || lines[1] == "" {
			t.Errorf("%s: %v, %q; want %q and a hint", path, err, out, want)
		}
		holds(t, path, was)
	}
	alone(t, own, "group", "theirs")
	alone(t, dir, "locked", "own")
	// What is one's own may be changed.
	mine := filepath.Join(own, "mine")
	if out, err := child(t, 4321, "replace", mine, "-", "new").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	holds(t, mine, "new")
}

func TestAJournalOfAnotherUserIsNotBelieved(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a file away")
	}
	dir := t.TempDir()
	j := Journal{Dir: dir}
	write(t, j.Path(), "", 0o600)
	if err := os.Chown(j.Path(), 4321, 4321); err != nil {
		t.Fatal(err)
	}
	if _, err := j.History(); !errors.Is(err, ErrRefused) {
		t.Errorf("it was read: %v", err)
	}
	if _, err := j.Apply(context.Background(), planOf(dir, "make")); !errors.Is(err, ErrRefused) {
		t.Errorf("it was written: %v", err)
	}
	holds(t, filepath.Join(dir, "f"), "-")
}
