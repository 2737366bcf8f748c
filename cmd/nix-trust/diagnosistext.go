package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func (a *app) printDiagnosis(d *diagnosis, c conclusion) {
	s := a.style()
	if d.flake != nil {
		a.print(paint(s, explain.Strong, flakeName(d.flake)))
	}
	a.print(a.standingLine(d.report), "")
	a.print(d.facts(s)...)
	a.print("")
	a.print(c.lines(s)...)
}

// Lines is the diagnosis on a screen, where what is read first comes first. It
// makes d a tui.Diagnosis.
func (d *diagnosis) Lines(s explain.Style) []string {
	s.Brief = false
	return slices.Concat(d.conclude().lines(s), []string{""}, d.facts(s))
}

// facts are what the conclusion was drawn from: the chain with its ways out, the
// probe, the paths, and a daemon that is older than its files.
func (d *diagnosis) facts(s explain.Style) (out []string) {
	v := d.verdict
	v.Probed = trust.Probed{} // this very probe, which follows
	out = append(out, explain.Cache(v, s)...)
	m := explain.ProbeMark(d.probe, s.Glyphs)
	out = append(out, "", paint(s, m.Role, d.probe.Outcome.String())+"  "+paint(s, explain.Strong, safetext.URL(d.probe.URL).String()))
	for _, l := range explain.ProbeLines(d.probe, atOnceOf(d.report)) {
		out = append(out, inset(l, s)...)
	}
	if d.probe.Effect == probe.Asks {
		out = append(out, inset(fmt.Sprintf("its priority is %d: caches with a lower one are asked before it", d.probe.Priority), s)...)
	}
	for _, p := range d.paths {
		out = append(out, "", paint(s, explain.PathRole(p.State), p.State.String())+"  "+paint(s, explain.Strong, safetext.Line(string(p.Path.Path)).String()))
		for _, l := range d.pathLines(p) {
			out = append(out, inset(l, s)...)
		}
	}
	if len(d.cachix) > 0 {
		out = append(append(out, ""), cachixLines(d.cachix, s)...)
	}
	if d.stale != nil {
		out = append(append(out, ""), explain.Finding(*d.stale, s)...)
	}
	return out
}

// lines are a conclusion and what to do first.
func (c conclusion) lines(s explain.Style) (out []string) {
	role := explain.Unsure
	switch c.code {
	case exitOK:
		role = explain.Good
	case exitFindings:
		role = explain.Bad
	case exitBad:
		role = explain.Danger
	}
	for _, l := range folded(safetext.Line(safetext.Redact(c.text)), s.Width) {
		out = append(out, paint(s, role, l))
	}
	if c.do != "" {
		do := safetext.Join(safetext.Line("First:"), safetext.Line(safetext.Redact(c.do)))
		if !s.Fit { // where it can be copied, it is not broken
			return append(out, do.String())
		}
		out = append(out, folded(do, s.Width)...)
	}
	return out
}

// folded is a text as lines of at most w cells, or as it is without a width.
func folded(text safetext.S, w int) []string {
	if w <= 20 {
		return []string{text.String()}
	}
	return explain.Wrap(text, w)
}

// inset is a text that is indented under a line.
func inset(text string, s explain.Style) []string {
	return indent(folded(safetext.Text(text), s.Width-4), "    ")
}

// pathLines say what is known of one path.
func (d *diagnosis) pathLines(p pathDiagnosis) (out []string) {
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	add("%s", safetext.Redact(p.Text))
	ring := bincache.NewKeyring(d.keys())
	for _, name := range p.By {
		add("signed by %s", keyText(ring, name))
	}
	for _, name := range p.Others {
		add("a signature under the name %s does not count; %s", name, keyText(ring, name))
	}
	if d.unsignedOK != "" {
		add("no signature is asked for here: %s", d.unsignedOK)
	}
	switch p.valid {
	case trust.Pass:
		add("the local store has it")
	case trust.Fail:
		add("the local store does not have it")
	default:
		add("whether the local store has it could not be found out")
	}
	switch m := p.memory; {
	case !m.known:
		add("what Nix remembers of the cache's answer could not be read: %s", strings.TrimPrefix(m.file+": "+m.why, ": "))
	case !m.there:
		add("Nix remembers no answer of the cache about it")
	case m.Present:
		add("Nix remembers until %s that the cache has it, with the signatures of then", m.until.Local().Format("2006-01-02 15:04"))
	default:
		add("Nix remembers until %s that the cache does not have it", hour(m.until))
	}
	switch drv := p.drv; {
	case drv.refuses:
		add("%s sets allowSubstitutes to false", drv.path)
	case drv.known:
		add("%s lets caches be asked", drv.path)
	case drv.path != "":
		add("the cache says that %s made it; that is not here, or does not make it", drv.path)
	default:
		add("its derivation is not known, so that whether it lets caches be asked is not known either")
	}
	return out
}

