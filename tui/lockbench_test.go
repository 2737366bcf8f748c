package tui

import (
	"context"
	"fmt"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/lock"
)

// greatLock pins n paths.
func greatLock(n int) *lock.Lock {
	l := lock.New()
	s := l.Section("x86_64-linux")
	for i := range n {
		s.Paths[lock.StorePath(fmt.Sprintf("%032d-package-%d-1.0", i, i))] = lock.Pin{NAR: hashOf(fmt.Sprint(i)), Size: 4096}
	}
	return l
}

func BenchmarkPinsOfAGreatLock(b *testing.B) {
	f := lockFixture()
	f.files[1].Lock, f.files[1].Digest = greatLock(100_000), "great"
	m := newRoot(context.Background(), Options{Backend: f}, time.Now)
	m.jobs.start()
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 36})
	m.Update(snapshotMsg{gen: m.jobs.gen, report: f.backend.report})
	m.Update(tea.KeyPressMsg(tea.Key{Code: '5', Text: "5"}))
	m.settle()
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			m.locks.turnTo(pagePins)
			m.Update(nil)
		}
	})
	b.Run("move", func(b *testing.B) {
		for b.Loop() {
			m.Update(tea.KeyPressMsg(tea.Key{Code: 'j', Text: "j"}))
			m.View()
		}
	})
}
