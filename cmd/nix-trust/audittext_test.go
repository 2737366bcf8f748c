package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

// A command to copy quotes a cache's URL, which a configuration may have from
// anybody.
func TestAuditsCommandsKeepEscapesAndPasswordsToThemselves(t *testing.T) {
	const hostile = "https://mira:hunter2@acme.example/\u202e"
	key, err := bincache.ParsePublicKey("acme.example-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs=")
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.Audit(context.Background(), &storedb.Store{Dir: "/nix/store"}, audit.Options{Keys: []audit.Key{{PublicKey: key, Believed: true}}})
	if err != nil {
		t.Fatal(err)
	}
	got := &audited{Report: report, trust: &trust.Report{Caches: []trust.CacheReport{{URL: hostile, InEffect: true}}}}
	for _, what := range []string{"--unused", "--cache"} {
		var out bytes.Buffer
		a := &app{streams: streams{out: &out, err: &out}, plain: true}
		if what == "--unused" {
			_ = a.printUnused(got)
		} else {
			got.Paths = []audit.Path{{Class: audit.Signed, Signers: []int32{0}, Root: -1}}
			got.Store.Rows = make([]storedb.Row, 1)
			_ = a.printRadius(got, auditFlags{cache: hostile + "\x1b[2J"}, []int{0})
		}
		said := out.String()
		if !strings.Contains(said, "://***@acme.example") || strings.ContainsAny(said, "\x1b\u202e") || strings.Contains(said, "hunter2") {
			t.Errorf("%s: %q", what, said)
		}
	}
}
