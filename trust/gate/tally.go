package gate

import (
	"slices"
	"sync"
	"sync/atomic"
)

// mostEvents is how many questions for contents are remembered.
const mostEvents = 256

// A tally counts what a gate has done.
type tally struct {
	infos, misses, contents, refused, bytes, wrong atomic.Int64

	mu     sync.Mutex
	events []Event // a ring once it is full
	next   int     // where the oldest one is
}

func (t *tally) counts() Counts {
	return Counts{
		Infos: t.infos.Load(), Misses: t.misses.Load(), Contents: t.contents.Load(),
		Refused: t.refused.Load(), Bytes: t.bytes.Load(), Wrong: t.wrong.Load(),
	}
}

// add takes in how a question for contents ended.
func (t *tally) add(e Event) {
	switch e.Result {
	case Served:
		t.contents.Add(1)
	case Refused, Cut:
		t.refused.Add(1)
	}
	t.bytes.Add(e.Bytes)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) < mostEvents {
		t.events = append(t.events, e)
		return
	}
	t.events[t.next] = e
	t.next = (t.next + 1) % mostEvents
}

// recent are the events, the newest first.
func (t *tally) recent() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := slices.Concat(t.events[t.next:], t.events[:t.next])
	slices.Reverse(out)
	return out
}
