package challenge

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/lock/trustix"
)

// trustixNode is a node that decides one thing for every path, as its gateway
// speaks. Trustix: trustix-proto/rpc/rpc.proto; no node was run.
func trustixNode(t *testing.T, nar []byte, logs []string, upstream string, others ...string) *trustix.Node {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var out any
		switch {
		case strings.HasSuffix(r.URL.Path, "/Logs") && upstream == "!":
			w.WriteHeader(http.StatusInternalServerError)
			out = map[string]string{"code": "internal"}
		case strings.HasSuffix(r.URL.Path, "/Logs"):
			var all []any
			for _, l := range logs {
				if upstream == "-" && l == logs[0] {
					continue
				}
				all = append(all, map[string]any{"LogID": l, "Meta": map[string]string{"upstream": upstream}})
			}
			out = map[string]any{"Logs": all}
		case strings.HasSuffix(r.URL.Path, "/Decide"):
			v, _ := json.Marshal(map[string]any{"path": somePath.In("/nix/store"), "narHash": hashOf(nar).String(), "narSize": len(nar), "references": []string{}})
			d := sha256.Sum256(v)
			var bad []any
			for _, o := range others {
				bad = append(bad, map[string]any{"LogID": o, "Digest": []byte(o)})
			}
			out = map[string]any{"Decision": map[string]any{"LogIDs": logs, "Digest": d[:], "Confidence": 100, "Value": v}, "Mismatches": bad}
		default:
			w.WriteHeader(http.StatusInternalServerError)
			out = map[string]string{"code": "unknown", "message": "Value could not be retreived"}
		}
		json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(s.Close)
	n, err := trustix.NewNode(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestATrustixNodeIsOneVoterOfItsLogsAndTheirCaches(t *testing.T) {
	cache := cacheWith(t, serve(somePath, plainNar, alice))
	caches := []lock.Cache{{URL: cache, Keys: []string{alice.Public()}}}
	node := func(nar []byte, upstream string, others ...string) *trustix.Node {
		return trustixNode(t, nar, []string{"l1", "l2", "l3"}, upstream, others...)
	}
	for name, c := range map[string]struct {
		nodes    []*trustix.Node
		caches   []lock.Cache
		want     Verdict
		distinct int
	}{
		"beside a cache":                       {[]*trustix.Node{node(plainNar, "")}, caches, Match, 2},
		"with many logs, alone":                {[]*trustix.Node{node(plainNar, "")}, nil, Inconclusive, 1},
		"that says otherwise":                  {[]*trustix.Node{node(otherNar, "")}, caches, Mismatch, 1},
		"of a log that is the cache's":         {[]*trustix.Node{node(plainNar, cache)}, caches, Inconclusive, 1},
		"whose logs are not told":              {[]*trustix.Node{node(plainNar, "!")}, caches, Inconclusive, 1},
		"one of whose logs is not told":        {[]*trustix.Node{node(plainNar, "-")}, caches, Inconclusive, 1},
		"with a log that disagrees":            {[]*trustix.Node{node(plainNar, "", "liar")}, caches, Inconclusive, 2},
		"with a log that disagrees, and a lie": {[]*trustix.Node{node(otherNar, "", "liar")}, caches, Mismatch, 1},
		"and another of the same logs":         {[]*trustix.Node{node(plainNar, ""), node(plainNar, "")}, nil, Inconclusive, 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, item := challengeOne(t, Options{Caches: c.caches, Trustix: c.nodes, Store: missingStore(len(c.caches) == 0)})
			if item.Verdict != c.want || item.Sides[0].Distinct != c.distinct {
				t.Errorf("%v, %d distinct: %s", item.Verdict, item.Sides[0].Distinct, item.Text)
			}
			for _, v := range item.Votes {
				if len(v.By) > 0 && strings.Contains(v.Text, "evidence") {
					t.Errorf("a node's word is called a signature: %+v", v)
				}
			}
		})
	}
}

// missingStore is a store without the path, so that there is another voter.
func missingStore(wanted bool) Local {
	if !wanted {
		return nil
	}
	return shelf{infos: map[lock.StorePath]nix.Info{}}
}
