package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
)

// A madeStore is a local store of this test.
type madeStore struct {
	infos map[lock.StorePath]nix.Info
	files map[lock.StorePath][]byte
	err   error // of the database
	wrong error // of the files
}

func (s *madeStore) Info(_ context.Context, paths []lock.StorePath, closure bool) (map[lock.StorePath]nix.Info, error) {
	if s.err != nil || closure {
		return nil, s.err
	}
	infos := map[lock.StorePath]nix.Info{}
	for _, p := range paths {
		if i, ok := s.infos[p]; ok {
			infos[p] = i
		}
	}
	return infos, nil
}

func (s *madeStore) DumpNar(ctx context.Context, w io.Writer, path lock.StorePath) error {
	if s.wrong != nil {
		return s.wrong
	}
	data, ok := s.files[path]
	if !ok {
		return fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	return ctx.Err()
}

// storeOf has what a narinfo describes.
func storeOf(n *bincache.NarInfo, data []byte) *madeStore {
	return &madeStore{
		infos: map[lock.StorePath]nix.Info{n.Path: {NAR: n.NarHash, Size: int64(n.NarSize), Refs: n.References, Signatures: n.Signatures, CA: n.CA}},
		files: map[lock.StorePath][]byte{n.Path: data},
	}
}

var storeCases = []struct {
	name    string
	change  func(s *madeStore, p lock.StorePath)
	want    Verdict // of the store's copy
	pin     Verdict
	outcome Outcome
	fields  []string
	says    string
}{
	{name: "as pinned", want: Verified, pin: Verified, outcome: Fine, says: `as pinned; it is signed by "good-1"`},
	{name: "not there", change: func(s *madeStore, p lock.StorePath) { delete(s.infos, p) }, want: Absent, pin: Verified, outcome: Fine, says: "not in the store"},
	{name: "built here", change: func(s *madeStore, p lock.StorePath) {
		i := s.infos[p]
		i.Signatures, i.Ultimate = nil, true
		s.infos[p] = i
	}, want: Unsigned, pin: Verified, outcome: Fine, says: "it was built on this machine; it has no signature"},
	{name: "signed by a stranger", change: func(s *madeStore, p lock.StorePath) {
		i := s.infos[p]
		i.Signatures = []string{"alien-1:AAAA"}
		s.infos[p] = i
	}, want: UnknownSigner, pin: Verified, outcome: Fine, says: `"alien-1"`},
	{name: "a signature that does not fit", change: func(s *madeStore, p lock.StorePath) {
		i := s.infos[p]
		i.Signatures = []string{"good-1:AAAA"}
		s.infos[p] = i
	}, want: UnknownSigner, pin: Verified, outcome: Fine, says: "as pinned"},
	{name: "a database without sizes", change: func(s *madeStore, p lock.StorePath) {
		i := s.infos[p]
		i.Size = 0
		s.infos[p] = i
	}, want: Verified, pin: Verified, outcome: Fine},
	{name: "files changed on disk", change: func(s *madeStore, p lock.StorePath) { s.files[p] = narOf("swapped") },
		want: Mismatch, pin: Mismatch, outcome: Bad, fields: []string{"contents narHash"}, says: "the files were changed after they came"},
	{name: "another path registered", change: func(s *madeStore, p lock.StorePath) {
		data := narOf("swapped and longer")
		n := infoOf(p, data)
		s.infos[p], s.files[p] = nix.Info{NAR: n.NarHash, Size: int64(n.NarSize), Refs: []lock.StorePath{dep}, Ultimate: true}, data
	}, want: Mismatch, pin: Mismatch, outcome: Bad, fields: []string{"narHash", "narSize", "contents narHash", "contents narSize"}, says: "something else than is pinned; it was built on this machine"},
	{name: "another hash registered", change: func(s *madeStore, p lock.StorePath) {
		i := s.infos[p]
		i.NAR[0]++
		s.infos[p] = i
	}, want: Mismatch, pin: Mismatch, outcome: Bad, fields: []string{"narHash"}, says: "the files are those pinned"},
	{name: "other references registered", change: func(s *madeStore, p lock.StorePath) {
		i := s.infos[p]
		i.Refs = []lock.StorePath{evil}
		s.infos[p] = i
	}, want: Mismatch, pin: Mismatch, outcome: Bad, fields: []string{"references"}},
	{name: "files and database each something else", change: func(s *madeStore, p lock.StorePath) {
		i := s.infos[p]
		i.NAR[0]++
		s.infos[p], s.files[p] = i, narOf("swapped")
	}, want: Mismatch, pin: Mismatch, outcome: Bad, fields: []string{"narHash", "contents narHash"}, says: "the files are neither"},
	{name: "no nix", change: func(s *madeStore, _ lock.StorePath) { s.err = errors.New("nix is not in PATH") },
		want: Unknown, pin: Verified, outcome: Undetermined, says: "nix is not in PATH"},
	{name: "files that may not be read", change: func(s *madeStore, _ lock.StorePath) { s.wrong = fs.ErrPermission },
		want: Unknown, pin: Verified, outcome: Undetermined, says: "permission denied"},
	{name: "files that are gone", change: func(s *madeStore, p lock.StorePath) { delete(s.files, p) },
		want: Unknown, pin: Verified, outcome: Undetermined, says: "gone"},
}

func TestEachWayOfBeingWrongInTheStoreIsFound(t *testing.T) {
	for _, c := range storeCases {
		t.Run(c.name, func(t *testing.T) {
			cache := newLoopback(t)
			data := narOf("content")
			n := infoOf(pathOf("a", "path"), data, dep)
			n.Signatures = []string{good.Sign(n)}
			cache.put(n, data)
			l := lockOf([]*bincache.NarInfo{n}, lock.Cache{URL: cache.URL, Keys: []string{good.Public()}})
			s := storeOf(n, data)
			if c.change != nil {
				c.change(s, n.Path)
			}
			r := mustVerify(t, l, Options{Store: s})
			if len(r.Pins) != 1 || len(r.Pins[0].Answers) != 2 {
				t.Fatalf("%+v", r)
			}
			a := r.Pins[0].Answers[1]
			if a.Cache != LocalStore || a.Verdict != c.want || r.Pins[0].Verdict != c.pin || r.Outcome() != c.outcome || !strings.Contains(a.Text, c.says) {
				t.Errorf("%s is %v (%s), the pin %v, the whole %v", a.Cache, a.Verdict, a.Text, r.Pins[0].Verdict, r.Outcome())
			}
			var fields []string
			for _, d := range a.Differences {
				fields = append(fields, d.Field)
				if d.Pinned == d.Got {
					t.Errorf("%s: pinned and got %q", d.Field, d.Got)
				}
			}
			if !slices.Equal(fields, c.fields) || a.Contents != (c.want == Verified || c.want == Unsigned || c.want == UnknownSigner) {
				t.Errorf("it differs in %v, and Contents = %v", fields, a.Contents)
			}
		})
	}
}

// What lies in the store makes up for no cache.
func TestTheStoresCopyProvesNothingForACache(t *testing.T) {
	cache := newLoopback(t)
	data := narOf("content")
	n := infoOf(pathOf("a", "path"), data)
	l := lockOf([]*bincache.NarInfo{n}, lock.Cache{URL: cache.URL, Keys: []string{good.Public()}})
	n.Signatures = []string{good.Sign(n)}
	r := mustVerify(t, l, Options{Store: storeOf(n, data)})
	if a := r.Pins[0]; a.Verdict != Absent || r.Outcome() != Unproved || a.Answers[1].Verdict != Verified {
		t.Errorf("%+v", a)
	}
	n.Signatures = nil
	cache.put(n, data)
	if r := mustVerify(t, l, Options{Store: storeOf(n, data)}); r.Pins[0].Verdict != Unsigned || r.Outcome() != Unproved {
		t.Errorf("%+v", r.Pins[0])
	}
}

// The bytes are all told, also of what does not come, and of nothing else.
func TestTheBytesReadAddUpToThePins(t *testing.T) {
	cache := newLoopback(t)
	var infos []*bincache.NarInfo
	store := &madeStore{infos: map[lock.StorePath]nix.Info{}, files: map[lock.StorePath][]byte{}}
	sum := int64(0)
	for i := range 40 {
		data := narOf(strings.Repeat("x", i*10_000))
		n := infoOf(lock.StorePath(fmt.Sprintf("%032d-path", i)), data)
		n.Signatures = []string{good.Sign(n)}
		infos = append(infos, n)
		switch i % 4 {
		case 0: // absent everywhere
			continue
		case 1:
			cache.put(n, data[:len(data)/2])
		default:
			cache.put(n, data)
		}
		sum += int64(len(data))
		if one := storeOf(n, data); i%2 == 0 {
			store.infos[n.Path], store.files[n.Path] = one.infos[n.Path], append(data, data...)
			sum += int64(len(data))
		}
	}
	l := lockOf(infos, lock.Cache{URL: cache.URL, Keys: []string{good.Public()}})
	last, paths := int64(0), 0
	r := mustVerify(t, l, Options{Contents: true, Store: store, Progress: func(done, all int) { paths = done }, Bytes: func(done, all int64) {
		if done < last || all != sum || paths != len(infos) {
			t.Errorf("%d of %d bytes after %d, of %d; %d paths", done, all, last, sum, paths)
		}
		last = done
	}})
	if last != sum {
		t.Errorf("%d of %d bytes at the end", last, sum)
	}
	if c := r.Counts(); c[Verified] != 10 || c[Misbehaved] != 10 || c[Mismatch] != 10 || c[Absent] != 10 {
		t.Errorf("%v", c)
	}
}
