package challenge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

func show(f FileDiff) string {
	s := f.What.String() + " " + f.Path
	switch {
	case f.What&Contents != 0:
		s += fmt.Sprintf(" @%d %d/%d", f.Offset, f.A.Size, f.B.Size)
	case f.What&Target != 0:
		s += " " + f.A.Target + "/" + f.B.Target
	case f.Within > 0:
		s += fmt.Sprintf(" +%d", f.Within)
	}
	return s
}

func TestFilesThatDifferAreListed(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	for _, c := range []struct {
		name string
		a, b node
		want []string
	}{
		{"nothing", folder{"a": "1", "b": folder{"c": "->d"}}, folder{"a": "1", "b": folder{"c": "->d"}}, nil},
		{"a file's contents", folder{"a": "hello"}, folder{"a": "help!"}, []string{"contents a @3 5/5"}},
		{"the path itself", "hello", "hullo", []string{"contents  @1 5/5"}},
		{"one is the other's start", folder{"a": "hello"}, folder{"a": "hello world"}, []string{"contents a @5 5/11"}},
		{"an empty file", folder{"a": "", "b": "1"}, folder{"a": "x", "b": "1"}, []string{"contents a @0 0/1"}},
		{"far behind the first piece", folder{"a": long + "1" + long, "b": "1"}, folder{"a": long + "2" + long, "b": "2"}, []string{"contents a @200000 400001/400001", "contents b @0 1/1"}},
		{"longer by more than a piece", folder{"a": long, "b": "1"}, folder{"a": long + long, "b": "1"}, []string{"contents a @200000 200000/400000"}},
		{"the executable bit", folder{"a": "!1"}, folder{"a": "1"}, []string{"executable a"}},
		{"both", folder{"a": "!1"}, folder{"a": "2"}, []string{"executable, contents a @0 1/1"}},
		{"a link", folder{"a": "->b"}, folder{"a": "->c"}, []string{"target a b/c"}},
		{"added and removed", folder{"a": "1", "c": "1"}, folder{"b": "1", "c": "1", "d": "1"}, []string{"removed a", "added b", "added d"}},
		{"a folder is one difference", folder{"a": folder{"x": folder{"y": "1"}, "z": "1"}, "a-b": "1"}, folder{"a-b": "1"}, []string{"removed a +3"}},
		{"two folders are two", folder{}, folder{"a": folder{"x": "1"}, "b": folder{"x": "1"}}, []string{"added a +1", "added b +1"}},
		{"a folder beside a name that it begins", folder{}, folder{"a": folder{}, "a1": "1"}, []string{"added a", "added a1"}},
		{"the order of names with a dash", folder{"a": folder{"b": "1"}, "a-b": "1", "a.b": "1"}, folder{"a": folder{"b": "2"}, "a-b": "2", "a.b": "2"},
			[]string{"contents a/b @0 1/1", "contents a-b @0 1/1", "contents a.b @0 1/1"}},
		{"a file and a folder", folder{"a": folder{"b": "1", "c": "1"}, "d": "1"}, folder{"a": "1", "d": folder{"e": "1"}}, []string{"kind a +2", "kind d +1"}},
		{"a link and a file", folder{"a": "->b"}, folder{"a": "b"}, []string{"kind a"}},
		{"the path is a folder there", folder{"a": "1", "b": folder{"c": "1"}}, "1", []string{"kind  +3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Compare(context.Background(), treeOf("a", narOf(c.a)), treeOf("b", narOf(c.b)), 100)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range d.Files {
				got = append(got, show(f))
			}
			if !slices.Equal(got, c.want) || d.More != 0 {
				t.Errorf("%q and %d more, want %q", got, d.More, c.want)
			}
		})
	}
}

func TestDifferencesBeyondTheLimitAreCounted(t *testing.T) {
	a, b := folder{}, folder{}
	for i := range 50 {
		a[fmt.Sprintf("f%02d", i)] = "1"
		b[fmt.Sprintf("f%02d", i)] = "2"
	}
	b["g"] = folder{"x": "1", "y": "1"}
	for _, most := range []int{-1, 0, 7, 50, 51} {
		d, err := Compare(context.Background(), treeOf("a", narOf(a)), treeOf("b", narOf(b)), most)
		if err != nil || len(d.Files) != max(most, 0) || d.More != 51-max(most, 0) {
			t.Errorf("%d: %d and %d more, %v", most, len(d.Files), d.More, err)
		}
	}
}

