package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/tui"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// What a bundle has for the command grants and for the screen: how every grant
// stood when it was made, as grants --json says it.

// grantsListing is that listing, nil when the grants cannot be looked at. Files
// alone are read for it.
func (a *app) grantsListing(ctx context.Context) json.RawMessage {
	if a.root != "" || a.user != "" {
		return nil
	}
	b, err := a.openGrants()
	if err != nil {
		return nil
	}
	b.filesAlone = true
	out, _, err := b.listing(ctx)
	if err != nil {
		return nil
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil
	}
	return text
}

// bundledGrants reads the listing of a bundle, which somebody else wrote.
func (a *app) bundledGrants() (grantsJSON, error) {
	var out grantsJSON
	b, err := a.bundle()
	if err != nil {
		return out, err
	}
	if b.Beside() == nil || bytes.Equal(b.Beside().Listing, []byte("null")) || len(b.Beside().Listing) == 0 {
		return out, &problem{code: exitUnknown, text: "how grants stood is not in the bundle"}
	}
	dec := json.NewDecoder(bytes.NewReader(b.Beside().Listing))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&out); err != nil {
		return out, &problem{code: exitUnknown, text: "what the bundle has of grants does not read: " + err.Error()}
	}
	if err := out.check(); err != nil {
		return out, &problem{code: exitUnknown, text: "what the bundle has of grants is not what was written there: " + err.Error()}
	}
	return out, nil
}

// check looks at what is shown as it stands.
func (o grantsJSON) check() error {
	moment := func(s string) error {
		_, err := time.Parse(time.RFC3339, s)
		return err
	}
	if o.Version != 1 {
		return fmt.Errorf("it is version %d", o.Version)
	}
	for _, g := range o.Grants {
		if digest, err := hex.DecodeString(g.Lock); err != nil || len(digest) != 32 {
			return errors.New("a lock has no digest")
		}
		if safetext.ASCII(g.State).String() != g.State {
			return errors.New("a state is no word")
		}
		if err := moment(g.Granted); err != nil {
			return err
		}
		if g.Expires != "" && moment(g.Expires) != nil {
			return errors.New("an expiry is no time")
		}
		for _, s := range g.Systems {
			if err := lock.CheckSystem(s); err != nil {
				return err
			}
		}
	}
	for _, d := range o.Denies {
		if err := moment(d.Since); err != nil {
			return err
		}
	}
	return nil
}

// code is the exit code that the listing leads to, as it did where it was made.
func (o grantsJSON) code() int {
	code := exitOK
	for _, g := range o.Grants {
		switch {
		case g.Alarm:
			code = worse(code, exitBad)
		case g.State == grants.Active.String():
		case g.State == grants.Expired.String(), g.State == grants.NotYet.String(), g.State == grants.Stale.String(), g.State == grants.Rollback.String(),
			g.State == grants.Denied.String(), g.State == grants.LockMissing.String(), g.State == grants.FlakeGone.String():
			code = worse(code, exitFindings)
		default:
			code = worse(code, exitUnknown)
		}
	}
	if len(o.Problems) > 0 {
		code = worse(code, exitUnknown)
	}
	if len(o.Conflicts) > 0 {
		code = exitBad
	}
	return code
}

func (a *app) listBundledGrants() error {
	out, err := a.bundledGrants()
	if err != nil {
		return err
	}
	return a.showGrants(out, out.code())
}

// bundledGrantList is the listing as the screen shows it.
func (a *app) bundledGrantList() (tui.GrantList, error) {
	from, err := a.bundledGrants()
	if err != nil {
		return tui.GrantList{}, asked(err)
	}
	at := func(s string) time.Time { t, _ := time.Parse(time.RFC3339, s); return t } // "" is never
	out := tui.GrantList{Files: from.Files}
	for _, p := range from.Problems {
		out.Problems = append(out.Problems, p.Where+": "+p.Text)
	}
	for _, d := range from.Denies {
		out.Items = append(out.Items, tui.GrantItem{
			Flake: d.Flake, File: d.File, Denied: true, State: grants.Denied.String(),
			Text: "Nothing that it offers can be granted, whatever becomes of its files.", Since: at(d.Since), Note: d.Note,
		})
	}
	for _, g := range from.Grants {
		it := tui.GrantItem{
			Flake: g.Flake, File: g.File, Counts: g.State == grants.Active.String(), State: g.State, Text: g.Text,
			Unsure: g.State == grants.Unknown.String() || g.State == grants.Unreadable.String(), Alarm: g.Alarm, Since: at(g.Granted), Expires: at(g.Expires),
			Note: g.Note, Seen: g.Seen, Lock: g.Lock, Systems: g.Systems, Paths: g.Paths,
		}
		for _, c := range g.Caches {
			it.Caches = append(it.Caches, lock.Cache{URL: c.URL, Keys: c.Keys})
		}
		out.Items = append(out.Items, it)
	}
	for _, c := range from.Conflicts {
		out.Alarms = append(out.Alarms, c.Text)
	}
	return out, nil
}
