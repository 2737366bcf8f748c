package demo

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/fstest"
	"time"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/host"
)

// A Host is the made-up host with what was changed on it. The changes are kept
// in memory, and are gone when the program ends.
type Host struct {
	mu    sync.Mutex
	files fstest.MapFS // is replaced and never changed: a look that goes on keeps the old one
	made  []Made

	key    *gate.Key   // of its gate, made anew with each host; nil when that was not possible
	turned atomic.Bool // a cache has turned hostile
	hurry  atomic.Bool // no cache takes its time
}

// A Made is a plan that was made on the host.
type Made struct {
	Time     time.Time
	Plan     trust.Plan
	UndoneBy int // the number of the one that took it back, 0 for none
}

// New returns the host as it comes.
func New() *Host {
	h := &Host{}
	public := ""
	if key, err := gate.NewKey(gate.KeyName("demo")); err == nil {
		h.key, public = key, key.PublicText()
	}
	h.files = files(public)
	return h
}

// Files are the host's files as they are now.
func (h *Host) Files() host.Files { return host.In(h.tree()) }

func (h *Host) tree() fstest.MapFS {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.files
}

// Read reads a file as a plan is made from it.
func (h *Host) Read(file string) (trust.FileState, error) {
	return stateOf(h.tree(), file)
}

func stateOf(tree fstest.MapFS, file string) (trust.FileState, error) {
	name, err := nameOf(file)
	if err != nil {
		return trust.FileState{}, err
	}
	info, err := fs.Stat(tree, name)
	if errors.Is(err, fs.ErrNotExist) {
		return trust.FileState{}, nil
	}
	if err != nil {
		return trust.FileState{}, err
	}
	data, err := fs.ReadFile(tree, name)
	if err != nil {
		return trust.FileState{}, err
	}
	return trust.FileState{Exists: true, Data: data, Mode: info.Mode().Perm()}, nil
}

// nameOf is a path as the tree has it.
func nameOf(file string) (string, error) {
	if !path.IsAbs(file) || path.Clean(file) != file {
		return "", fmt.Errorf("%s is no absolute path in its plain form", file)
	}
	return strings.TrimPrefix(file, "/"), nil
}

// ErrMoved says that a file is not what a plan was made from.
var ErrMoved = errors.New("it was changed since the change was worked out")

// Put makes changes that are in no journal, all or none.
func (h *Host) Put(steps ...trust.FileChange) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.put(steps)
}

func (h *Host) put(steps []trust.FileChange) error {
	next := maps.Clone(h.files)
	for _, s := range steps {
		now, err := stateOf(h.files, s.Path)
		if err != nil {
			return err
		}
		if !now.Equal(s.Before) {
			return fmt.Errorf("%s: %w", s.Path, ErrMoved)
		}
		name, err := nameOf(s.Path)
		if err != nil {
			return err
		}
		if !s.After.Exists {
			delete(next, name)
			continue
		}
		mode := s.After.Mode
		if now.Exists {
			mode = now.Mode
		}
		next[name] = &fstest.MapFile{Data: slices.Clone(s.After.Data), Mode: mode}
	}
	h.files = next
	return nil
}

// Apply makes a plan and returns its number, from 1.
func (h *Host) Apply(p trust.Plan, now time.Time) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.put(p.Steps); err != nil {
		return 0, err
	}
	h.made = append(slices.Clone(h.made), Made{Time: now, Plan: p})
	n := len(h.made)
	if u := p.Undoes; u > 0 && u < n {
		h.made[u-1].UndoneBy = n
		if first := h.made[u-1].Plan.Undoes; first > 0 {
			h.made[first-1].UndoneBy = 0
		}
	}
	return n, nil
}

// History returns what was made, oldest first.
func (h *Host) History() []Made {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.made)
}

// Undo is the plan that takes number n back, or with 0 the latest that is in
// force and took nothing back itself.
func (h *Host) Undo(n int) (trust.Plan, error) {
	made := h.History()
	if n == 0 {
		for i, m := range made {
			if m.UndoneBy == 0 && m.Plan.Undoes == 0 {
				n = i + 1
			}
		}
		if n == 0 {
			return trust.Plan{}, errors.New("there is nothing to undo")
		}
	}
	if n < 1 || n > len(made) {
		return trust.Plan{}, fmt.Errorf("there is no entry %d", n)
	}
	m := made[n-1]
	if m.UndoneBy != 0 {
		return trust.Plan{}, fmt.Errorf("entry %d was taken back already, by entry %d", n, m.UndoneBy)
	}
	p := m.Plan.Inverse()
	inverse := p.Risk
	p.Undoes, p.Risk, p.Summary = n, trust.PlanNarrows, fmt.Sprintf("Undo %d: %s", n, m.Plan.Summary)
	for i, done := range m.Plan.Steps {
		now, err := h.Read(done.Path)
		if err != nil {
			return trust.Plan{}, err
		}
		if done.Form != trust.FormAnswers {
			if !now.Equal(done.After) {
				return trust.Plan{}, fmt.Errorf("%s was changed since, so taking the older change back would undo newer ones", done.Path)
			}
			p.Risk = p.Risk.With(inverse)
			continue
		}
		if !now.Equal(done.After) { // other answers may have come in since, and stay
			back, err := trust.RevertAnswers(trust.AnswersSource{Path: done.Path, State: now}, done)
			if err != nil {
				return trust.Plan{}, err
			}
			if len(back.Steps) == 0 {
				return trust.Plan{}, fmt.Errorf("%s is what it was already", done.Path)
			}
			p.Steps[i] = back.Steps[0]
		}
		changes, risk, err := trust.AnswersChange(p.Steps[i])
		if err != nil {
			return trust.Plan{}, err
		}
		p.Changes, p.Risk = append(p.Changes, changes...), p.Risk.With(risk)
	}
	return p, nil
}
