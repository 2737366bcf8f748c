package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

// A question is what a daemon was asked.
type question struct {
	op   uint64
	path string // the base name, "" for the list
	nth  int    // time that this was asked, from 0
}

// teller shakes hands as a 2.26 daemon does and then answers each question.
func teller(answer func(q question) []byte) func(c net.Conn) {
	return func(c net.Conn) {
		in := &wire{r: bufio.NewReader(c), most: 1 << 30}
		c.Write(honest(1))
		for range 4 { // magic, version, two that are obsolete
			in.number()
		}
		asked := map[question]int{}
		for {
			op, err := in.number()
			if err != nil {
				return
			}
			q := question{op: op}
			if op != opQueryAllValidPaths {
				path, err := in.text(4096)
				if err != nil {
					return
				}
				q.path = strings.TrimPrefix(path, "/nix/store/")
			}
			n := asked[q]
			asked[q]++
			q.nth = n
			reply := answer(q)
			if reply == nil {
				return
			}
			if _, err := c.Write(reply); err != nil {
				return
			}
		}
	}
}

// named is a store path that is called so.
func named(name string) string { return strings.Repeat("0", 32) + "-" + name }

func listOf(names ...string) []byte {
	out := words(tagLast, uint64(len(names)))
	for _, n := range names {
		out = append(out, str("/nix/store/"+named(n))...)
	}
	return out
}

// infoOf is what is said of a valid path that refers to others.
func infoOf(refs ...string) []byte {
	out := join(words(tagLast, 1), str(""), str(strings.Repeat("ab", 32)), words(uint64(len(refs))))
	for _, r := range refs {
		out = append(out, str("/nix/store/"+named(r))...)
	}
	return join(out, words(1700000000, 120, 1, 2), str("a-1:AAAA"), str("b-1:BBBB"), str(""))
}

var (
	goneInfo = words(tagLast, 0)
	refusal  = join(words(tagError), str("Error"), words(0), str("Error"), str("\x1b[31mno\x1b[0m"), words(0, 0))
)

func tellStore(t *testing.T, answer func(q question) []byte) (*storedb.Store, error) {
	t.Helper()
	return askStore(context.Background(), dialUnix, hostile(t, teller(answer)), "/nix/store", patience{300 * time.Millisecond, 2 * time.Second, 0})
}

// rowOf is what was told of a path.
func rowOf(t *testing.T, s *storedb.Store, name string) (row storedb.Row, refs []string) {
	t.Helper()
	i, ok := s.Find(bincache.StorePath(named(name)))
	if !ok {
		t.Fatalf("%s is not there", name)
	}
	for _, j := range s.Rows[i].Refs {
		refs = append(refs, s.Rows[j].Path.Name())
	}
	return s.Rows[i], refs
}

