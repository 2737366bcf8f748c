package tui

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/challenge"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// The made-up locks that the tests show: one of each thing that can be.

const (
	lockCache   = "https://hyprland.cachix.org"
	lockMirror  = "https://mirror.example.org/hypr"
	mirrorKey   = "mirror.example.org-1:vWvxRHkI4a7ruFPYR0eUjVOJgqzq1V8VW9mDbYgj5qk="
	cleanPath   = lock.StorePath("2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-hyprland-0.45.2")
	swappedPath = lock.StorePath("z4asv3j07d89ywjf8fxkn7sg6mf5s9q5-wlroots-0.18")
	lonePath    = lock.StorePath("0000000000000000000000000000000k-aquamarine-with-a-very-long-name-that-does-not-fit-anywhere-0.4")
)

// lockBackend answers with what a test put into it. What it was asked for is
// noted in calls.
type lockBackend struct {
	backend
	files    []LockFile
	filesErr error
	check    LockCheck
	report   *verify.Report
	old      *lock.Lock
	votes    *challenge.Report
	err      error
	calls    []string
	asked    []lock.Cache
	paths    []lock.StorePath
	// hook is called by each of them, nil for nothing.
	hook func(ctx context.Context) error
}

func (b *lockBackend) called(ctx context.Context, what string) error {
	b.calls = append(b.calls, what)
	if b.hook != nil {
		if err := b.hook(ctx); err != nil {
			return err
		}
	}
	return b.err
}

func (b *lockBackend) Locks(ctx context.Context, r *trust.Report) ([]LockFile, error) {
	return b.files, b.filesErr
}

func (b *lockBackend) Compared(ctx context.Context, f LockFile, path string) (string, *lock.Lock, error) {
	err := b.called(ctx, "compare "+path)
	if path == "" {
		path = "git's HEAD"
	}
	return path, b.old, err
}

func (b *lockBackend) Check(ctx context.Context, f LockFile) (LockCheck, error) {
	return b.check, b.called(ctx, "check "+f.Path)
}

func (b *lockBackend) Verify(ctx context.Context, f LockFile, contents bool, progress func(done, all int)) (*verify.Report, error) {
	progress(1, 3)
	what := "verify " + f.Path
	if contents {
		what += " with contents"
	}
	return b.report, b.called(ctx, what)
}

func (b *lockBackend) Challenge(ctx context.Context, f LockFile, caches []lock.Cache, paths []lock.StorePath, progress func(done, all int)) (*challenge.Report, error) {
	b.asked, b.paths = caches, paths
	return b.votes, b.called(ctx, "challenge")
}

func hashOf(text string) lock.Hash { return sha256.Sum256([]byte(text)) }

func fixtureLock() *lock.Lock {
	l := lock.New()
	l.Caches = []lock.Cache{{URL: lockCache, Keys: []string{hyprKey}}, {URL: lockMirror, Keys: []string{mirrorKey}}}
	for _, system := range []string{"aarch64-linux", "x86_64-linux"} {
		s := l.Section(system)
		s.Outputs["packages.default"] = cleanPath
		s.Outputs["packages.p\u0430yload"] = swappedPath // a name may have letters that look like others
		s.Paths[cleanPath] = lock.Pin{NAR: hashOf("clean"), Size: 123456789, Refs: []lock.StorePath{swappedPath}, By: []string{"hyprland.cachix.org-1"}}
		s.Paths[swappedPath] = lock.Pin{NAR: hashOf("pinned"), Size: 4096}
	}
	l.Systems["x86_64-linux"].Paths[lonePath] = lock.Pin{NAR: hashOf("lone"), Size: 168}
	return l
}

func digestOf(l *lock.Lock) string {
	d, err := l.Digest()
	if err != nil {
		panic(err) // the fixture is no lock
	}
	return d
}

// olderLock is fixtureLock before somebody swapped a path and added a cache.
func olderLock() *lock.Lock {
	l := fixtureLock()
	l.Caches = l.Caches[:1]
	for _, s := range l.Systems {
		p := s.Paths[swappedPath]
		p.NAR, p.Size = hashOf("as it was"), 4000
		s.Paths[swappedPath] = p
		s.Outputs["packages.default"] = "y4asv3j07d89ywjf8fxkn7sg6mf5s9q5-hyprland-0.45.1"
	}
	return l
}

