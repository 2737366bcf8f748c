package host

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

// Operations that only look. FindRoots is not among them: it removes links that
// lead nowhere (Nix: src/libstore/gc.cc, findRoots).
// Nix: src/libstore/worker-protocol.hh, Op; daemon.cc, performOp.
const (
	opQueryAllValidPaths       = 23
	opQueryPathInfo            = 26
	opQueryDerivationOutputMap = 41
)

// protocolStore is the first protocol with all of them, that of Nix 2.4.
const protocolStore = protocolMajor | 22

// Bounds on what a daemon may tell of its store, and how long that may take.
const (
	maxStorePaths = 4 << 20
	maxStoreBytes = math.MaxInt32 // of all answers; a path takes some 700
	maxStoreText  = 1 << 20       // of one string
	storeRounds   = 4             // of asking again about what changed meanwhile
	storeRenewal  = 1024          // answers for which patience.next is
)

// patience is how long a daemon may take over its store.
type patience struct {
	next time.Duration // over the next answers
	list time.Duration // over the list of paths
	each time.Duration // over each path, on top of it
}

// storePatience is for a slow disk: a daemon mostly takes a hundredth of it.
func storePatience() patience { return patience{30 * time.Second, time.Minute, 2 * time.Millisecond} }

// askStore has a daemon tell what its database says of every path. It is asked
// for nothing but that, and changes nothing. While it answers the store may
// change, so what does not fit together is asked about again.
func askStore(ctx context.Context, dial func(context.Context, string) (net.Conn, error), socket, dir string, wait patience) (*storedb.Store, error) {
	talk := greet(ctx, dial, socket, daemonTime)
	if talk.conn == nil {
		return nil, cmp.Or(ctx.Err(), errors.New(talk.daemon.Err))
	}
	defer talk.close()
	if talk.daemon.Protocol < protocolStore {
		return nil, fmt.Errorf("its protocol, %d.%d, is older than that of Nix 2.4", talk.daemon.Protocol>>8, talk.daemon.Protocol&0xff)
	}
	talk.wire.most = maxStoreBytes
	conn := talk.conn
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	s := &storeAsker{talk: talk, wait: wait, dir: dir, prefix: []byte(dir + "/"), at: map[bincache.StorePath]int32{}}
	if err := s.ask(); err != nil {
		var said *daemonError
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &said):
			return nil, said
		}
		return nil, errors.New(talkText(err))
	}
	store := storedb.New(dir, s.settled())
	store.Told = &storedb.Told{Socket: socket, Version: talk.daemon.RawVersion}
	return store, nil
}

// A storeAsker is one conversation about a store.
type storeAsker struct {
	talk   *conversation
	wait   patience
	dir    string
	prefix []byte
	at     map[bincache.StorePath]int32
	rows   []storedb.Row
	states []rowState
	end    time.Time
}

// rowState is what the daemon said of a path so far.
type rowState uint8

const (
	rowUnknown rowState = iota
	rowValid
	rowGone // it is in the store no more
)

func (s *storeAsker) ask() error {
	s.end = time.Now().Add(s.wait.list)
	if err := s.list(); err != nil {
		return err
	}
	s.end = time.Now().Add(s.wait.list + time.Duration(len(s.rows))*s.wait.each)
	for range storeRounds {
		pending := s.pending()
		if len(pending) == 0 {
			break
		}
		if err := s.each(opQueryPathInfo, pending, s.info); err != nil {
			return err
		}
	}
	var derivations []int32
	for i := range s.rows {
		if s.states[i] == rowValid && strings.HasSuffix(string(s.rows[i].Path), ".drv") {
			derivations = append(derivations, int32(i))
		}
	}
	return s.each(opQueryDerivationOutputMap, derivations, s.outputs)
}

// list asks for all paths.
func (s *storeAsker) list() error {
	w := s.talk.wire
	s.renew()
	w.putNumber(opQueryAllValidPaths)
	if err := w.flush(); err != nil {
		return err
	}
	if _, err := w.messages(s.protocol()); err != nil {
		return err
	}
	a := answer{w: w}
	for range a.count(maxStorePaths) {
		p, err := s.storePath(a.bytes())
		if a.err = cmp.Or(a.err, err); a.err != nil {
			break
		}
		if _, twice := s.at[p]; twice {
			return garbled("it listed %s twice", p)
		}
		s.add(p)
	}
	return a.err
}

