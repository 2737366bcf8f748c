package gate

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// metrics writes a status for Prometheus, in its text format 0.0.4.
func metrics(s Status) []byte {
	var b bytes.Buffer
	head := func(name, kind, help string) {
		fmt.Fprintf(&b, "# HELP nix_trust_gate_%s %s\n# TYPE nix_trust_gate_%s %s\n", name, help, name, kind)
	}
	one := func(name, kind, help string, value int64) {
		head(name, kind, help)
		fmt.Fprintf(&b, "nix_trust_gate_%s %d\n", name, value)
	}
	one("start_time_seconds", "gauge", "When the gate was started.", s.Started.Unix())
	one("paths", "gauge", "Store paths that are served now.", int64(s.Paths))
	one("epoch", "gauge", "The epoch to ask under.", int64(s.Epoch))
	one("epoch_fresh", "gauge", "1 when no daemon can remember a miss under the epoch that is none now.", flag(s.Fresh))
	one("conflicts", "gauge", "Paths that grants disagree on, so that they are not served.", int64(len(s.Conflicts)))
	one("problems", "gauge", "What could not be read or written.", int64(len(s.Problems)))
	one("evidence", "gauge", "Pieces of evidence that are kept.", int64(len(s.Evidence)))
	one("narinfos_total", "counter", "Narinfos served.", s.Served.Infos)
	one("misses_total", "counter", "Narinfos that were asked for and are not pinned.", s.Served.Misses)
	one("contents_total", "counter", "Contents delivered, whole and right.", s.Served.Contents)
	one("refused_total", "counter", "Contents that no cache delivered, or that were cut off.", s.Served.Refused)
	one("content_bytes_total", "counter", "Bytes of contents sent.", s.Served.Bytes)
	one("wrong_total", "counter", "Answers of caches that were not what is pinned.", s.Served.Wrong)

	states := map[string]int{}
	for _, g := range s.Grants {
		states[g.State]++
	}
	head("grants", "gauge", "Grants by how they stand.")
	for _, state := range slices.Sorted(maps.Keys(states)) {
		fmt.Fprintf(&b, "nix_trust_gate_grants{state=\"%s\"} %d\n", label(state), states[state])
	}
	for _, m := range []struct {
		name, kind, help string
		value            func(CacheStatus) float64
	}{
		{"cache_contents_total", "counter", "Contents that a cache delivered, whole and right.", func(c CacheStatus) float64 { return float64(c.Delivered) }},
		{"cache_bytes_total", "counter", "Bytes of contents that a cache delivered.", func(c CacheStatus) float64 { return float64(c.Bytes) }},
		{"cache_absent_total", "counter", "Pinned paths that a cache did not have.", func(c CacheStatus) float64 { return float64(c.Absent) }},
		{"cache_failed_total", "counter", "Questions that a cache did not answer.", func(c CacheStatus) float64 { return float64(c.Failed) }},
		{"cache_wrong_total", "counter", "Answers of a cache that were not what is pinned.", func(c CacheStatus) float64 { return float64(c.Wrong) }},
		{"cache_begins_seconds", "gauge", "How long a cache takes until contents begin.", func(c CacheStatus) float64 { return c.Begins.Seconds() }},
	} {
		head(m.name, m.kind, m.help)
		for _, c := range s.Caches {
			fmt.Fprintf(&b, "nix_trust_gate_%s{cache=\"%s\"} %v\n", m.name, label(c.URL), m.value(c))
		}
	}
	return b.Bytes()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// label escapes the value of a label. What is no UTF-8 is replaced.
func label(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "\uFFFD"))
}
