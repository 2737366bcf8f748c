package lock

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// made is a small lock of numbered parts, such as
// "x86:a=1>b,c" (path a with pin 1 and two references), "x86:out=a",
// "cache=1/keyname2" and "source=1".
func made(t testing.TB, parts ...string) *Lock {
	t.Helper()
	l := New()
	for _, part := range parts {
		left, right, _ := strings.Cut(part, "=")
		system, name, isPath := strings.Cut(left, ":")
		switch {
		case left == "source":
			l.Source = hashOf(right)
		case left == "cache":
			url, keys, _ := strings.Cut(right, "/")
			c := Cache{URL: "https://" + url + ".example"}
			for _, k := range strings.Fields(keys) {
				c.Keys = append(c.Keys, keyOf(k))
			}
			l.Caches = append(l.Caches, c)
		case !isPath:
			l.Section(left)
		case strings.HasPrefix(name, "out"):
			l.Section(system).Outputs[name] = pathOf(right)
		default:
			pin, refs, _ := strings.Cut(right, ">")
			p := Pin{NAR: hashOf(pin), Size: 1}
			for ref := range strings.SplitSeq(refs, ",") {
				if ref != "" {
					p.Refs = append(p.Refs, pathOf(ref))
				}
			}
			slices.Sort(p.Refs)
			l.Section(system).Paths[pathOf(name)] = p
		}
	}
	return l
}

func hashOf(s string) (h Hash) {
	copy(h[:], s)
	return h
}