func fixtureReport() *verify.Report {
	l := fixtureLock()
	pin := func(p lock.StorePath, v verify.Verdict, answers ...verify.Answer) verify.Pin {
		x, _ := l.Find(p)
		return verify.Pin{Path: p, Systems: []string{"x86_64-linux"}, Pin: x, Verdict: v, Answers: answers}
	}
	return &verify.Report{Pins: []verify.Pin{
		pin(lonePath, verify.Absent, verify.Answer{Cache: lockCache, Verdict: verify.Absent, Text: "it is not there"}, verify.Answer{Cache: lockMirror, Verdict: verify.Absent, Text: "it is not there"}),
		pin(cleanPath, verify.Verified, verify.Answer{Cache: lockCache, Verdict: verify.Verified, Text: `it is signed by "hyprland.cachix.org-1"`, By: []string{"hyprland.cachix.org-1"}},
			verify.Answer{Cache: lockMirror, Verdict: verify.Unreachable, Text: "no answer within 10s"}),
		pin(swappedPath, verify.Mismatch, verify.Answer{Cache: lockCache, Verdict: verify.Verified, Text: "it is signed"},
			verify.Answer{Cache: lockMirror, Verdict: verify.Mismatch, Text: "the cache offers something else than is pinned", Differences: []verify.Difference{
				{Field: "narHash", Pinned: hashOf("pinned").String(), Got: hashOf("swapped").String()},
				{Field: "references", Pinned: "none", Got: "evil00000000000000000000000000000-\x1b[2Jpayload"},
			}}),
	}}
}

func fineReport() *verify.Report {
	r := fixtureReport()
	for i := range r.Pins {
		r.Pins[i].Verdict = verify.Verified
		r.Pins[i].Answers = []verify.Answer{{Cache: lockCache, Verdict: verify.Verified, Text: "it is signed"}}
	}
	return r
}

func fixtureVotes() *challenge.Report {
	say := func(text, why string) challenge.Vote {
		return challenge.Vote{Answer: challenge.Said, Text: why, NAR: hashOf(text), Size: 4096}
	}
	return &challenge.Report{
		Require: 2,
		Voters:  []challenge.Voter{{Kind: challenge.Cache, Name: lockCache}, {Kind: challenge.Cache, Name: lockMirror}, {Kind: challenge.Store, Name: "the local store"}, {Kind: challenge.Lock, Name: "the lock"}},
		Items: []challenge.Item{
			{Path: cleanPath, Verdict: challenge.Match, Text: "2 distinct voters of 4 say the same", Votes: []challenge.Vote{say("clean", "it is signed"), say("clean", "it is signed"), {Answer: challenge.Missing, Text: "it is not in the store"}, say("clean", "the lock pins it")},
				Sides: []challenge.Side{{Votes: []int{0, 1, 3}, Distinct: 2}}},
			{Path: swappedPath, Verdict: challenge.Mismatch, Text: "the voters say 2 different things", Votes: []challenge.Vote{say("pinned", "it is signed"), say("swapped", "it is signed by another\x1b]0;x\x07"), {Answer: challenge.Unreachable, Text: "https://u:secret@mirror.example.org: no answer"}, say("pinned", "the lock pins it")},
				Sides: []challenge.Side{{Votes: []int{0, 3}, Distinct: 1}, {Votes: []int{1}, Distinct: 1}}},
		},
	}
}

// fixtureLocks are the locks of the flakes of the fixture.
func fixtureLocks(r *trust.Report) []LockFile {
	files := make([]LockFile, len(r.Flakes))
	for i := range r.Flakes {
		f := LockFile{Flake: r.Flakes[i].ID, Here: isHere(r.Flakes[i]), Seen: true}
		if f.Flake.Path == "" {
			f.Seen, f.Err = false, errors.New("its source is not a folder on this machine")
		} else {
			f.Path = f.Flake.Path + "/flake.cache-lock"
		}
		switch {
		case strings.HasSuffix(f.Flake.Path, "/hypr-config"), strings.HasSuffix(f.Flake.Path, "/blog"):
			f.Lock = fixtureLock()
			f.Digest = digestOf(f.Lock)
		case strings.HasSuffix(f.Flake.Path, "/devshell"):
			f.Err = &lock.Error{Kind: lock.KindTwoPins, Pos: nixconf.Pos{File: f.Path, Line: 14, Col: 1}, Other: nixconf.Pos{File: f.Path, Line: 12, Col: 1},
				Text: "the path \"2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-\x1b[31mhello\" has two pins", Hint: "`nix-trust challenge` asks every cache"}
		case strings.HasSuffix(f.Flake.Path, "/gaming"):
			f.Err = errors.New("permission denied")
		}
		files[i] = f
	}
	return files
}

// lockDriver starts the program on the Locks screen of the fixture.
func lockFixture() *lockBackend {
	r := fixture()
	return &lockBackend{backend: backend{report: r}, files: fixtureLocks(r), report: fixtureReport(), old: olderLock(), votes: fixtureVotes(),
		check: LockCheck{Systems: []string{"aarch64-linux", "x86_64-linux"}}}
}
