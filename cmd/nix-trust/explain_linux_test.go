package main

import (
	"maps"
	"testing"

	"github.com/nix-trust/nix-trust/trust/message"
)

// hears holds what is understood of Nix's output against what is in it: for each
// kind, the settings or URLs that it is about.
func hears(t *testing.T, stderr string, want map[message.Kind]map[string]bool) {
	t.Helper()
	got := map[message.Kind]map[string]bool{}
	var r message.Reader
	add := func(ms []message.Message) {
		for _, m := range ms {
			if got[m.Kind] == nil {
				got[m.Kind] = map[string]bool{}
			}
			got[m.Kind][m.Setting+m.URL] = true
		}
	}
	add(r.Read([]byte(stderr)))
	add(r.End())
	for kind, about := range want {
		if !maps.Equal(got[kind], about) {
			t.Errorf("%s is understood of %v, and Nix said it of %v", kind, got[kind], about)
		}
	}
}
