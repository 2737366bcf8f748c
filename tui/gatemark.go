package tui

import (
	"time"

	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// The words for the state of a gate, and of what is behind it.
const (
	gateRuns     = "running"
	gateDoubted  = "key unknown"
	gateKeyless  = "not believed"
	gateStopped  = "not running"
	gateWrong    = "WRONG BYTES"
	cacheSkipped = "skipped"
	cacheFails   = "fails"
	cacheIdle    = "not asked"
	cacheGives   = "delivers"
)

// gateMeans says in a sentence what they come to.
var gateMeans = map[string]string{
	gateRuns:     "It answers, and its key is believed.",
	gateDoubted:  "It answers. Whether the daemon believes its key is not known.",
	gateKeyless:  "It answers, and the daemon does not believe its key: nothing of it gets into the store.",
	gateStopped:  "Nothing listens where it would.",
	gateWrong:    "A cache had something else than what is pinned. It was not passed on.",
	cacheSkipped: "The cache failed, and is not asked again for a while.",
	cacheFails:   "The cache was asked, and has delivered nothing.",
}

// gateMark is how a gate does. Only one that runs with a key that counts is
// marked as good.
func gateMark(v *GateView, g explain.Glyphs) explain.Mark {
	switch {
	case v.State == GateStopped:
		return gateWordMark(gateStopped, g)
	case v.State != GateRunning:
		return explain.Mark{Glyph: g.Unsure, Word: wordUnknown, Role: explain.Unsure}
	case v.Key == KeyInForce:
		return gateWordMark(gateRuns, g)
	case v.Key == KeyNotInForce || v.Key == KeyMissing:
		return gateWordMark(gateKeyless, g)
	}
	return gateWordMark(gateDoubted, g)
}

func gateWordMark(word string, g explain.Glyphs) explain.Mark {
	m := explain.Mark{Glyph: g.Unsure, Word: word, Role: explain.Unsure}
	switch word {
	case gateRuns, cacheGives:
		m.Glyph, m.Role = g.Good, explain.Good
	case gateKeyless, cacheSkipped:
		m.Glyph, m.Role = g.Asks, explain.Caution
	case gateStopped:
		m.Glyph, m.Role = g.Off, explain.Faint
	case cacheIdle:
		m.Glyph, m.Role = g.None, explain.Faint
	case cacheFails:
		m.Glyph, m.Role = g.Bad, explain.Bad
	case gateWrong:
		m.Glyph, m.Role = g.Alarm, explain.Danger
	}
	return m
}

// gateMarks has those that need words, the gravest first.
func gateMarks(g explain.Glyphs) []explain.Mark {
	return marksOf(g, gateWordMark, gateWrong, cacheFails, gateDoubted, gateKeyless, cacheSkipped, gateStopped, gateRuns)
}

func wrongMark(g explain.Glyphs) explain.Mark { return gateWordMark(gateWrong, g) }

// cacheMark is how a cache behind a gate does.
func cacheMark(c *gate.CacheStatus, now time.Time, g explain.Glyphs) explain.Mark {
	switch {
	case c.Wrong > 0:
		return wrongMark(g)
	case now.Before(c.Until):
		return gateWordMark(cacheSkipped, g)
	case c.Delivered > 0:
		return gateWordMark(cacheGives, g)
	case c.Failed > 0 || c.Absent > 0:
		return gateWordMark(cacheFails, g)
	}
	return gateWordMark(cacheIdle, g)
}

// eventMark is how a question for contents ended.
func eventMark(e *gate.Event, g explain.Glyphs) explain.Mark {
	switch e.Result {
	case gate.Served:
		return explain.Mark{Glyph: g.Good, Word: e.Result, Role: explain.Good}
	case gate.Refused, gate.Cut:
		return explain.Mark{Glyph: g.Bad, Word: e.Result, Role: explain.Bad}
	case gate.Left:
		return explain.Mark{Glyph: g.Off, Word: e.Result, Role: explain.Faint}
	}
	return explain.Mark{Glyph: g.Unsure, Word: wordUnknown, Role: explain.Unsure}
}

// eventMeans says what a result of an event comes to.
var eventMeans = map[string]string{
	gate.Served:  "All of it was sent, and it was what is pinned.",
	gate.Refused: "No cache delivered what is pinned, so nothing was sent.",
	gate.Cut:     "What came was not what is pinned. It was cut off before its end, so that it counts for nothing.",
	gate.Left:    "Whoever had asked went away before the end.",
}