// keyOf makes a key: NAME and a digit for its bytes.
func keyOf(s string) string {
	name, digit := s[:len(s)-1], s[len(s)-1:]
	return name + ":" + strings.Replace("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "A", digit, 1)
}

func pathOf(s string) StorePath { return StorePath(fmt.Sprintf("%032d-%s", len(s)*100+int(s[0]), s)) }

func TestMerge(t *testing.T) {
	for _, c := range []struct {
		name               string
		base, ours, theirs []string
		want               []string
		kept               string
		conflicts          []string // WHAT SYSTEM NAME
	}{
		{name: "both add", base: []string{"s:a=1"}, ours: []string{"s:a=1", "s:b=1"}, theirs: []string{"s:a=1", "s:c=1"}, want: []string{"s:a=1", "s:b=1", "s:c=1"}},
		{name: "both add to nothing", ours: []string{"s:b=1"}, theirs: []string{"s:c=1", "t:c=1"}, want: []string{"s:b=1", "s:c=1", "t:c=1"}},
		{name: "one takes away what the other leaves alone", base: []string{"s:a=1", "s:b=1"}, ours: []string{"s:b=1"}, theirs: []string{"s:a=1", "s:b=1", "s:c=1"}, want: []string{"s:b=1", "s:c=1"}},
		{name: "what one takes away and the other's addition needs stays", base: []string{"s:a=1>x", "s:x=1", "s:y=1"}, ours: []string{"s:y=1"}, theirs: []string{"s:a=1>x", "s:x=1", "s:y=1", "s:c=1>a"},
			want: []string{"s:a=1>x", "s:x=1", "s:y=1", "s:c=1>a"}, kept: "a x"},
		{name: "what an output names stays", base: []string{"s:a=1", "s:out=a"}, ours: []string{"s:out=a"}, theirs: []string{"s:a=1", "s:out=a"}, want: []string{"s:a=1", "s:out=a"}, kept: "a"},
		{name: "an output moves", base: []string{"s:a=1", "s:out=a"}, ours: []string{"s:b=1", "s:out=b"}, theirs: []string{"s:a=1", "s:out=a"}, want: []string{"s:b=1", "s:out=b"}},
		{name: "an output moves to two places", base: []string{"s:out=a"}, ours: []string{"s:out=b"}, theirs: []string{"s:out=c"}, want: []string{"s"}, conflicts: []string{"output s out"}},
		{name: "an output moves and goes", base: []string{"s:out=a"}, ours: []string{"s:out=b"}, theirs: []string{"s"}, want: []string{"s"}, conflicts: []string{"output s out"}},
		{name: "one path, two new pins", ours: []string{"s:a=1"}, theirs: []string{"s:a=2"}, want: []string{"s"}, conflicts: []string{"path s a"}},
		{name: "one path, one side pins it anew", base: []string{"s:a=1"}, ours: []string{"s:a=1"}, theirs: []string{"s:a=2"}, want: []string{"s"}, conflicts: []string{"path s a"}},
		{name: "one path, the same bytes and other references", base: []string{"s:a=1"}, ours: []string{"s:a=1"}, theirs: []string{"s:a=1>b"}, want: []string{"s"}, conflicts: []string{"path s a"}},
		{name: "one path, pinned anew and taken away", base: []string{"s:a=1"}, ours: []string{"s"}, theirs: []string{"s:a=2"}, want: []string{"s"}, conflicts: []string{"path s a"}},
		{name: "one path, both pin it anew alike", base: []string{"s:a=1"}, ours: []string{"s:a=2"}, theirs: []string{"s:a=2"}, want: []string{"s:a=2"}},
		{name: "one path, two pins in two systems", ours: []string{"s:a=1"}, theirs: []string{"t:a=2"}, want: []string{"s", "t"}, conflicts: []string{"path s a", "path t a"}},
		{name: "a system is new on each side", base: []string{"s:a=1"}, ours: []string{"s:a=1", "t:b=1"}, theirs: []string{"s:a=1", "u:c=1"}, want: []string{"s:a=1", "t:b=1", "u:c=1"}},
		{name: "a system is dropped", base: []string{"s:a=1", "t:b=1"}, ours: []string{"s:a=1"}, theirs: []string{"s:a=1", "t:b=1", "s:c=1"}, want: []string{"s:a=1", "s:c=1"}},
		{name: "a system is dropped and added to", base: []string{"t:b=1"}, ours: nil, theirs: []string{"t:b=1", "t:c=1"}, want: []string{"t:c=1"}},
		{name: "each adds a cache and a key", base: []string{"cache=a/k1"}, ours: []string{"cache=a/k1 l1", "cache=b/m1"}, theirs: []string{"cache=a/k1 n1", "cache=c/o1"}, want: []string{"cache=a/k1 l1 n1", "cache=b/m1", "cache=c/o1"}},
		{name: "a key that was taken away stays away", base: []string{"cache=a/k1 l1"}, ours: []string{"cache=a/l1"}, theirs: []string{"cache=a/k1 l1", "s:a=1"}, want: []string{"cache=a/l1", "s:a=1"}},
		{name: "a cache that was taken away stays away", base: []string{"cache=a/k1"}, ours: nil, theirs: []string{"cache=a/k1", "s:a=1"}, want: []string{"s:a=1"}},
		{name: "a cache is taken away and gets a key", base: []string{"cache=a/k1"}, ours: nil, theirs: []string{"cache=a/k1 l1"}, want: []string{"cache=a/l1"}},
		{name: "a key is replaced under its name on both sides", base: []string{"cache=a/k1"}, ours: []string{"cache=a/k2"}, theirs: []string{"cache=a/k3"}, want: nil, conflicts: []string{"caches  "}},
		{name: "two caches get keys of one name", ours: []string{"cache=a/k1"}, theirs: []string{"cache=b/k2"}, want: nil, conflicts: []string{"caches  "}},
		{name: "the source moves", base: []string{"source=1"}, ours: []string{"source=1"}, theirs: []string{"source=2"}, want: []string{"source=2"}},
		{name: "the source moves to two places", base: []string{"source=1"}, ours: []string{"source=3"}, theirs: []string{"source=2"}, want: nil, conflicts: []string{"source  "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			base, ours, theirs := made(t, c.base...), made(t, c.ours...), made(t, c.theirs...)
			m := Merge(base, ours, theirs)
			if got, want := mustPrint(t, m.Lock), mustPrint(t, made(t, c.want...)); got != want {
				t.Errorf("merged\n%s\nwant\n%s", got, want)
			}
			var conflicts []string
			for _, x := range m.Conflicts {
				_, name, dash := strings.Cut(x.Name, "-")
				if !dash {
					name = x.Name
				}
				conflicts = append(conflicts, x.What+" "+x.System+" "+name)
			}
			if !slices.Equal(conflicts, c.conflicts) {
				t.Errorf("conflicts %q, want %q", conflicts, c.conflicts)
			}
			var kept []string
			for _, p := range m.Kept {
				kept = append(kept, p.Name())
			}
			if got := strings.Join(kept, " "); got != c.kept {
				t.Errorf("kept %q, want %q", got, c.kept)
			}
			checkMerge(t, base, ours, theirs)
		})
	}
}

func TestMergeNamesBothPins(t *testing.T) {
	ours := made(t, "s:a=1", "s:b=1", "s:z=1", "cache=c/k1")
	theirs := made(t, "s:a=2", "s:b=1", "t:y=1", "cache=c/k1")
	text, err := Merge(New(), ours, theirs).Text()
	if err != nil {
		t.Fatal(err)
	}
	a := string(pathOf("a"))
	lines := strings.Split(string(text), "\n")
	i := slices.Index(lines, "<<<<<<< ours")
	if i < 0 || !strings.HasPrefix(lines[i+1], `"`+a+`" = { nar = "`+hashOf("1").String()) || lines[i+2] != "=======" ||
		!strings.HasPrefix(lines[i+3], `"`+a+`" = { nar = "`+hashOf("2").String()) || lines[i+4] != ">>>>>>> theirs" {
		t.Errorf("the text is\n%s", text)
	}
	var e *Error
	if _, err := Parse("f", text); !errors.As(err, &e) || e.Kind != KindConflict || e.Pos.Line != i+1 {
		t.Errorf("the reader says %v", err)
	}
	for side, l := range map[int]*Lock{0: ours, 1: theirs} {
		m := mustParse(t, settle(string(text), side))
		if p, ok := m.Find(pathOf("a")); !ok || !p.Same(l.Systems["s"].Paths[pathOf("a")]) || len(m.Systems["s"].Paths) != 3 || len(m.Systems) != 2 {
			t.Errorf("settled for side %d it reads as %+v", side, m)
		}
	}
}

func TestTextConflictIsRefused(t *testing.T) {
	var e *Error
	text := TextConflict([]byte("version = 2"), []byte(canonical))
	if _, err := Parse("f", text); !errors.As(err, &e) || e.Kind != KindConflict {
		t.Errorf("the reader says %v of\n%s", err, text)
	}
	if settle(string(text), 1) != canonical {
		t.Error("the other side is not whole")
	}
}

// settle decides every conflict of a text for one side.
func settle(text string, side int) string {
	var b strings.Builder
	in := -1
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "<<<<<<<"):
			in = 0
		case strings.HasPrefix(line, "======="):
			in = 1
		case strings.HasPrefix(line, ">>>>>>>"):
			in = -1
		case in < 0 || in == side:
			b.WriteString(line)
		}
	}
	return b.String()
}