func (s *storeAsker) protocol() int { return s.talk.protocol(&s.talk.daemon) }

// renew gives the daemon time for what comes next.
func (s *storeAsker) renew() {
	next := time.Now().Add(s.wait.next)
	if next.After(s.end) {
		next = s.end
	}
	s.talk.conn.SetDeadline(next)
}

func (s *storeAsker) add(p bincache.StorePath) int32 {
	i := int32(len(s.rows))
	s.at[p] = i
	s.rows, s.states = append(s.rows, storedb.Row{Path: p}), append(s.states, rowUnknown)
	return i
}

func (s *storeAsker) storePath(whole []byte) (bincache.StorePath, error) {
	p, err := bincache.ParseStorePathIn(s.dir, string(whole))
	if err != nil {
		return "", garbled("%v", err)
	}
	return p, nil
}

// find is the index of a path, which may be new.
func (s *storeAsker) find(whole []byte) (int32, error) {
	if base, ok := bytes.CutPrefix(whole, s.prefix); ok {
		if i, known := s.at[bincache.StorePath(base)]; known {
			return i, nil
		}
	}
	p, err := s.storePath(whole)
	if err != nil {
		return 0, err
	}
	if len(s.rows) == maxStorePaths {
		return 0, garbled("it has more than %d paths", maxStorePaths)
	}
	return s.add(p), nil
}

// pending are the paths to ask about: those of which nothing is known, and those
// that refer to what is gone.
func (s *storeAsker) pending() (out []int32) {
	for i := range s.rows {
		if s.states[i] == rowUnknown || s.states[i] == rowValid && s.dangles(int32(i)) {
			out = append(out, int32(i))
		}
	}
	return out
}

func (s *storeAsker) dangles(i int32) bool {
	return slices.ContainsFunc(s.rows[i].Refs, func(j int32) bool { return s.states[j] == rowGone })
}

// each asks one question about several paths. The daemon answers in their order,
// so the questions are sent without waiting for the answers.
func (s *storeAsker) each(op uint64, about []int32, take func(i int32) error) error {
	w := s.talk.wire
	paths := make([]bincache.StorePath, len(about)) // as answers change the rows
	for n, i := range about {
		paths[n] = s.rows[i].Path
	}
	s.renew()
	sent := make(chan error, 1)
	go func() {
		for _, p := range paths {
			w.putNumber(op)
			w.putText(p.In(s.dir))
		}
		sent <- w.flush()
	}()
	for n, i := range about {
		if n%storeRenewal == storeRenewal-1 {
			s.renew()
		}
		if err := take(i); err != nil {
			s.talk.conn.Close() // what sends gives up
			<-sent
			return err
		}
	}
	return <-sent
}

// begin reads what comes before an answer; ok is false when the daemon could not
// give one, and goes on.
func (s *storeAsker) begin() (ok bool, err error) {
	_, err = s.talk.wire.messages(s.protocol())
	var said *daemonError
	if errors.As(err, &said) {
		return false, nil
	}
	return err == nil, err
}

// info takes in what is registered of a path.
// Nix: src/libstore/worker-protocol.cc, UnkeyedValidPathInfo.
func (s *storeAsker) info(i int32) error {
	row := storedb.Row{Path: s.rows[i].Path}
	ok, err := s.begin()
	if err != nil {
		return err
	}
	a := answer{w: s.talk.wire}
	switch {
	case !ok:
		row.Damage = "the daemon could not say what is registered of it"
	case a.flag():
		if err := s.registered(&a, &row); err != nil {
			return err
		}
	case a.err == nil:
		s.states[i] = rowGone
		return nil
	}
	if row.Damage != "" {
		row.Text = string(row.Path)
	}
	s.rows[i], s.states[i] = row, rowValid
	return a.err
}