func TestAStoreThatChangesWhileItIsToldFitsTogether(t *testing.T) {
	noise := join(words(tagNext), str("some log"), words(tagStartActivity, 1, 3, 100), str("text"), words(1, 0, 7, 0), words(tagStopActivity, 1))
	s, err := tellStore(t, func(q question) []byte {
		switch q.op {
		case opQueryAllValidPaths:
			return join(noise, listOf("a", "b", "c", "d.drv", "refused", "removed", "removed-too", "stays"))
		case opQueryDerivationOutputMap:
			return join(noise, words(tagLast, 3), str("dev"), str("/nix/store/"+named("removed")), str("doc"), str(""), str("out"), str("/nix/store/"+named("a")))
		}
		switch q.path {
		case named("b"):
			return join(noise, infoOf("a", "b"))
		case named("c"):
			return infoOf("b", "new") // made after the list
		case named("refused"):
			return refusal
		case named("removed"):
			return goneInfo
		case named("removed-too"):
			if q.nth > 0 {
				return goneInfo
			}
			return infoOf("removed") // it was still there then
		case named("stays"):
			return infoOf("a", "removed") // which cannot be
		}
		return infoOf()
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Rows) != 7 {
		t.Errorf("%d rows", len(s.Rows))
	}
	for name, want := range map[string][]string{"a": nil, "b": {"a", "b"}, "c": {"b", "new"}, "new": nil, "d.drv": nil} {
		row, refs := rowOf(t, s, name)
		if row.Damage != "" || !slices.Equal(refs, want) || row.Signatures != "a-1:AAAA b-1:BBBB" || !row.Ultimate || row.NarSize != 120 {
			t.Errorf("%s refers to %q, not %q: %+v", name, refs, want, row)
		}
	}
	if row, _ := rowOf(t, s, "d.drv"); len(row.Outputs) != 1 || s.Rows[row.Outputs[0]].Path.Name() != "a" {
		t.Errorf("the derivation makes %v", row.Outputs)
	}
	for _, name := range []string{"refused", "stays"} {
		if row, _ := rowOf(t, s, name); row.Damage == "" {
			t.Errorf("%s is sound", name)
		}
	}
	for _, name := range []string{"removed", "removed-too"} {
		if _, ok := s.Find(bincache.StorePath(named(name))); ok {
			t.Errorf("%s is there, and was removed", name)
		}
	}
}

func TestAStoreWithoutEndIsToldToAnEnd(t *testing.T) {
	made := 0
	s, err := tellStore(t, func(q question) []byte {
		if q.op == opQueryAllValidPaths {
			return listOf("first")
		}
		made++
		return infoOf(fmt.Sprint("another-", made))
	})
	if err != nil || made != storeRounds {
		t.Fatalf("asked %d times: %v", made, err)
	}
	last := s.Rows[len(s.Rows)-1]
	if len(s.Rows) != storeRounds || !slices.ContainsFunc(s.Rows, func(r storedb.Row) bool { return r.Damage != "" }) {
		t.Errorf("%d rows, the last %+v", len(s.Rows), last)
	}
}

func TestWhatAHostileDaemonTellsIsNoStore(t *testing.T) {
	list := func(b []byte) func(q question) []byte {
		return func(q question) []byte {
			if q.op == opQueryAllValidPaths {
				return b
			}
			return infoOf()
		}
	}
	info := func(b []byte) func(q question) []byte {
		return func(q question) []byte {
			if q.op == opQueryAllValidPaths {
				return listOf("a", "b", "c.drv")
			}
			if q.op == opQueryDerivationOutputMap || q.path == named("b") {
				return b
			}
			return infoOf()
		}
	}
	head := join(words(tagLast, 1), str(""), str(strings.Repeat("ab", 32)))
	silent := join(words(tagNext), str("wait"))
	for name, tc := range map[string]struct {
		answer func(q question) []byte
		says   string
	}{
		"refuses the list":             {list(refusal), "it answered: no"},
		"closes instead of the list":   {list(nil), "closed the connection"},
		"is silent about the list":     {list(silent), "did not answer in time"},
		"a list that is cut off":       {list(words(tagLast, 3)), "did not answer in time"},
		"a list of too many":           {list(words(tagLast, 1<<40)), "at most"},
		"a list of a negative number":  {list(words(tagLast, 1<<64-1)), "at most"},
		"a path of another store":      {list(join(words(tagLast, 1), str("/gnu/store/"+named("a")))), "is not in the store"},
		"a path that is none":          {list(join(words(tagLast, 1), str("/nix/store/../../etc"))), "is not a store path"},
		"a path twice":                 {list(listOf("a", "a")), "twice"},
		"a path of a gigabyte":         {list(words(tagLast, 1, 1<<30)), "at most"},
		"closes instead of an answer":  {info(nil), "closed the connection"},
		"is silent about a path":       {info(silent), "did not answer in time"},
		"neither valid nor not":        {info(words(tagLast, 7)), "yes or no"},
		"references without end":       {info(join(head, words(1<<40))), "at most"},
		"a reference to another store": {info(join(head, words(1), str("/gnu/store/"+named("a")))), "is not in the store"},
		"a text of a gigabyte":         {info(join(words(tagLast, 1), words(1<<30))), "at most"},
		"signatures without end":       {info(join(head, words(0, 1, 1, 0, 1<<40))), "at most"},
		"built here or what":           {info(join(head, words(0, 1, 1, 9))), "yes or no"},
		"an unknown message":           {info(words(0x1234)), "unknown message"},
		"trailing bytes":               {info(join(infoOf(), words(1))), "unknown message"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := tellStore(t, tc.answer)
			if s != nil || err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v: %v", s, err)
			}
		})
	}
}

