package bincache

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

// Guix's form: guix/narinfo.scm; read from its source, no Guix was run.
func guixLine(host, sexp string) string {
	return "1;" + host + ";" + base64.StdEncoding.EncodeToString([]byte(sexp))
}

const (
	readableSexp  = "(signature \n (data \n  (flags rfc6979)\n  (hash sha256 #00#)\n  )\n (sig-val \n  (ecdsa \n   (r #00#)\n   (s #00#)\n   )\n  )\n )\n"
	canonicalSexp = "(9:signature(4:data(5:flags7:rfc6979)))"
)

func TestASignatureOfGuixIsNoSignatureHere(t *testing.T) {
	base := "StorePath: /nix/store/" + strings.Repeat("a", 32) + "-x\nURL: x.nar\nCompression: none\nNarHash: sha256:" + strings.Repeat("1", 52) + "\nNarSize: 1\nReferences: \n"
	ring := NewKeyring([]string{"1;ci.guix.gnu.org:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="})
	for name, c := range map[string]struct {
		lines   string
		guix    []string
		verdict Verdict
		says    string
	}{
		"none":               {"", nil, Unsigned, "it has no signature"},
		"readable":           {"Signature: " + guixLine("ci.guix.gnu.org", readableSexp) + "\n", []string{"ci.guix.gnu.org"}, Unsigned, "proves nothing here"},
		"canonical":          {"Signature: " + guixLine("host", canonicalSexp) + "\n", []string{"host"}, Unsigned, "proves nothing here"},
		"where Nix's stands": {"Sig: " + guixLine("ci.guix.gnu.org:8080", readableSexp) + "\n", nil, UnknownSigner, "proves nothing here"},
		"where Nix's stands, of a name that is listed": {"Sig: " + guixLine("ci.guix.gnu.org", readableSexp) + "\n", nil, UnknownSigner, "proves nothing here"},
		"another version":             {"Signature: 2;host;" + base64.StdEncoding.EncodeToString([]byte(readableSexp)) + "\n", nil, Unsigned, "it has no signature"},
		"another expression":          {"Signature: " + guixLine("host", "(public-key)") + "\n", nil, Unsigned, "it has no signature"},
		"no base 64":                  {"Signature: 1;host;*\n", nil, Unsigned, "it has no signature"},
		"no host":                     {"Signature: " + guixLine("", readableSexp) + "\n", nil, Unsigned, "it has no signature"},
		"a host that hides something": {"Signature: " + guixLine("h\u202eost", readableSexp) + "\n", []string{"h\u202eost"}, Unsigned, `"h\u202eost"`},
	} {
		n, err := ParseNarInfo("", []byte(base+c.lines))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		check := CheckSignatures(n, ring)
		if !slices.Equal(n.Guix, c.guix) || check.Verdict != c.verdict || !strings.Contains(check.Text, c.says) || len(check.By) > 0 {
			t.Errorf("%s: %q, %v, %s", name, n.Guix, check.Verdict, check.Text)
		}
		if strings.Contains(n.String(), "Signature:") {
			t.Errorf("%s: it is written again, for Nix to read", name)
		}
	}
}
