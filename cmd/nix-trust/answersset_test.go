package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/ledger"
)

// On a terminal nothing is changed by an empty line, by the end of the input, or
// by a word that was not asked for. What is more than a cache takes a whole yes.
func TestNothingIsChangedWithoutAClearYes(t *testing.T) {
	for _, c := range []struct {
		args []string
		in   string
		made bool
	}{
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example"}, "y\n", true},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example"}, " YES \n", true},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example"}, "\n", false},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example"}, "", false},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example"}, "n\ny\n", false},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example"}, "yep\n", false},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example", "--json"}, "y\n", false},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example", "--dry-run"}, "y\n", false},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example", "--dry-run", "--yes"}, "y\n", false},
		{[]string{"answers", "set", "yes", "post-build-hook", "/bin/x"}, "y\n", false},
		{[]string{"answers", "set", "yes", "post-build-hook", "/bin/x"}, "yes\n", true},
		{[]string{"answers", "set", "no", "post-build-hook", "/bin/x"}, "y\n", true},
	} {
		dir := t.TempDir()
		t.Setenv("HOME", dir)
		t.Setenv("XDG_DATA_HOME", filepath.Join(dir, "data"))
		t.Setenv("NIX_TRUST_STATE_DIR", filepath.Join(dir, "state"))
		var out, errs strings.Builder
		code := run(context.Background(), c.args, streams{in: strings.NewReader(c.in), out: &out, err: &errs, terminal: true})
		_, err := os.Stat(filepath.Join(dir, "data/nix/trusted-settings.json"))
		if made := err == nil; made != c.made {
			t.Errorf("%q with %q: made is %t, want %t\n%s%s", c.args, c.in, made, c.made, &out, &errs)
		}
		dry := strings.Contains(strings.Join(c.args, " "), "--dry-run")
		if want := c.made || dry; (code == 0) != want {
			t.Errorf("%q with %q: exit code %d", c.args, c.in, code)
		}
		if _, err := os.Stat(filepath.Join(dir, "state")); (err == nil) != c.made {
			t.Errorf("%q with %q: a journal without a change, or a change without a journal", c.args, c.in)
		}
	}
}

// Root who takes a user's view forgets in both files, and the user's file stays
// the user's. Without --user root's own file alone is in question.
func TestRootForgetsForTheUserAndForItself(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	const text = `{"extra-substituters":{"https://a.example":true},"x":{"y":true}}`
	r := &trust.Report{}
	for _, name := range []string{"user.json", "root.json"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r.AnswerFiles = append(r.AnswerFiles, trust.AnswersFile{Path: path})
	}
	if err := os.Chown(r.AnswerFiles[0].Path, 4321, 1234); err != nil {
		t.Fatal(err)
	}
	p, err := (&app{}).planForget(r, []string{"https://a.example"}, false)
	if err != nil || len(p.Steps) != 1 || p.Steps[0].Path != r.AnswerFiles[0].Path {
		t.Errorf("without --user: %v, %+v", err, p.Steps)
	}
	if p, err = (&app{user: "mira"}).planForget(r, []string{"https://a.example"}, false); err != nil || len(p.Steps) != 2 || p.Risk != trust.PlanNarrows {
		t.Fatalf("%v, %+v", err, p)
	}
	j := ledger.Journal{Dir: filepath.Join(dir, "state")}
	undo := func() (trust.Plan, error) { return j.Undo(0) }
	for i, plan := range []func() (trust.Plan, error){func() (trust.Plan, error) { return p, nil }, undo} {
		p, err := plan()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Apply(context.Background(), p); err != nil {
			t.Fatal(err)
		}
		want := []string{`{"x":{"y":true}}`, text}[i]
		for _, f := range r.AnswerFiles {
			if data, err := os.ReadFile(f.Path); err != nil || string(data) != want {
				t.Errorf("%s has %s, %v; want %s", f.Path, data, err, want)
			}
		}
		info, err := os.Stat(r.AnswerFiles[0].Path)
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 4321 || st.Gid != 1234 {
			t.Errorf("the user's file belongs to %d:%d now", st.Uid, st.Gid)
		}
	}
}

// typedLater is a terminal at which nothing is typed until the command is interrupted.
type typedLater struct{ ctx context.Context }

func (t typedLater) Read(p []byte) (int, error) {
	<-t.ctx.Done()
	return copy(p, "yes\n"), nil
}

func TestAYesAfterAnInterruptChangesNothing(t *testing.T) {
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		a := &app{streams: streams{in: typedLater{ctx}, out: io.Discard, err: io.Discard, terminal: true}, plain: true}
		if a.agrees(ctx, trust.Plan{}) || a.agreesTo(ctx, trust.Plan{}, nil) {
			t.Fatal("a yes counted after the command was interrupted")
		}
		cancel()
	}
}