func TestALongLogIsNotKept(t *testing.T) {
	line := join(words(tagNext), str(strings.Repeat("log ", 1<<16)))
	s, err := askStore(context.Background(), dialUnix, hostile(t, teller(func(q question) []byte {
		if q.op == opQueryAllValidPaths {
			return join(slices.Repeat(line, 100), listOf("a")) // 25 MiB
		}
		return infoOf()
	})), "/nix/store", storePatience())
	if err != nil || len(s.Rows) != 1 {
		t.Fatal(s, err)
	}
	w := newWire(&struct {
		io.Reader
		io.Writer
	}{strings.NewReader(string(join(slices.Repeat(line, 100), words(tagLast)))), io.Discard})
	w.most = maxStoreBytes
	lines, err := w.messages(protocolClient)
	if err != nil || len(lines) != maxTotal/(4<<16) {
		t.Errorf("%d lines were kept: %v", len(lines), err)
	}
}

func TestADaemonThatDoesNotListenHoldsNothingUp(t *testing.T) {
	// It answers, and reads none of the questions.
	socket := hostile(t, func(c net.Conn) {
		c.Write(honest(1))
		names := make([]string, 20_000)
		for i := range names {
			names[i] = fmt.Sprint("path-", i)
		}
		c.Write(listOf(names...))
		for range names {
			if _, err := c.Write(infoOf()); err != nil {
				return
			}
		}
		time.Sleep(2 * time.Second)
	})
	start := time.Now()
	_, err := askStore(context.Background(), dialUnix, socket, "/nix/store", patience{500 * time.Millisecond, 2 * time.Second, 0})
	if err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

func TestAskingForAStoreEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	socket := hostile(t, teller(func(q question) []byte {
		if q.op == opQueryAllValidPaths {
			return listOf("a")
		}
		cancel()
		time.Sleep(time.Second)
		return infoOf()
	}))
	start := time.Now()
	s, err := askStore(ctx, dialUnix, socket, "/nix/store", storePatience())
	if s != nil || !errors.Is(err, context.Canceled) || time.Since(start) > 10*time.Second {
		t.Errorf("%v %v after %v", s, err, time.Since(start))
	}
}

func TestOnlyTheDaemonThatAnsweredIsAskedForTheStore(t *testing.T) {
	dialled := 0
	m := Real(t.TempDir())
	m.dial = func(context.Context, string) (net.Conn, error) {
		dialled++
		return nil, fs.ErrPermission
	}
	facts := &trust.Facts{Nix: trust.Nix{StoreDir: "/nix/store", StateDir: "/nix/var/nix"}}
	for _, state := range []trust.DaemonState{trust.DaemonNotAsked, trust.DaemonAbsent, trust.DaemonRefused, trust.DaemonSilent, trust.DaemonGarbled} {
		facts.Daemon.State = state
		if _, err := ReadStore(context.Background(), m, facts); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrStoreNotTold) || dialled != 0 {
			t.Errorf("%v: dialled %d times: %v", state, dialled, err)
		}
	}
	facts.Daemon.State = trust.DaemonAnswered
	if _, err := ReadStore(context.Background(), m, facts); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, ErrStoreNotTold) || dialled != 1 {
		t.Errorf("dialled %d times: %v", dialled, err)
	}
}

func TestAnOldProtocolIsNotAskedForTheStore(t *testing.T) {
	socket := hostile(t, func(c net.Conn) {
		c.Write(words(magicDaemon, 0x115, tagLast))
		io.Copy(io.Discard, c)
	})
	_, err := askStore(context.Background(), dialUnix, socket, "/nix/store", storePatience())
	if err == nil || !strings.Contains(err.Error(), "1.21, is older than that of Nix 2.4") {
		t.Error(err)
	}
}
