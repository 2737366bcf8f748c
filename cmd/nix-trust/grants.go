package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func (a *app) grantsCommand() *cobra.Command {
	var consent consentFlags
	var prune bool
	c := &cobra.Command{
		Use:   "grants",
		Short: "List what was granted and denied, and whether it still counts",
		Long: `grants lists each grant and denial, the user's and the system's, with how it stands
against what its flake offers now. Nothing is asked of the network, and only a
lock that belongs to one source tree has nix look at the flake.

--prune drops the grants that have expired and those whose flake is gone.

` + consentHelp + `

Exit code: 0 every grant counts, or --prune was done; 1 some grant does not
count, or refused; 3 how one stands could not be determined, or the grants could
not be read or written; 4 two grants disagree about a path, or a flake offers
other bytes for a path that was accepted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.bundled() && !prune {
				return a.listBundledGrants()
			}
			b, j, err := a.grantBook()
			if err != nil {
				return err
			}
			if !prune {
				if consent.yes || consent.dryRun {
					return usage("--yes and --dry-run are for --prune", "leave them out: listing changes nothing")
				}
				return a.listGrants(cmd.Context(), b)
			}
			p, err := b.planPrune()
			if err != nil {
				return err
			}
			return a.carryOut(cmd.Context(), j, p, consent)
		},
	}
	c.Flags().BoolVar(&prune, "prune", false, "drop the grants that are of no use any more")
	consent.add(c)
	return c
}

// planPrune is the plan that drops the grants that are of no use any more.
func (b *grantBook) planPrune() (trust.Plan, error) {
	p, err := grants.PlanPrune(b.own.Source, time.Now(), b.gone)
	if err != nil {
		return trust.Plan{}, grantProblem(err)
	}
	return p, nil
}

// gone reports whether it was seen that a flake is not there any more. What
// could not be looked at, and what is not on this machine, is not gone.
func (b *grantBook) gone(id grants.Identity) bool {
	file := ownFile(b)
	g, ok := file.Grant(id)
	if !ok || id.Path() == "" || g.Seen == "" {
		return false
	}
	// A repository that is still there may have a worktree elsewhere.
	if _, err := b.files.Lstat(id.Path()); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err := b.files.Lstat(g.Seen)
	return errors.Is(err, fs.ErrNotExist)
}

type grantsJSON struct {
	Version   int                `json:"version"`
	Files     []string           `json:"files"`
	Grants    []jsonGrant        `json:"grants"`
	Denies    []jsonDeny         `json:"denies"`
	Conflicts []jsonDispute      `json:"conflicts"`
	Problems  []jsonGrantTrouble `json:"problems"` // files that cannot be read: nothing counts then
}

type jsonGrant struct {
	File     string         `json:"file"`
	Flake    string         `json:"flake"`
	State    string         `json:"state"`
	Text     string         `json:"text"`
	Lock     string         `json:"lock"`
	Systems  []string       `json:"systems"`
	Caches   []jsonGranted  `json:"caches"`
	Granted  string         `json:"granted"`
	Expires  string         `json:"expires"` // "" for never
	Note     string         `json:"note"`
	Seen     string         `json:"seen"`
	Offer    string         `json:"offer"`
	Replaced []string       `json:"replaced"`
	Paths    int            `json:"paths"`   // that may be served
	Alarm    bool           `json:"alarm"`   // the lock on offer has other bytes for an accepted path
	Changes  map[string]int `json:"changes"` // of the lock on offer, by class of lock diff
}

type jsonGranted struct {
	URL  string   `json:"url"`
	Keys []string `json:"keys"`
}

type jsonDeny struct {
	File  string `json:"file"`
	Flake string `json:"flake"`
	Since string `json:"since"`
	Note  string `json:"note"`
}

type jsonDispute struct {
	HashPart string         `json:"hashPart"`
	Text     string         `json:"text"`
	Sides    []jsonDisputed `json:"sides"`
}

type jsonDisputed struct {
	Flake string `json:"flake"`
	Path  string `json:"path"`
	NAR   string `json:"nar"`
}

type jsonGrantTrouble struct {
	Where string `json:"where"`
	Text  string `json:"text"`
}

// listGrants prints how every grant stands.
func (a *app) listGrants(ctx context.Context, b *grantBook) error {
	out, code, err := b.listing(ctx)
	if err != nil {
		return err
	}
	return a.showGrants(out, code)
}

func (a *app) showGrants(out grantsJSON, code int) error {
	if a.json {
		if err := a.writeJSON(out); err != nil {
			return err
		}
		return silent(code)
	}
	a.printGrants(out)
	return silent(code)
}

// listing is how every grant stands, and the exit code that it leads to.
func (b *grantBook) listing(ctx context.Context) (grantsJSON, int, error) {
	out := grantsJSON{Version: 1, Files: []string{}, Grants: []jsonGrant{}, Denies: []jsonDeny{}, Conflicts: []jsonDispute{}, Problems: []jsonGrantTrouble{}}
	code := exitOK
	all, err := b.stand(ctx, time.Now())
	if err != nil {
		return out, code, err
	}
	for _, f := range all.files {
		out.Files = append(out.Files, f.Path)
		if f.Err != nil {
			at, text, _ := grants.Broken(f.Err)
			out.Problems = append(out.Problems, jsonGrantTrouble{where(at), text})
			code = exitUnknown
			continue
		}
		for _, d := range f.File.Denies {
			out.Denies = append(out.Denies, jsonDeny{f.Path, string(d.Flake), d.Since.Format(time.RFC3339), d.Note})
		}
	}
	for _, s := range all.grants {
		out.Grants = append(out.Grants, grantOf(s.file, s.grant, s.Standing))
		code = worse(code, standingCode(s.Standing))
	}
	for _, c := range all.conflicts {
		out.Conflicts = append(out.Conflicts, jsonDispute{c.HashPart, c.String(), list(c.Sides, func(s grants.Side) jsonDisputed {
			return jsonDisputed{string(s.Flake), string(s.Path), s.Pin.NAR.String()}
		})})
		code = exitBad
	}
	return out, code, nil
}

// standings are the grants of every file with how each stands.
type standings struct {
	files     []grants.Scope
	grants    []stood
	conflicts []grants.Conflict
}

// A stood is one grant, as its file has it, with how it stands.
type stood struct {
	file  string
	grant grants.Grant
	grants.Standing
}

// stand finds out how every grant stands.
func (b *grantBook) stand(ctx context.Context, now time.Time) (standings, error) {
	var out standings
	var pool []grants.Standing
	for _, shelf := range b.shelves {
		scopes := b.scopes(shelf)
		out.files = append(out.files, scopes[0])
		if scopes[0].Err != nil {
			continue
		}
		for _, g := range scopes[0].File.Grants {
			st := b.judge(ctx, shelf, g, scopes, now)
			if ctx.Err() != nil {
				return standings{}, ctx.Err()
			}
			pool = append(pool, st)
			out.grants = append(out.grants, stood{scopes[0].Path, g, st})
		}
	}
	out.conflicts = grants.NewPool(pool).Conflicts()
	return out, nil
}

// judge is how a grant stands in its own file.
func (b *grantBook) judge(ctx context.Context, s shelf, g grants.Grant, scopes []grants.Scope, now time.Time) grants.Standing {
	accepted := s.accepted(g.Lock)
	detached := !b.filesAlone && accepted.Lock() != nil && !accepted.Lock().Source.IsZero()
	return grants.Judge(g.Flake, scopes, now, accepted, b.offer(ctx, g, detached))
}

// standingCode is the exit code that a grant leads to.
func standingCode(s grants.Standing) int {
	switch {
	case s.Diff.Alarm():
		return exitBad
	case s.State == grants.Active:
		return exitOK
	case s.State == grants.Unknown, s.State == grants.Unreadable:
		return exitUnknown
	}
	return exitFindings
}

// worse is the graver of two exit codes: 0, 1, 3 and 4 are in that order.
func worse(a, b int) int { return max(a, b) }

func grantOf(file string, g grants.Grant, s grants.Standing) jsonGrant {
	out := jsonGrant{
		File: file, Flake: string(g.Flake), State: s.State.String(), Text: s.Text, Lock: g.Lock, Systems: list(g.Systems, same),
		Granted: g.Granted.Format(time.RFC3339), Note: g.Note, Seen: g.Seen, Offer: g.Offer, Replaced: list(g.Replaced, same),
		Paths: s.Count(), Alarm: s.Diff.Alarm(), Changes: map[string]int{},
	}
	for _, c := range g.Caches {
		out.Caches = append(out.Caches, jsonGranted{c.URL, list(c.Keys, same)})
	}
	if !g.Expires.IsZero() {
		out.Expires = g.Expires.Format(time.RFC3339)
	}
	for _, c := range s.Diff {
		out.Changes[string(c.Class)]++
	}
	return out
}

func (a *app) printGrants(out grantsJSON) {
	s := a.style()
	for _, p := range out.Problems {
		a.print(paint(s, explain.Bad, "unreadable  "+safetext.Text(p.Where+": "+p.Text).String()), "")
	}
	if len(out.Grants)+len(out.Denies)+len(out.Problems) == 0 {
		a.print("Nothing is granted, and nothing is denied.")
	}
	for _, g := range out.Grants {
		role := explain.Caution
		switch {
		case g.Alarm:
			role = explain.Danger
		case g.State == grants.Active.String():
			role = explain.Good
		}
		a.print(paint(s, role, g.State)+"  "+safetext.Text(g.Flake).String(), "  "+safetext.Text(g.Text).String())
		for _, c := range g.Caches {
			a.print("  " + safetext.URL(c.URL).String() + " for " + count(g.Paths, "path", "paths") + " of " + strings.Join(g.Systems, ", "))
		}
		line := "  granted " + g.Granted
		if g.Expires != "" {
			line += ", expires " + g.Expires
		}
		a.print(line + ", lock " + g.Lock[:12] + " (" + explain.Where(nixconf.Pos{File: g.File}, s) + ")")
		if g.Note != "" {
			a.print("  note: " + safetext.Line(g.Note).String())
		}
		a.print("")
	}
	for _, d := range out.Denies {
		a.print(paint(s, explain.Bad, "denied")+"  "+safetext.Text(d.Flake).String(), fmt.Sprintf("  since %s (%s)", d.Since, explain.Where(nixconf.Pos{File: d.File}, s)))
		if d.Note != "" {
			a.print("  note: " + safetext.Line(d.Note).String())
		}
		a.print("")
	}
	for _, c := range out.Conflicts {
		a.print(paint(s, explain.Danger, "conflict") + "  " + safetext.Text(c.Text).String())
	}
}
