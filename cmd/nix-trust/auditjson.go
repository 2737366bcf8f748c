package main

import (
	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// The shape of audit --json is described in docs/audit.md.
type auditJSON struct {
	Version  int    `json:"version"`
	Store    string `json:"store"`
	Database string `json:"database"`
	Daemon   string `json:"daemon"`  // the socket of the daemon that was asked, "" when the database was read
	Outcome  string `json:"outcome"` // "vouched", "unvouched", "forged" or "unknown"
	// Doubts are why something that decides may be otherwise.
	Doubts  []string                  `json:"doubts"`
	Roots   jsonAuditRoots            `json:"roots"`
	Total   jsonAuditTally            `json:"total"`
	Classes map[string]jsonAuditTally `json:"classes"`
	Keys    []jsonAuditKey            `json:"keys"`
	Claims  []jsonClaim               `json:"claims"`
	Paths   []jsonAuditPath           `json:"paths"` // that nothing believed vouches for, or with a key those that rest on it
	Radius  *jsonRadius               `json:"radius,omitempty"`
	Uses    []jsonAuditUse            `json:"uses,omitempty"`
}

type jsonAuditRoots struct {
	Count    int      `json:"count"`
	Complete bool     `json:"complete"`
	Unseen   []string `json:"unseen"`
}

type jsonAuditSum struct {
	Paths int   `json:"paths"`
	Size  int64 `json:"size"`
}

type jsonAuditTally struct {
	jsonAuditSum
	Live jsonAuditSum `json:"live"`
	Dead jsonAuditSum `json:"dead"`
}

type jsonAuditKey struct {
	Name     string         `json:"name"`
	Key      string         `json:"key"`
	Believed bool           `json:"believed"`
	Gate     bool           `json:"gate"`
	From     []string       `json:"from"`
	Signed   jsonAuditTally `json:"signed"`
	Alone    jsonAuditTally `json:"alone"`
	Use      string         `json:"use"`
}

type jsonClaim struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"`
	Other bool     `json:"other"`
	Paths []string `json:"paths"`
}

type jsonAuditPath struct {
	Path       string   `json:"path"`
	Size       int64    `json:"size"`
	Registered int64    `json:"registered"`
	Deriver    string   `json:"deriver"`
	Class      string   `json:"class"`
	Address    string   `json:"address"`
	Live       string   `json:"live"`
	Root       string   `json:"root"`
	Signers    []string `json:"signers"`
	Damage     string   `json:"damage"`
}

type jsonRadius struct {
	Keys   []string       `json:"keys"`
	Signed jsonAuditTally `json:"signed"`
	Alone  jsonAuditTally `json:"alone"`
	Roots  []jsonRoot     `json:"roots"`
}

type jsonRoot struct {
	Kind string `json:"kind"`
	From string `json:"from"`
	Path string `json:"path"`
}

type jsonAuditUse struct {
	Cache string   `json:"cache"` // "" for a key
	Keys  []string `json:"keys"`
	Use   string   `json:"use"`
}

func (a *app) writeAudit(got *audited, f auditFlags, chosen []int) error {
	code := got.code(chosen)
	out := auditJSON{
		Version: 1, Store: got.Store.Dir, Database: host.StoreDatabase(got.facts), Outcome: auditOutcome[code],
		Doubts: list(got.doubts, same), Total: auditTallyOf(got.Total()), Classes: map[string]jsonAuditTally{},
		Roots: jsonAuditRoots{len(got.Roots.List), got.Roots.Complete(), list(got.Roots.Unseen, same)},
		Keys: list(got.Signers(), func(k audit.Signer) jsonAuditKey {
			key := got.Keys[k.Key]
			return jsonAuditKey{key.Name, key.String(), key.Believed, key.Gate, list(key.From, safetext.Redact), auditTallyOf(k.Signed), auditTallyOf(k.Alone), k.Use().String()}
		}),
		Claims: list(got.Claims(), func(c audit.Claimed) jsonClaim {
			return jsonClaim{c.Name, c.Kind.String(), c.Other, list(c.Paths, got.path)}
		}),
	}
	if told := got.Store.Told; told != nil {
		out.Daemon = told.Socket
	}
	for class, t := range got.ByClass() {
		out.Classes[class.String()] = auditTallyOf(t)
	}
	paths := got.Of(audit.Imported, audit.NotBelieved, audit.Unknown)
	if chosen != nil {
		radius := got.Radius(chosen...)
		paths = radius.Paths
		out.Radius = &jsonRadius{
			Keys: list(chosen, func(k int) string { return got.Keys[k].String() }), Signed: auditTallyOf(radius.Signed), Alone: auditTallyOf(radius.Alone),
			Roots: list(radius.Roots, func(k int) jsonRoot {
				root := got.Roots.List[k]
				return jsonRoot{root.Kind.String(), root.From, root.Path.In(got.Store.Dir)}
			}),
		}
	}
	out.Paths = list(paths, got.jsonPath)
	if f.unused {
		code = got.unusedCode()
		out.Uses = list(got.uses(), func(u auditUse) jsonAuditUse {
			return jsonAuditUse{safetext.Redact(u.cache), list(u.keys, func(k audit.Signer) string { return got.Keys[k.Key].String() }), u.use.String()}
		})
	}
	if err := a.writeJSON(out); err != nil {
		return err
	}
	return silent(code)
}

// auditOutcome says what an exit code says.
var auditOutcome = map[int]string{exitOK: "vouched", exitFindings: "unvouched", exitUnknown: "unknown", exitBad: "forged"}

// path is a row's path, or what stands there for one.
func (got *audited) path(i int32) string {
	if row := &got.Store.Rows[i]; row.Path != "" {
		return row.Path.In(got.Store.Dir)
	}
	return got.Store.Rows[i].Text
}

func (got *audited) jsonPath(i int32) jsonAuditPath {
	row, p := &got.Store.Rows[i], &got.Paths[i]
	out := jsonAuditPath{
		Path: got.path(i), Size: row.NarSize, Registered: row.Registered, Class: p.Class.String(), Address: p.Address.String(), Live: p.Live.String(),
		Signers: list(p.Signers, func(k int32) string { return got.Keys[k].String() }), Damage: row.Damage,
	}
	if row.Deriver != "" {
		out.Deriver = row.Deriver.In(got.Store.Dir)
	}
	if p.Root >= 0 {
		out.Root = got.Roots.List[p.Root].From
	}
	return out
}

func auditSumOf(s audit.Sum) jsonAuditSum { return jsonAuditSum{s.Paths, s.Size} }

func auditTallyOf(t audit.Tally) jsonAuditTally {
	return jsonAuditTally{auditSumOf(t.All), auditSumOf(t.Live), auditSumOf(t.Dead)}
}