func (s *storeAsker) registered(a *answer, row *storedb.Row) error {
	if deriver := a.text(); deriver != "" {
		row.Deriver, _ = bincache.ParseStorePathIn(s.dir, deriver)
	}
	hash := a.text()
	if !strings.Contains(hash, ":") {
		hash = "sha256:" + hash
	}
	var err error
	if row.NarHash, err = bincache.ParseHash(hash); err != nil {
		row.Damage = "its hash is no SHA-256"
	}
	for range a.count(maxStorePaths) {
		whole := a.bytes()
		if a.err != nil {
			return a.err
		}
		j, err := s.find(whole)
		if err != nil {
			return err
		}
		row.Refs = append(row.Refs, j)
	}
	row.Registered = int64(a.number())
	if size := a.number(); size <= math.MaxInt64 {
		row.NarSize = int64(size)
	} else {
		row.Damage = "its size is no size"
	}
	row.Ultimate = a.flag()
	var sigs []string
	for range a.count(maxStoreText) {
		if sigs = append(sigs, a.text()); a.err != nil {
			return a.err
		}
	}
	row.Signatures, row.CA = strings.Join(sigs, " "), a.text()
	return a.err
}

// outputs takes in what a derivation makes, as far as that is in the store.
func (s *storeAsker) outputs(i int32) error {
	ok, err := s.begin()
	if err != nil {
		return err
	}
	if row := &s.rows[i]; !ok && row.Damage == "" {
		row.Damage, row.Text = "the daemon could not say what it makes", string(row.Path)
	}
	if !ok {
		return nil
	}
	a := answer{w: s.talk.wire}
	for range a.count(maxStoreText) {
		a.bytes() // the output's name
		base, inStore := bytes.CutPrefix(a.bytes(), s.prefix)
		if a.err != nil {
			return a.err
		}
		if j, known := s.at[bincache.StorePath(base)]; inStore && known {
			s.rows[i].Outputs = append(s.rows[i].Outputs, j)
		}
	}
	return a.err
}

// settled are the rows of what is in the store, in the order of registration.
func (s *storeAsker) settled() []storedb.Row {
	var order []int32
	for i := range s.rows {
		if s.states[i] == rowValid {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(s.rows[a].Registered, s.rows[b].Registered), cmp.Compare(s.rows[a].Path, s.rows[b].Path))
	})
	const none = -1
	moved := slices.Repeat([]int32{none}, len(s.rows))
	for to, from := range order {
		moved[from] = int32(to)
	}
	out := make([]storedb.Row, len(order))
	joined := func(list []int32) (kept []int32, whole bool) {
		kept = slices.DeleteFunc(list, func(j int32) bool { return moved[j] == none })
		whole = len(kept) == len(list)
		slices.SortFunc(kept, func(a, b int32) int { return cmp.Compare(s.rows[a].Path, s.rows[b].Path) })
		kept = slices.Compact(kept)
		for k, j := range kept {
			kept[k] = moved[j]
		}
		return kept, whole
	}
	for to, from := range order {
		row := &out[to]
		*row = s.rows[from]
		var whole bool
		row.Outputs, _ = joined(row.Outputs)
		if row.Refs, whole = joined(row.Refs); !whole && row.Damage == "" {
			row.Damage, row.Text = "it refers to something that the daemon does not have", string(row.Path)
		}
	}
	return out
}

// An answer is read value by value; after an error all of them are zero.
type answer struct {
	w   *wire
	err error
}

func (a *answer) number() (n uint64) {
	if a.err == nil {
		n, a.err = a.w.number()
	}
	return n
}

// bytes is a string, good until the next is read.
func (a *answer) bytes() (b []byte) {
	if a.err == nil {
		b, a.err = a.w.bytes(maxStoreText)
	}
	return b
}

func (a *answer) text() string { return string(a.bytes()) }

func (a *answer) flag() bool {
	n := a.number()
	if n > 1 {
		a.err = garbled("it sent %d where yes or no belongs", n)
	}
	return n == 1 && a.err == nil
}

func (a *answer) count(most int) int {
	n := a.number()
	if n > uint64(most) {
		a.err = garbled("it announced a list of %d elements, and at most %d are read", n, most)
		return 0
	}
	return int(n)
}
