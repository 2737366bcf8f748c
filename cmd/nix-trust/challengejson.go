package main

import (
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/challenge"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

type challengeJSON struct {
	Version int              `json:"version"`
	Require int              `json:"require"`
	Outcome string           `json:"outcome"` // "match", "mismatch" or "inconclusive"
	Counts  map[string]int   `json:"counts"`  // of items, by verdict
	Voters  []jsonVoter      `json:"voters"`
	Items   []jsonChallenged `json:"items"`
	Kept    *jsonKept        `json:"kept"` // null without --keep
	Cachix  []jsonCachix     `json:"cachix"`
}

type jsonVoter struct {
	Kind string `json:"kind"` // "cache", "store", "lock", "rebuild" or "trustix"
	Name string `json:"name"`
}

type jsonChallenged struct {
	Path    string         `json:"path"`
	Verdict string         `json:"verdict"`
	Text    string         `json:"text"`
	Votes   []jsonVote     `json:"votes"` // in the order of voters
	Sides   []jsonVoteSide `json:"sides"`
	Diffs   []jsonTreeDiff `json:"diffs"`
}

type jsonVote struct {
	Answer     string   `json:"answer"`
	Text       string   `json:"text"`
	NarHash    string   `json:"narHash"` // "" when it is not known
	NarSize    int64    `json:"narSize"`
	References []string `json:"references"` // null when they are not known
	Signed     string   `json:"signed"`     // as the verdicts of verify
	Split      bool     `json:"split"`      // logs behind a Trustix node say otherwise
	By         []string `json:"by"`
	Kept       string   `json:"kept"`
}

type jsonVoteSide struct {
	Votes    []int `json:"votes"`
	Distinct int   `json:"distinct"`
}

type jsonTreeDiff struct {
	A     string         `json:"a"`
	B     string         `json:"b"`
	Error string         `json:"error"`
	Files []jsonFileDiff `json:"files"`
	More  int            `json:"more"`
}

type jsonFileDiff struct {
	Path   string         `json:"path"`
	What   []string       `json:"what"`
	A      *jsonTreeEntry `json:"a"` // null where it is missing
	B      *jsonTreeEntry `json:"b"`
	Offset *uint64        `json:"offset"` // null unless contents differ
	Within int            `json:"within"`
}

type jsonTreeEntry struct {
	Type       string `json:"type"` // "file", "folder" or "link"
	Size       uint64 `json:"size"`
	Executable bool   `json:"executable"`
	Target     string `json:"target"`
}

type jsonKept struct {
	A       string `json:"a"`
	B       string `json:"b"`
	Command string `json:"command"`
	Error   string `json:"error"`
}

func challengeJSONOf(c *challenged) challengeJSON {
	out := challengeJSON{
		Version: 1, Require: c.Require, Outcome: c.Outcome().String(), Counts: map[string]int{},
		Voters: list(c.Voters, func(v challenge.Voter) jsonVoter { return jsonVoter{v.Kind.String(), v.Name} }),
	}
	out.Cachix = list(c.cachix, cachixTold.json)
	for v, n := range c.Counts() {
		out.Counts[v.String()] = n
	}
	for i, item := range c.Items {
		out.Items = append(out.Items, jsonChallenged{
			Path: string(item.Path), Verdict: item.Verdict.String(), Text: safetext.Redact(item.Text),
			Votes: list(item.Votes, voteJSON),
			Sides: list(item.Sides, func(s challenge.Side) jsonVoteSide { return jsonVoteSide{s.Votes, s.Distinct} }),
			Diffs: list(c.diffs[i], diffJSON),
		})
	}
	if c.kept != nil {
		out.Kept = &jsonKept{A: c.kept.a, B: c.kept.b, Command: c.kept.command}
		if c.kept.err != nil {
			out.Kept.Error = safetext.Redact(c.kept.err.Error())
		}
	}
	return out
}

func voteJSON(v challenge.Vote) jsonVote {
	out := jsonVote{Answer: v.Answer.String(), Text: safetext.Redact(v.Text), NarSize: v.Size, Signed: strings.ReplaceAll(v.Signed.String(), " ", "-"), Split: v.Split, By: list(v.By, same), Kept: string(v.Kept)}
	if !v.NAR.IsZero() {
		out.NarHash = v.NAR.String()
	}
	if v.RefsKnown {
		out.References = list(v.Refs, func(p lock.StorePath) string { return string(p) })
	}
	return out
}

func diffJSON(c compared) jsonTreeDiff {
	out := jsonTreeDiff{A: c.a, B: c.b, Files: []jsonFileDiff{}}
	if c.err != nil {
		out.Error = safetext.Redact(c.err.Error())
		return out
	}
	out.More = c.diff.More
	out.Files = list(c.diff.Files, func(f challenge.FileDiff) jsonFileDiff {
		j := jsonFileDiff{Path: f.Path, What: f.What.Words(), A: entryJSON(f.A), B: entryJSON(f.B), Within: f.Within}
		if f.What&challenge.Contents != 0 {
			j.Offset = &f.Offset
		}
		return j
	})
	return out
}

func entryJSON(e bincache.Entry) *jsonTreeEntry {
	types := map[bincache.EntryType]string{bincache.RegularFile: "file", bincache.Directory: "folder", bincache.Symlink: "link"}
	if types[e.Type] == "" {
		return nil
	}
	return &jsonTreeEntry{types[e.Type], e.Size, e.Executable, e.Target}
}
