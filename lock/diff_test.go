package lock

import (
	"slices"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to []string
		want     []string // CLASS SYSTEM SUBJECT
		alarm    bool
	}{
		{"nothing", []string{"s:a=1", "cache=a/k1"}, []string{"s:a=1", "cache=a/k1"}, nil, false},
		{"a path comes and one goes", []string{"s:a=1"}, []string{"s:b=1"}, []string{"path-added s b", "path-removed s a"}, false},
		{"other bytes", []string{"s:a=1", "s:b=1"}, []string{"s:a=2", "s:c=1"}, []string{"path-rehashed s a", "path-added s c", "path-removed s b"}, true},
		{"other references", []string{"s:a=1"}, []string{"s:a=1>b"}, []string{"path-altered s a"}, true},
		{"other bytes for another system", []string{"s:a=1"}, []string{"t:a=2"}, []string{"path-rehashed t a", "system-dropped s s", "system-added t t", "path-removed s a"}, true},
		{"other references for another system", []string{"s:a=1"}, []string{"s", "t:a=1>a"}, []string{"path-altered t a", "system-added t t", "path-removed s a"}, true},
		{"the same pin for another system", []string{"s:a=1"}, []string{"s:a=1", "t:a=1"}, []string{"system-added t t", "path-added t a"}, false},
		{"an output moves", []string{"s:out=a"}, []string{"s:out=b", "s:out2=c"}, []string{"output-moved s out", "output-added s out2"}, false},
		{"an output goes", []string{"s:out=a"}, []string{"s"}, []string{"output-removed s out"}, false},
		{"an output moves back in time", []string{"s:out=hello-2.10"}, []string{"s:out=hello-2.9"}, []string{"output-older s out"}, false},
		{"an output moves on", []string{"s:out=hello-2.9"}, []string{"s:out=hello-2.10"}, []string{"output-moved s out"}, false},
		{"an output becomes another package", []string{"s:out=hello-2.10"}, []string{"s:out=world-2.9"}, []string{"output-moved s out"}, false},
		{"a cache comes with its key", []string{"cache=a/k1"}, []string{"cache=a/k1", "cache=b/l1"}, []string{"cache-added  https://b.example", "key-added  https://b.example"}, false},
		{"a cache goes with its key", []string{"cache=a/k1"}, nil, []string{"cache-removed  https://a.example", "key-removed  https://a.example"}, false},
		{"a key is replaced under its name", []string{"cache=a/k1 l1"}, []string{"cache=a/k2 m1"}, []string{"key-replaced  https://a.example", "key-added  https://a.example", "key-removed  https://a.example"}, false},
		{"the source", []string{"source=1"}, []string{"source=2"}, []string{"source-changed  source"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Compare(made(t, c.from...), made(t, c.to...))
			var got []string
			for _, ch := range d {
				subject := ch.Subject
				if ch.Class.Alarm() || strings.HasPrefix(string(ch.Class), "path-") {
					subject = StorePath(subject).Name()
				}
				got = append(got, string(ch.Class)+" "+ch.System+" "+subject)
				if ch.Class.Alarm() && (ch.OldPin.NAR.IsZero() || ch.NewPin.NAR.IsZero()) {
					t.Errorf("%s has not both pins: %+v", ch.Class, ch)
				}
				if !slices.Contains(classes, ch.Class) {
					t.Errorf("%s has no place in the order", ch.Class)
				}
			}
			if !slices.Equal(got, c.want) || d.Alarm() != c.alarm {
				t.Errorf("alarm %v, changes %q; want %v, %q", d.Alarm(), got, c.alarm, c.want)
			}
			back := Compare(made(t, c.to...), made(t, c.from...))
			if (len(back) == 0) != (len(d) == 0) || back.Alarm() != d.Alarm() {
				t.Errorf("backwards: alarm %v, %d changes; forwards %v, %d", back.Alarm(), len(back), d.Alarm(), len(d))
			}
		})
	}
}

func TestCompareSeesAnImpostorUnderTheSameHashPart(t *testing.T) {
	from, to := made(t, "s:a=1"), made(t, "s")
	old := pathOf("a")
	to.Systems["s"].Paths[old+"x"] = from.Systems["s"].Paths[old]
	d := Compare(from, to)
	if !d.Alarm() || d[0].Class != ClassRehashed || d[0].Old != string(old) || d[0].New != string(old)+"x" {
		t.Errorf("the changes are %+v", d)
	}
}

func TestCompareTellsWhoSignedFromWhatIsPinned(t *testing.T) {
	from, to := made(t, "s:a=1"), made(t, "s:a=1")
	p := to.Systems["s"].Paths[pathOf("a")]
	p.By = []string{"k-1"}
	to.Systems["s"].Paths[pathOf("a")] = p
	d := Compare(from, to)
	if len(d) != 1 || d[0].Class != ClassSignedBy || d.Alarm() {
		t.Errorf("the changes are %+v", d)
	}
}

func FuzzCompare(f *testing.F) {
	for i := range uint64(20) {
		f.Add(i, i*7)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		rnd := rng(a, b)
		from := random(rnd, New())
		to := random(rnd, from)
		d := Compare(from, to)
		if same := mustPrint(t, from) == mustPrint(t, to); same != (len(d) == 0) {
			t.Errorf("the prints are the same: %v, and there are %d changes: %+v", same, len(d), d)
		}
		// An alarm is a path of both locks with two pins, and nothing else.
		alarm := false
		for _, s := range to.Systems {
			for path, pin := range s.Paths {
				old, ok := from.Find(path)
				alarm = alarm || ok && !old.Same(pin)
			}
		}
		if d.Alarm() != alarm {
			t.Errorf("alarm %v, want %v: %+v", d.Alarm(), alarm, d)
		}
	})
}