// What one of random trees has and the other has not is what a list of both
// says: another way to the same answer.
func TestCompareFindsWhatListsOfTheFilesDifferIn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var grow func(depth int) node
	grow = func(depth int) node {
		switch k := r.IntN(6); {
		case k < 3 && depth > 0:
			f := folder{}
			for range r.IntN(4) {
				f[[]string{"a", "a-b", "a.b", "b", "ab", "é", "A"}[r.IntN(7)]] = grow(depth - 1)
			}
			return f
		case k == 3:
			return "->" + []string{"a", "b"}[r.IntN(2)]
		case k == 4:
			return "!" + []string{"", "x", "y"}[r.IntN(3)]
		}
		return []string{"", "x", "xy"}[r.IntN(3)]
	}
	list := func(nar []byte) map[string]bincache.Entry {
		m := map[string]bincache.Entry{}
		if err := bincache.ReadNar(strings.NewReader(string(nar)), func(e bincache.Entry) error { m[e.Path] = e; return nil }); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for range 3000 {
		a, b := narOf(folder{"r": grow(4)}), narOf(folder{"r": grow(4)})
		d, err := Compare(context.Background(), treeOf("a", a), treeOf("b", b), 1000)
		if err != nil {
			t.Fatal(err)
		}
		inA, inB := list(a), list(b)
		want := 0
		for p, e := range inA {
			if inB[p] != e {
				want++
			}
		}
		for p := range inB {
			if _, both := inA[p]; !both {
				want++
			}
		}
		got := 0
		for i, f := range d.Files {
			got += 1 + f.Within
			if i > 0 && comparePaths(d.Files[i-1].Path, f.Path) >= 0 {
				t.Fatalf("%q is listed before %q", d.Files[i-1].Path, f.Path)
			}
			if inA[f.Path].Type != f.A.Type || inB[f.Path].Type != f.B.Type {
				t.Fatalf("%+v", f)
			}
		}
		if got != want {
			t.Fatalf("%d differences, want %d: %+v\n%q\n%q", got, want, d.Files, a, b)
		}
	}
}

func TestBrokenTreesAreNotCompared(t *testing.T) {
	whole := narOf(folder{"a": "1", "b": "2"})
	cut := whole[:len(whole)-20]
	for _, c := range []struct {
		name string
		a, b []byte
		says string
	}{
		{"cut off", cut, whole, "the files of a: the NAR is broken"},
		{"the other cut off", whole, cut, "the files of b: the NAR is broken"},
		{"no NAR", whole, []byte("<html>"), "the files of b: the NAR is broken"},
		{"nothing", nil, whole, "the files of a: the NAR is broken"},
		{"a name that climbs", whole, narOf([][2]any{{"..", "1"}}), "file name"},
		{"a name with a slash", whole, narOf([][2]any{{"a/b", "1"}}), "file name"},
		{"a name twice", whole, narOf([][2]any{{"a", "1"}, {"a", "1"}}), "out of order"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Compare(context.Background(), treeOf("a", c.a), treeOf("b", c.b), 10)
			if err == nil || d != nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v %v, want %q", d, err, c.says)
			}
		})
	}
}

// A tree whose last byte is followed by bad news is not what its voter said.
func TestTheEndOfATreeCounts(t *testing.T) {
	nar := narOf(folder{"a": "1"})
	bad := Tree{Voter: "b", Open: func(context.Context) io.ReadCloser {
		r, w := io.Pipe()
		go func() {
			w.Write(nar)
			w.CloseWithError(errors.New("the hash is another"))
		}()
		return r
	}}
	if d, err := Compare(context.Background(), treeOf("a", nar), bad, 10); err == nil || !strings.Contains(err.Error(), "the hash is another") {
		t.Errorf("%+v %v", d, err)
	}
}

// zeros is a NAR of one file of zeros that is never in memory.
func zeros(size int64, last string) Tree {
	head := narOf("")
	head = head[:len(head)-24] // without the length and the end
	end := narOf("")[len(head)+8:]
	var length [8]byte
	for i := range length {
		length[i] = byte(uint64(size) >> (8 * i))
	}
	return Tree{Voter: "zeros", Open: func(context.Context) io.ReadCloser {
		return io.NopCloser(io.MultiReader(strings.NewReader(string(head)+string(length[:])),
			io.LimitReader(zeroReader{}, size-8), strings.NewReader(last), strings.NewReader(string(end))))
	}}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestMemoryDoesNotGrowWithTheTrees(t *testing.T) {
	const size = 512 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d, err := Compare(context.Background(), zeros(size, "aaaaaaaa"), zeros(size, "aaaaaaab"), 10)
	runtime.ReadMemStats(&after)
	if err != nil || len(d.Files) != 1 || d.Files[0].Offset != size-1 {
		t.Fatalf("%+v %v", d, err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes were allocated for trees of %d", grown, size)
	}
}

func TestComparingStopsWhenItIsToldTo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	stuck := Tree{Voter: "stuck", Open: func(ctx context.Context) io.ReadCloser {
		r, w := io.Pipe()
		go func() {
			<-ctx.Done()
			w.CloseWithError(ctx.Err())
		}()
		return r
	}}
	done := make(chan error, 1)
	go func() {
		_, err := Compare(ctx, treeOf("a", narOf("1")), stuck, 10)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
