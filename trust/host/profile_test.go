package host

import (
	"strings"
	"testing"
)

func TestABrokenManifestIsExplainedInWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "line 1, column 1",
		"{\n \"version\": 3,\n x}":      "line 3, column 2",
		`{"version": 3`:                 "not JSON at line 1",
		`[]`:                            "a JSON array",
		`{"version": "3"}`:              `its "version" is of the wrong kind, a JSON string`,
		`{"version": 3, "elements":[]}`: "a JSON array",
		`{"version": 9}`:                "version 9 is not known",
	} {
		_, err := parseManifest([]byte(text))
		if err == nil {
			t.Errorf("%q is read", text)
			continue
		}
		if got := jsonTrouble([]byte(text), err); !strings.Contains(got, want) || strings.Contains(got, "Go ") {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