// keyText is a key of the ring with the fingerprint by which two of a name are
// told apart.
func keyText(ring *bincache.Keyring, name string) string {
	k, _, ok := ring.Find(name)
	if !ok {
		return name + ", of which no key is in effect"
	}
	sum := sha256.Sum256(k.Key)
	return name + ", whose key in effect is SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// diagnosisJSON is the shape of doctor URL --json, described in docs/probe.md.
type diagnosisJSON struct {
	jsonHead
	Flake      *jsonFlake        `json:"flake"`
	Cache      jsonCache         `json:"cache"`
	Probe      jsonProbe         `json:"probe"`
	Paths      []jsonDiagnosed   `json:"paths"`
	Findings   []jsonFinding     `json:"findings"`
	Conclusion jsonConclusion    `json:"conclusion"`
	Keys       map[string]string `json:"keys"` // in effect, by name
	Cachix     []jsonCachix      `json:"cachix"`
}

type jsonDiagnosed struct {
	jsonProbedPath
	InStore    string             `json:"inStore"` // "pass", "fail" or "unknown"
	Remembered jsonRememberedPath `json:"remembered"`
	Derivation jsonDerivation     `json:"derivation"`
}

type jsonRememberedPath struct {
	Known   bool   `json:"known"`
	Answer  string `json:"answer"` // "hit", "miss" or "none"
	Since   string `json:"since"`
	Until   string `json:"until"`
	File    string `json:"file"`
	Problem string `json:"problem"`
}

type jsonDerivation struct {
	Path    string `json:"path"`
	Known   bool   `json:"known"`
	Refuses bool   `json:"refusesCaches"`
}

type jsonConclusion struct {
	Used string `json:"used"` // "yes", "no", "unknown" or "bad-signature"
	Text string `json:"text"`
	Do   string `json:"do"`
}

func (d *diagnosis) json(c conclusion) diagnosisJSON {
	used := map[int]string{exitOK: "yes", exitFindings: "no", exitBad: "bad-signature"}[c.code]
	if used == "" {
		used = "unknown"
	}
	out := diagnosisJSON{
		jsonHead: headOf(d.report), Flake: flakeOf(d.flake), Cache: cachesOf([]trust.CacheVerdict{d.verdict})[0],
		Probe: probeOf(d.probe, atOnceOf(d.report)), Findings: []jsonFinding{}, Keys: map[string]string{}, Cachix: list(d.cachix, cachixTold.json),
		Conclusion: jsonConclusion{used, safetext.Redact(c.text), safetext.Redact(c.do)},
	}
	if d.stale != nil {
		out.Findings = findingsOf([]trust.Finding{*d.stale})
	}
	ring := bincache.NewKeyring(d.keys())
	for _, text := range d.keys() {
		name, _, _ := strings.Cut(text, ":")
		if k, _, ok := ring.Find(name); ok {
			out.Keys[name] = k.String()
		}
	}
	out.Paths = list(d.paths, func(p pathDiagnosis) jsonDiagnosed {
		j := jsonDiagnosed{
			jsonProbedPath: probedPathOf(p.Path), InStore: p.valid.String(),
			Remembered: jsonRememberedPath{Known: p.memory.known, Answer: "none", File: p.memory.file, Problem: p.memory.why},
			Derivation: jsonDerivation{string(p.drv.path), p.drv.known, p.drv.refuses},
		}
		if m := p.memory; m.there {
			j.Remembered.Answer = "miss"
			if m.Present {
				j.Remembered.Answer = "hit"
			}
			j.Remembered.Since, j.Remembered.Until = m.At.UTC().Format(time.RFC3339), m.until.UTC().Format(time.RFC3339)
		}
		return j
	})
	return out
}