// checkMerge holds what is true of every merge.
func checkMerge(t *testing.T, base, ours, theirs *Lock) {
	t.Helper()
	m := Merge(base, ours, theirs)
	text, err := m.Text()
	if err != nil {
		t.Fatal(err)
	}

	// The order of the sides does not matter.
	back := Merge(base, theirs, ours)
	if mustPrint(t, m.Lock) != mustPrint(t, back.Lock) || !slices.Equal(m.Kept, back.Kept) || len(m.Conflicts) != len(back.Conflicts) {
		t.Errorf("the sides do not commute:\n%s\n%s", mustPrint(t, m.Lock), mustPrint(t, back.Lock))
	}
	for i, c := range back.Conflicts {
		c.Ours, c.Theirs = c.Theirs, c.Ours
		if m.Conflicts[i] != c {
			t.Errorf("conflict %d is %+v one way and %+v the other", i, m.Conflicts[i], c)
		}
	}
	back2, err := back.Text()
	if err != nil || settle(string(text), 0) != settle(string(back2), 1) {
		t.Errorf("the texts do not commute (%v)", err)
	}

	// A file with conflicts is none, and says so.
	_, err = Parse("f", text)
	var e *Error
	if len(m.Conflicts) == 0 && err != nil || len(m.Conflicts) > 0 && (!errors.As(err, &e) || e.Kind != KindConflict) {
		t.Errorf("%d conflicts, and the reader says %v", len(m.Conflicts), err)
	}

	// No pin is lost: each is there, or in a conflict, or was in the base and
	// one side took it away. None appears that no side has.
	inConflict := map[string]bool{}
	for _, c := range m.Conflicts {
		if c.What == "path" {
			inConflict[c.System+" "+c.Name] = true
		}
	}
	for i, l := range []*Lock{ours, theirs} {
		other := []*Lock{theirs, ours}[i]
		for system, s := range l.Systems {
			for path, pin := range s.Paths {
				got, there := pinOf(m.Lock, system, path)
				_, was := pinOf(base, system, path)
				_, others := pinOf(other, system, path)
				taken := was && !others
				if !(there && got.Same(pin)) && !inConflict[system+" "+string(path)] && !taken {
					t.Errorf("%s of %s is lost", path, system)
				}
			}
		}
	}
	for system, s := range m.Lock.Systems {
		for path, pin := range s.Paths {
			o, oOK := pinOf(ours, system, path)
			p, pOK := pinOf(theirs, system, path)
			if !oOK && !pOK || oOK && !o.Same(pin) || pOK && !p.Same(pin) {
				t.Errorf("%s of %s is pinned as no side, or only one of two, has it", path, system)
			}
			// Nothing that stays refers to what was taken away.
			for _, ref := range pin.Refs {
				_, oOK := pinOf(ours, system, ref)
				_, pOK := pinOf(theirs, system, ref)
				if _, there := pinOf(m.Lock, system, ref); (oOK || pOK) && !there && !inConflict[system+" "+string(ref)] {
					t.Errorf("%s stays and its reference %s does not", path, ref)
				}
			}
		}
	}
}

