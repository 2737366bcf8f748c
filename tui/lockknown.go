package tui

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/challenge"
	"github.com/nix-trust/nix-trust/lock/verify"
)

type (
	ctx      = context.Context
	progress = func(done, all int)
)

var (
	errLockCount = errors.New("the locks that were read are not those of the flakes")
	errNothing   = errors.New("nothing came back, so that nothing is known")
)

// A knowledge is what this session found out about one lock, nil for what it
// did not. It is kept by the lock's digest: a lock that changed is unknown again.
type knowledge struct {
	check   *outcome[LockCheck]
	verify  *outcome[*verify.Report]
	changes *outcome[comparison]
	votes   *outcome[*challenge.Report]
	// contents says that verify read the bytes, too.
	contents bool
}

// An outcome is what an action gave, and when. With an err it gave nothing.
type outcome[T any] struct {
	value T
	err   error
	at    time.Time
}

// A comparison is what changed from another lock to this one.
type comparison struct {
	with string // the other's name
	diff lock.Diff
}

// about returns what is known of a lock, never nil.
func (s *locks) about(f *LockFile) *knowledge {
	if f == nil || f.Lock == nil || f.Digest == "" {
		return &knowledge{}
	}
	key := f.Path + "\n" + f.Digest
	k := s.known[key]
	if k == nil {
		k = &knowledge{}
		s.known[key] = k
	}
	return k
}

func (k *knowledge) bad() bool {
	return k.verify != nil && k.verify.err == nil && k.verify.value.Outcome() == verify.Bad
}

func (k *knowledge) fine() bool {
	return k.verify != nil && k.verify.err == nil && k.verify.value.Outcome() == verify.Fine
}

// addSize adds up bytes. What is more than a number holds stays at its greatest.
func addSize(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}

// sizeText writes a number of bytes in few characters.
func sizeText(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), 0
	for f >= 999.95 && unit < 6 {
		f /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", f, " kMGTPE"[unit])
}

// ageText says how long ago something was, roughly.
func ageText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return itoa(int(d/time.Minute)) + " min ago"
	}
	return itoa(int(d/time.Hour)) + " h ago"
}
