package host

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"
)

func TestOnlyADaemonsStartIsBelieved(t *testing.T) {
	c, err := net.Dial("unix", hostile(t, func(c net.Conn) { time.Sleep(time.Second) }))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if started, env := listenerStart(c); !started.IsZero() || env != nil {
		t.Errorf("this test is taken for a daemon that started at %v", started)
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if started, _ := listenerStart(a); !started.IsZero() {
		t.Errorf("a pipe has a process that started at %v", started)
	}
}

func TestStartOfAProcessIsReadPastItsName(t *testing.T) {
	tail := " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 424242 20 21"
	for stat, want := range map[string]uint64{
		"7 (nix-daemon)" + tail:       424242,
		"7 (a) (b) 1 2 3 S 4)" + tail: 424242,
		"7 (x)":                       0,
		"":                            0,
		"7 (x) S 1 2 3":               0,
	} {
		if got, ok := parseStartTicks([]byte(stat)); got != want || ok != (want != 0) {
			t.Errorf("%q: %d, %v, want %d", stat, got, ok, want)
		}
	}
	if age := time.Since(processStart(os.Getpid())); age < 0 || age > time.Hour {
		t.Errorf("this test is believed to have started %v ago", age)
	}
	t.Setenv("NIX_TRUST_LATER", "1")
	env := processEnv(os.Getpid())
	if v, ok := env("PATH"); !ok || v != os.Getenv("PATH") {
		t.Errorf("PATH is read as %q", v)
	}
	if _, ok := env("NIX_TRUST_LATER"); ok {
		t.Error("a variable that was set later is in the environment at the start")
	}
}

// The oldest process of a service is its main one.
func TestMainProcessOfAServiceIsTheOldest(t *testing.T) {
	procs := t.TempDir() + "/cgroup.procs"
	write(t, procs, fmt.Sprintf("%d\nnot-a-number\n%d\n999999999\n", os.Getpid(), os.Getppid()))
	if got := serviceMain(procs); got != os.Getppid() {
		t.Errorf("process %d, want the parent %d", got, os.Getppid())
	}
	if got := serviceMain(procs + "-none"); got != 0 {
		t.Errorf("process %d of no service", got)
	}
}
