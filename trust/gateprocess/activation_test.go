package gateprocess

import (
	"fmt"
	"os"
	"testing"
)

func TestSocketsOfAnotherProcessAreNotTakenAndNobodyElseTakesOurs(t *testing.T) {
	for pid, wantErr := range map[string]bool{"1": false, "": false, fmt.Sprint(os.Getpid()): true} {
		env := map[string]string{"LISTEN_PID": pid, "LISTEN_FDS": "many", "LISTEN_FDNAMES": "x"}
		got, err := Passed(func(name string) string { return env[name] }, func(name string) error { delete(env, name); return nil })
		if len(got) != 0 || (err != nil) != wantErr || len(env) != 0 {
			t.Errorf("%q: %v, %v, left %v", pid, got, err, env)
		}
	}
}
