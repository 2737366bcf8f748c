package lock

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// Each of these would take a reader without limits to its end.
func TestParseOfAHugeFileStaysSmall(t *testing.T) {
	head := []byte("version = 1\n")
	for name, text := range map[string][]byte{
		"one endless line":       append(bytes.Clone(head), bytes.Repeat([]byte("["), 100<<20)...),
		"a long line":            append(append(bytes.Clone(head), bytes.Repeat([]byte("x"), MaxLine+1)...), '\n'),
		"a list of a million":    append(append([]byte("version = 1\n[[cache]]\nkeys = ["), bytes.Repeat([]byte("1,"), 1<<20)...), "]\n"...),
		"deep nesting":           append(append(append([]byte("version = 1\nsource = "), bytes.Repeat([]byte("["), 1<<20)...), bytes.Repeat([]byte("]"), 1<<20)...), '\n'),
		"deep inline tables":     append(append([]byte("version = 1\nsource = "), bytes.Repeat([]byte("{a="), 1<<20)...), '\n'),
		"a key of many parts":    append(append([]byte("version = 1\n["), bytes.Repeat([]byte("a."), 1<<20)...), "a]\n"...),
		"a hundred MiB of zeros": make([]byte, 100<<20),
		"empty lines in a table": append(append([]byte("version = 1\n[paths.x86_64-linux]\n"), bytes.Repeat([]byte("\n"), 50<<20)...), "x\n"...),
		"conflict markers":       append(bytes.Clone(head), bytes.Repeat([]byte("=======\n"), 1<<20)...),
		"many caches":            append(bytes.Clone(head), bytes.Repeat([]byte("[[cache]]\nurl = \"https://a.example\"\nkeys = []\n"), 10000)...),
		"more than a lock has":   make([]byte, MaxBytes+1),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Parse("f", text)
			runtime.ReadMemStats(&after)
			var e *Error
			if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "f:") || len(err.Error()) > 500 {
				t.Errorf("the error is %.600v", err)
			}
			// The text is copied once, and the table's room is bounded by it.
			if took, most := after.TotalAlloc-before.TotalAlloc, uint64(3*len(text)+400<<20); took > most {
				t.Errorf("it took %d MiB for %d MiB", took>>20, len(text)>>20)
			}
		})
	}
}

func TestParseRefusesMoreThanItsLimits(t *testing.T) {
	var caches, systems, keys strings.Builder
	for i := range maxCaches + 1 {
		fmt.Fprintf(&caches, "[[cache]]\nurl = \"https://c%d.example\"\nkeys = []\n", i)
	}
	for i := range maxSystems + 1 {
		fmt.Fprintf(&systems, "[paths.s%d]\n", i)
	}
	for i := range maxKeys + 1 {
		fmt.Fprintf(&keys, "\"k%d:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=\", ", i)
	}
	var refs []string
	for i := range maxRefs + 1 {
		refs = append(refs, fmt.Sprintf("\"%032d-%s\"", i, strings.Repeat("n", maxNameLen)))
	}
	path := `[paths.s]` + "\n" + `"` + dep + `" = { nar = "` + nar1 + `", size = 1, refs = [%s] }` + "\n"
	for name, text := range map[string]string{
		"caches": caches.String(), "systems": systems.String(), "keys": "[[cache]]\nkeys = [" + keys.String() + "]\n",
		"references": fmt.Sprintf(path, strings.Join(refs, ", ")),
	} {
		_, err := Parse("f", []byte("version = 1\n"+text))
		var e *Error
		if !errors.As(err, &e) || e.Kind != KindLimit || !strings.Contains(e.Text, "at most") {
			t.Errorf("%s: %.300v", name, err)
		}
	}
	// What the limits leave is read, on one line and whole.
	l := mustParse(t, "version = 1\n"+fmt.Sprintf(path, strings.Join(refs[1:], ", ")))
	mustParse(t, mustPrint(t, l))
}

func TestReadStopsAtTheLimit(t *testing.T) {
	_, err := Read("f", endless{})
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindLimit {
		t.Errorf("the error is %v", err)
	}
	if l, err := Read("f", strings.NewReader(canonical)); err != nil || len(l.Systems) != 2 {
		t.Errorf("%v, %v", l, err)
	}
}

// endless is a file without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
