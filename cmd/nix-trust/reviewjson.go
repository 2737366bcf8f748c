package main

import (
	"strings"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

type reviewJSON struct {
	jsonHead
	Flake    jsonFlake           `json:"flake"`
	Input    string              `json:"input"`
	Rejected *jsonReason         `json:"rejected"`
	Error    string              `json:"error"`
	Asks     []jsonAsk           `json:"asks"`
	Record   *trust.ReviewRecord `json:"record"` // null when what it asks for is not known
	Since    *jsonSince          `json:"since"`  // null without a record
	Changes  []jsonFinding       `json:"changes"`
	Failed   []string            `json:"failed"` // codes of --fail-on that are there
	Notes    []jsonNote          `json:"notes"`
}

type jsonAsk struct {
	Class string `json:"class"` // "unknown" for a setting that nobody knows
	jsonSetting
	Suspect bool          `json:"suspect"`
	Hidden  bool          `json:"hidden"`
	Opaque  bool          `json:"opaque"`
	Parts   []jsonAskItem `json:"parts"`
	Saved   []jsonSaved   `json:"saved"`
}

type jsonAskItem struct {
	Text    string      `json:"text"`
	Where   string      `json:"where"`
	State   string      `json:"state"` // of a cache; "" for a key
	Suspect string      `json:"suspect"`
	Problem *jsonReason `json:"problem"`
	Others  []string    `json:"alsoAskedBy"`
}

type jsonSaved struct {
	File   string `json:"file"`
	Answer string `json:"answer"`
}

type jsonSince struct {
	Source string             `json:"source"`
	Record trust.ReviewRecord `json:"record"`
}

func reviewOf(v reviewed) reviewJSON {
	f := v.Flake
	out := reviewJSON{
		jsonHead: headOf(v.report), Flake: jsonFlake{safetext.Redact(f.ID.Ref), f.ID.Path, list(f.Found, same)},
		Input: v.input, Error: safetext.Redact(f.Err), Changes: findingsOf(v.changes), Failed: []string{}, Notes: notesOf(v.report.Notes),
		Asks: list(v.Asks, askOf),
	}
	if f.Rejected != nil {
		out.Rejected = &reasonsOf([]trust.Reason{*f.Rejected})[0]
	}
	if v.Known {
		out.Record = &v.Record
	}
	if v.since != nil {
		out.Since = &jsonSince{v.from, *v.since}
	}
	for _, c := range v.failed {
		out.Failed = append(out.Failed, string(c.Code))
	}
	return out
}

func askOf(a trust.Ask) jsonAsk {
	out := jsonAsk{Class: className(a), jsonSetting: settingsOf([]trust.SettingVerdict{a.SettingVerdict})[0], Suspect: a.Suspect, Hidden: a.Hidden, Opaque: a.Opaque}
	keys := isKeyList(a.Name)
	out.Parts = list(a.Items, func(it trust.AskItem) jsonAskItem {
		p := jsonAskItem{
			Text: safetext.Redact(it.Text), Where: where(it.Where), Suspect: it.Suspect.String(),
			Others: list(it.Others, func(id trust.FlakeID) string { return safetext.Redact(id.Ref) }),
		}
		if !keys {
			p.State = it.State.String()
		}
		if it.Problem != nil {
			p.Problem = &reasonsOf([]trust.Reason{*it.Problem})[0]
		}
		return p
	})
	out.Saved = list(a.Saved, func(s trust.AnswerReport) jsonSaved {
		if s.Yes {
			return jsonSaved{s.File, "yes"}
		}
		return jsonSaved{s.File, "no"}
	})
	return out
}

// className is the class of a setting in words.
func className(a trust.Ask) string {
	if a.Class == "" {
		return "unknown"
	}
	return string(a.Class)
}

func isKeyList(setting string) bool { return strings.Contains(setting, "public-keys") }
