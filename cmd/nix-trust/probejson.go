package main

import (
	"time"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// The shape of probe --json, described in docs/probe.md. Spans are in
// milliseconds; those that were not measured are null.
type probeJSON struct {
	Version int         `json:"version"`
	Kept    bool        `json:"kept"`
	AtOnce  int         `json:"atOnce"`
	Probes  []jsonProbe `json:"probes"`
	Order   []string    `json:"order"`
	Unknown []string    `json:"unknownPlace"`

	Sample *jsonSample  `json:"sample"` // of a lock, null without one
	Cachix []jsonCachix `json:"cachix"`
}

type jsonProbe struct {
	URL         string           `json:"url"`
	At          string           `json:"at"`
	Outcome     string           `json:"outcome"`
	Effect      string           `json:"effect"`
	Text        string           `json:"text"`
	Status      int              `json:"status"`
	Priority    *int             `json:"priority"`
	HitFirst    *float64         `json:"hitFirstMs"`
	HitTypical  *float64         `json:"hitMs"`
	Miss        jsonProbeMiss    `json:"miss"`
	Cost        *float64         `json:"costPer1000MissesMs"`
	TLS         *jsonProbeTLS    `json:"tls"`
	Credentials bool             `json:"credentialsSent"`
	Paths       []jsonProbedPath `json:"paths"`
}

type jsonProbeMiss struct {
	Answer  string   `json:"answer"`
	Status  int      `json:"status"`
	Typical *float64 `json:"ms"`
	Text    string   `json:"text"`
}

type jsonProbeTLS struct {
	Version string `json:"version"`
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	Expires string `json:"expires"`
	Problem string `json:"problem"`
}

type jsonProbedPath struct {
	Path   string   `json:"path"`
	State  string   `json:"state"`
	Text   string   `json:"text"`
	By     []string `json:"by"`
	Others []string `json:"otherSigners"`
}

func (p probed) json() probeJSON {
	out := probeJSON{Version: 1, Kept: p.kept, AtOnce: p.atOnce, Order: []string{}, Unknown: []string{}, Sample: p.sample.json(), Cachix: list(p.cachix, cachixTold.json)}
	out.Probes = list(p.results, func(r probe.Result) jsonProbe { return probeOf(r, p.atOnce) })
	asked, rest := probe.Order(p.results)
	url := func(i int) string { return p.results[i].URL }
	out.Order, out.Unknown = list(asked, url), list(rest, url)
	return out
}

func probeOf(r probe.Result, atOnce int) jsonProbe {
	out := jsonProbe{
		URL: r.URL, At: r.At.UTC().Format(time.RFC3339), Outcome: r.Outcome.String(), Effect: r.Effect.String(), Text: safetext.Redact(r.Text), Status: r.Status,
		HitFirst: millis(r.Hit.First), HitTypical: millis(r.Hit.Typical), Credentials: r.Credentials,
		Miss: jsonProbeMiss{r.Miss.Answer.String(), r.Miss.Status, millis(r.Miss.Typical), safetext.Redact(r.Miss.Text)},
		Cost: millis(probe.Cost(r.Miss.Typical, explain.CostPaths, atOnce)),
	}
	if r.Effect == probe.Asks {
		out.Priority = &r.Priority
	}
	if t := r.TLS; t != nil {
		out.TLS = &jsonProbeTLS{t.Version, t.Issuer, t.Subject, t.Expires.UTC().Format(time.RFC3339), t.Problem}
	}
	out.Paths = list(r.Paths, probedPathOf)
	return out
}

func probedPathOf(p probe.Path) jsonProbedPath {
	return jsonProbedPath{string(p.Path), p.State.String(), safetext.Redact(p.Text), list(p.By, same), list(p.Others, same)}
}

// millis is a span in milliseconds, nil when it was not measured.
func millis(d time.Duration) *float64 {
	if d <= 0 {
		return nil
	}
	ms := float64(d.Microseconds()) / 1000
	return &ms
}
