package nix

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func sh(script string) Call { return Call{Args: []string{"/bin/sh", "-c", script}} }

func TestAProgramHasNoTerminalAndNothingToRead(t *testing.T) {
	r, err := Program{}.Run(t.Context(), sh(`read x && echo "read $x"; (: < /dev/tty) 2>/dev/null && echo terminal; echo err >&2; pwd; echo $A; exit 3`))
	if err != nil || r.Code != 3 || string(r.Stderr) != "err\n" || strings.Contains(string(r.Stdout), "read") || strings.Contains(string(r.Stdout), "terminal") {
		t.Errorf("%+v %v", r, err)
	}
	// A session of its own has no terminal, whoever starts this test.
	if r, err := (Program{}).Run(t.Context(), sh(`set -- $(cat /proc/$$/stat); echo $1 $6`)); err != nil {
		t.Error(err)
	} else if ids := strings.Fields(string(r.Stdout)); len(ids) != 2 || ids[0] != ids[1] {
		t.Errorf("process and session are %q", ids)
	}
	c := sh(`echo $A; pwd`)
	c.Env, c.Dir = []string{"A=b"}, "/"
	if r, err := (Program{}).Run(t.Context(), c); err != nil || string(r.Stdout) != "b\n/\n" || r.Code != 0 {
		t.Errorf("%s %v", r.Stdout, err)
	}
	if r, err := (Program{}).Run(t.Context(), sh(`kill -TERM $$`)); err != nil || r.Code != 128+int(syscall.SIGTERM) {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := (Program{}).Run(t.Context(), Call{Args: []string{"no-such-program-at-all"}}); err == nil {
		t.Error("a program that is not there ran")
	}
}

func TestAnInterruptedProgramLeavesNobodyBehind(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	file := t.TempDir() + "/pid"
	start := time.Now()
	// A child that does not listen to interrupts, and holds the output open.
	_, err := Program{}.Run(ctx, sh(`trap 'exit 1' INT; (trap "" INT; sh -c 'echo $$ > `+file+`; exec sleep 60') & wait`))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > grace+10*time.Second {
		t.Errorf("it took %v", took)
	}
	text, err := os.ReadFile(file)
	pid, aerr := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || aerr != nil {
		t.Fatal(err, aerr)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			break // gone, or dead and nobody's child
		}
		if time.Now().After(end) {
			t.Fatal("the child is still there")
		}
	}
}

func TestOutputIsBounded(t *testing.T) {
	full := false
	h := &head{most: 10, full: func() { full = true }}
	for range 3 {
		if n, err := h.Write([]byte("12345")); n != 5 || err != nil {
			t.Fatal(n, err)
		}
	}
	if !full || !h.over || h.data != nil {
		t.Error("more was kept than allowed")
	}
	l := &tail{most: 10}
	for _, s := range []string{"abc", strings.Repeat("x", 100), "defghijkl", "mn"} {
		if n, err := l.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
		if len(l.data) > 20 {
			t.Error("more was kept than allowed")
		}
	}
	if got := string(l.bytes()); got != "efghijklmn" {
		t.Error(got)
	}
}
