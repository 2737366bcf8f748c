package tui

import (
	"context"
	"errors"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// changeBackend plans for real, on one file of answers in memory. What it was
// asked for is noted.
type changeBackend struct {
	lockBackend
	answers trust.FileState
	plan    func(a Action) (trust.Plan, error) // instead of its own, nil for that
	told    Told
	list    GrantList
	listErr error
	history History
	histErr error
	applies []error // what the first calls of Apply end with
	actions []Action
	made    []trust.Plan
}

func changeFixture() *changeBackend {
	return &changeBackend{
		lockBackend: *lockFixture(), history: fixtureHistory(), list: fixtureGrants(),
		answers: trust.FileState{Exists: true, Mode: 0o600, Data: []byte(`{"accept-flake-config":{"true":true},` +
			`"extra-substituters":{"https://hyprland.cachix.org":true,"https://nix-gaming.cachix.org":false,"https://numtide.cachix.org https://cache.nixos.org":true},` +
			`"extra-trusted-public-keys":{"gone.cachix.org-1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=":true}}`)},
	}
}

func (b *changeBackend) Asks(context.Context, Action) (Told, error) { return b.told, nil }

func (b *changeBackend) source() trust.AnswersSource {
	return trust.AnswersSource{Path: "/home/ada/.local/share/nix/trusted-settings.json", State: b.answers}
}

func (b *changeBackend) Plan(_ context.Context, a Action, progress func(done, all int)) (trust.Plan, error) {
	b.actions = append(b.actions, a)
	if b.plan != nil {
		return b.plan(a)
	}
	now, err := b.source().Answers()
	if err != nil {
		return trust.Plan{}, err
	}
	edits := []trust.AnswerEdit{{Setting: a.Setting, Value: a.Value, Do: trust.AnswerForget}}
	switch a.Kind {
	case AnswerYes:
		edits[0].Do = trust.AnswerYes
	case AnswerNo:
		edits[0].Do = trust.AnswerNo
	case Forget:
		if a.Item != "" {
			edits = now.ForgetItem(a.Item)
		}
	default:
		return trust.Plan{}, errors.New("/home/ada/src/hypr-config/flake.cache-lock could not be read: \x1b[31mno such file. To do: make one with `nix-trust lock`")
	}
	p, err := trust.PlanAnswers(b.source(), edits)
	return p.WithResidual(b.backend.report), err
}

func (b *changeBackend) Apply(_ context.Context, p trust.Plan) (int, error) {
	b.made = append(b.made, p)
	if len(b.applies) > 0 {
		err := b.applies[0]
		b.applies = b.applies[1:]
		return 0, err
	}
	for _, s := range p.Steps {
		if s.Path == b.source().Path {
			b.answers = s.After
		}
	}
	return len(b.made), nil
}

func (b *changeBackend) History(context.Context) (History, error) { return b.history, b.histErr }

func (b *changeBackend) Entry(_ context.Context, n int) (trust.Plan, error) {
	if n == 3 {
		return trust.Plan{}, errors.New("entry 3 cannot be read: \x1b[2Ja digest is wrong")
	}
	return hostilePlan(), nil
}

func (b *changeBackend) Grants(context.Context) (GrantList, error) { return b.list, b.listErr }

// sweepingPlan gives back what no command would ever give.
func sweepingPlan() trust.Plan {
	const path = "/home/ada/.local/share/nix/trusted-settings.json"
	return trust.Plan{
		Summary: "Undo 2: Forget one saved answer", Risk: trust.PlanSweeping, Undoes: 2,
		Steps: []trust.FileChange{{Path: path, Form: trust.FormAnswers, Before: trust.FileState{Exists: true, Data: []byte(`{}`)},
			After: trust.FileState{Exists: true, Data: []byte(`{"accept-flake-config":{"true":true},"extra-substituters":{"https://a.example":true}}`)}}},
	}
}

// hostilePlan has a stranger's text wherever there is room for it.
func hostilePlan() trust.Plan {
	const evil = "\x1b[2J\u202eevil\nline \u200b\x1b]8;;https://evil.example\x07"
	return trust.Plan{
		Summary: "Grant " + evil, Changes: []string{evil, "https://user:hunter2@evil.example may deliver"}, Notes: []string{evil}, Risk: trust.PlanWidens,
		Steps: []trust.FileChange{{Path: "/home/ada/" + evil, Form: trust.FormText,
			Before: trust.FileState{Exists: true, Data: []byte("same\n[Cancel]    Make the change\x1b[8m\n")},
			After:  trust.FileState{Exists: true, Data: []byte("same\nurl = \"https://cache.ex\u0430mple.org\"\n  " + evil + "\ttab\n")}}},
		Commands: []trust.Fix{{Title: evil, Detail: evil, Command: "echo " + evil, Admin: true}},
		Residual: []trust.Residual{{Subject: "https://evil.example/\u202e", Where: nixconf.Pos{File: "/etc/" + evil, Line: 3}, Text: evil}},
	}
}

func fixtureHistory() History {
	at := func(day int) time.Time { return time.Date(2026, 2, day, 9, 30, 0, 0, time.UTC) }
	const file = "/home/ada/.local/share/nix/trusted-settings.json"
	return History{File: "/home/ada/.local/state/nix-trust/journal.jsonl", Damage: []string{"/home/ada/.local/state/nix-trust/journal.jsonl:4: it ends in the \x1b[31mmiddle"},
		Entries: []Entry{
			{N: 1, Time: at(1), Summary: "Forget 2 saved answers", Changes: []string{"Forget the yes to extra-substituters = https://a.example."}, Risk: trust.PlanNarrows, State: EntryApplied, UndoneBy: 2, Files: []string{file}},
			{N: 2, Time: at(2), Summary: "Undo 1: Forget 2 saved answers", Risk: trust.PlanWidens, State: EntryApplied, Undoes: 1, Files: []string{file}},
			{N: 3, Time: at(3), Summary: "Grant \x1b[31mevil\u202e", Risk: trust.PlanUnknown, State: EntryNotApplied},
			{N: 5, Time: at(5), Summary: "Forget one saved answer", Risk: trust.PlanSweeping, State: EntryPartly, Files: []string{file}},
			{N: 6, Time: at(6), Summary: "Forget one saved answer", State: EntryUnclear},
			{N: 7, Time: at(7), Summary: "Change one saved answer", Risk: trust.PlanWidens, State: EntryApplied, Files: []string{file}},
		}}
}

func fixtureGrants() GrantList {
	const file = "/home/ada/.config/nix-trust/grants.toml"
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	digest := digestOf(fixtureLock())
	return GrantList{
		Files:  []string{file, "/etc/nix-trust/grants.toml"},
		Alarms: []string{"Two grants say different bytes for 2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-\x1b[31mhello."},
		Items: []GrantItem{
			{Flake: "git:/home/ada/src/gaming/.git", File: file, Own: true, Denied: true, State: "denied", Text: "Nothing that it offers can be granted.", Since: day, Note: "they \u202elie"},
			{Flake: "git:/home/ada/src/hypr-config/.git", File: file, Own: true, Counts: true, State: "active", Text: "The lock on offer is the one that was accepted.", Since: day, Seen: home + "/src/hypr-config",
				Lock: digest, Caches: fixtureLock().Caches, Systems: []string{"x86_64-linux"}, Paths: 3},
			{Flake: "path:/home/ada/src/blog", File: file, Own: true, State: "stale", Text: "The flake offers another lock than the one that was accepted.", Since: day, Expires: day.AddDate(1, 0, 0), Seen: home + "/src/blog",
				Lock: digest, Caches: fixtureLock().Caches, Systems: []string{"x86_64-linux"}, Alarm: true, Diff: lock.Compare(olderLock(), fixtureLock())},
			{Flake: "github:evil/\x1b[31mflake", File: "/etc/nix-trust/grants.toml", State: "unknown", Unsure: true, Text: "Which lock the flake offers now was not looked at.", Since: day, Lock: digest},
		},
	}
}
