package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// The shapes of SARIF 2.1.0 that are written, by the names of its schema.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool               sarifTool                `json:"tool"`
	OriginalURIBaseIDs map[string]sarifArtifact `json:"originalUriBaseIds,omitempty"`
	Invocations        []sarifInvocation        `json:"invocations"`
	Results            []sarifResult            `json:"results"`
	ColumnKind         string                   `json:"columnKind"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID                   string          `json:"id"`
	ShortDescription     sarifText       `json:"shortDescription"`
	FullDescription      sarifText       `json:"fullDescription"`
	DefaultConfiguration sarifConfigured `json:"defaultConfiguration"`
}

type sarifConfigured struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifInvocation struct {
	ExecutionSuccessful        bool        `json:"executionSuccessful"`
	ToolExecutionNotifications []sarifNote `json:"toolExecutionNotifications,omitempty"`
}

type sarifNote struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifLocation struct {
	Physical sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI       string `json:"uri"`
	URIBaseID string `json:"uriBaseId,omitempty"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
}

// sarifRoot is the name of the folder that places are relative to: the one in
// which the program runs, which in CI is the checkout.
const sarifRoot = "%SRCROOT%"

// writeSARIF prints findings for a program that shows them beside the code.
// What could not be read makes the run unsuccessful, so that it cannot pass for
// one that found nothing.
func (a *app) writeSARIF(findings []trust.Finding, unread []trust.Note, codes []trust.Code) error {
	base := a.base()
	// Columns count bytes here and code points there; text of other alphabets
	// before a finding in its line moves it.
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "nix-trust", InformationURI: "https://github.com/nix-trust/nix-trust", Rules: []sarifRule{}}
	if base != "" {
		run.OriginalURIBaseIDs = map[string]sarifArtifact{sarifRoot: {URI: fileURI(base) + "/"}}
	}
	index := map[trust.Code]int{}
	for _, c := range codes {
		e, _ := c.Lookup()
		index[c] = len(run.Tool.Driver.Rules)
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{string(c), sarifText{e.Title}, sarifText{e.Explain}, sarifConfigured{sarifLevel(e.Severity)}})
	}
	for _, f := range findings {
		r := sarifResult{RuleID: string(f.Code), RuleIndex: index[f.Code], Level: sarifLevel(f.Severity), Message: sarifText{messageOf(f)}}
		if f.Where.File != "" {
			r.Locations = []sarifLocation{{sarifPlace(f.Where, base)}}
		}
		run.Results = append(run.Results, r)
	}
	said := sarifInvocation{ExecutionSuccessful: len(unread) == 0}
	for _, n := range unread {
		said.ToolExecutionNotifications = append(said.ToolExecutionNotifications, sarifNote{"error", sarifText{strings.TrimPrefix(safetext.Text(n.Path).String()+": "+safetext.Text(n.Text).String(), ": ")}})
	}
	run.Invocations = []sarifInvocation{said}
	return a.writeJSON(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

// messageOf is what a finding says, its way out included, in one paragraph.
// Messages of SARIF may have links in brackets, so brackets are escaped.
func messageOf(f trust.Finding) string {
	text := safetext.Text(f.Text).String()
	if f.Subject != "" && !strings.Contains(f.Text, f.Subject) {
		text = safetext.Text(f.Subject).String() + ": " + text
	}
	if why := suspicion(f); why != "" {
		text += " " + why + "."
	}
	for _, fix := range f.Fixes {
		text += " " + safetext.Text(fix.Title).String() + "."
		if fix.Command != "" {
			text += " " + safetext.Text(strings.ReplaceAll(fix.Command, "\n", " ")).String()
		}
	}
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(text)
}

func sarifLevel(s trust.Severity) string {
	switch s {
	case trust.Danger:
		return "error"
	case trust.Warn:
		return "warning"
	}
	return "note"
}

func sarifPlace(p nixconf.Pos, base string) sarifPhysical {
	var out sarifPhysical
	if rel, ok := below(base, p.File); ok {
		out.Artifact = sarifArtifact{URI: (&url.URL{Path: rel}).String(), URIBaseID: sarifRoot}
	} else if filepath.IsAbs(p.File) {
		out.Artifact.URI = fileURI(p.File)
	} else {
		out.Artifact.URI = url.PathEscape(p.File)
	}
	if p.Line > 0 {
		out.Region = &sarifRegion{p.Line, p.Col}
	}
	return out
}

func fileURI(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// base is the folder that the places of SARIF and Markdown are relative to, ""
// when there is none.
func (a *app) base() string {
	if a.demo || a.root != "" {
		return ""
	}
	wd, err := os.Getwd()
	if err != nil {
		return ""
	}
	if at, err := filepath.EvalSymlinks(wd); err == nil {
		return at
	}
	return wd
}

// below is a file's path relative to a folder that it is in.
func below(base, file string) (string, bool) {
	if base == "" {
		return "", false
	}
	return strings.CutPrefix(file, strings.TrimSuffix(base, "/")+"/")
}
