package lock

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// FuzzParse holds for every text: no panic, a place for every mistake, and for
// what is a lock, a print that is a fixed point and means the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(canonical))
	for _, c := range refusals {
		f.Add(bytes.Replace([]byte(canonical), []byte(c.old), []byte(c.new), 1))
	}
	text, err := madeLock(3, 2, "x86_64-linux", "aarch64-linux").Print()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Parse("f", data)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || l != nil || e.Kind == "" || e.Text == "" || e.Pos.File != "f" {
				t.Fatalf("lock %v, error %#v", l, err)
			}
			if len(data) > 0 && e.Pos.Line == 0 || e.Pos.Line > 1+bytes.Count(data, []byte{'\n'}) {
				t.Fatalf("%v has no place in %q", err, data)
			}
			return
		}
		once, err := l.Print()
		if err != nil {
			t.Fatalf("%v of what was read from %q", err, data)
		}
		again, err := Parse("f", once)
		if err != nil {
			t.Fatalf("%v\nof the print\n%s", err, once)
		}
		if !reflect.DeepEqual(l, again) {
			t.Fatalf("%+v and after printing %+v", l, again)
		}
		twice, err := again.Print()
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("printed\n%s\nand then\n%s\n%v", once, twice, err)
		}
		if d := Compare(l, again); len(d) != 0 {
			t.Fatalf("a lock differs from itself: %+v", d)
		}
		if m := Merge(New(), l, again); len(m.Conflicts) != 0 || len(Compare(l, m.Lock)) != 0 {
			t.Fatalf("a lock merged with itself: %+v", m)
		}
	})
}

// FuzzPath holds the rule made for speed to the one of bincache.
func FuzzPath(f *testing.F) {
	for _, name := range pathNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, want := bincache.ParseStorePath(s)
		if got := checkPath(StorePath(s)); (got == nil) != (want == nil) {
			t.Errorf("%q: %v, and bincache says %v", s, got, want)
		}
	})
}