func pinOf(l *Lock, system string, path StorePath) (Pin, bool) {
	if s := l.Systems[system]; s != nil {
		p, ok := s.Paths[path]
		return p, ok
	}
	return Pin{}, false
}

func rng(a, b uint64) *rand.Rand { return rand.New(rand.NewPCG(a, b)) }

// random makes a lock by changing another one here and there.
func random(rnd *rand.Rand, from *Lock) *Lock {
	l := New()
	l.Source = from.Source
	l.Caches = sorted(from.Caches)
	pins := map[StorePath]Pin{}
	for name, s := range from.Systems {
		n := l.Section(name)
		maps.Copy(n.Outputs, s.Outputs)
		maps.Copy(n.Paths, s.Paths)
		maps.Copy(pins, s.Paths)
	}
	letter := func() string { return string(rune('a' + rnd.IntN(8))) }
	for range rnd.IntN(8) {
		s := l.Section([]string{"s", "t"}[rnd.IntN(2)])
		path := pathOf(letter())
		switch rnd.IntN(9) {
		case 0, 1, 2, 3:
			p, known := pins[path]
			if !known || rnd.IntN(6) == 0 {
				p = Pin{NAR: hashOf(letter()), Size: 1}
				for range rnd.IntN(3) {
					p.Refs = append(p.Refs, pathOf(letter()))
				}
				slices.Sort(p.Refs)
				p.Refs = slices.Compact(p.Refs)
				for _, o := range l.Systems {
					if _, ok := o.Paths[path]; ok {
						o.Paths[path] = p
					}
				}
				pins[path] = p
			}
			s.Paths[path] = p
		case 4, 5:
			delete(s.Paths, path)
		case 6:
			s.Outputs["out"+letter()] = path
		case 7:
			delete(l.Systems, "t")
		case 8:
			l.Source = hashOf(letter())
			c := Cache{URL: "https://" + letter() + ".example", Keys: []string{keyOf(letter() + string('1'+rune(rnd.IntN(2))))}}
			if n := append(slices.Clone(l.Caches), c); (&Lock{Version: 1, Caches: n}).Validate() == nil {
				l.Caches = n
			}
		}
	}
	return l
}

// FuzzMerge merges two changed copies of one lock.
func FuzzMerge(f *testing.F) {
	for i := range uint64(40) {
		f.Add(i, i*7)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		rnd := rng(a, b)
		base := random(rnd, random(rnd, New()))
		ours, theirs := random(rnd, base), random(rnd, base)
		for _, l := range []*Lock{base, ours, theirs} {
			if err := l.Validate(); err != nil {
				t.Fatal(err)
			}
		}
		checkMerge(t, base, ours, theirs)
	})
}
