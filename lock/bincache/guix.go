package bincache

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// guixSignature recognises a signature of Guix, 1;HOST;BASE64, where the base 64
// is of an s-expression: libgcrypt's canonical or its readable form. It is a
// signature of the lines of the narinfo that stand before it, and not of Nix's
// fingerprint, by a key that nobody has listed for Nix. Nothing is verified.
// Guix: guix/narinfo.scm, narinfo-signature->canonical-sexp.
func guixSignature(value string) (host string, ok bool) {
	version, rest, found := strings.Cut(value, ";")
	host, text, split := strings.Cut(rest, ";")
	if !found || !split || version != "1" || host == "" {
		return "", false
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", false
	}
	s := string(raw)
	return host, strings.HasPrefix(s, "(signature") || strings.HasPrefix(s, "(9:signature")
}

// guixText says what signatures of Guix are worth, "" without any.
func guixText(hosts []string) string {
	if len(hosts) == 0 {
		return ""
	}
	return fmt.Sprintf("a signature of Guix by %s stands there, which Nix does not read and which proves nothing here", quote(hosts[0]))
}
