package realnix

import (
	"strings"
	"testing"
)

func TestEachRootHasTheVersionItIsNamedAfter(t *testing.T) {
	Each(t, func(t *testing.T, nix Nix) {
		r := nix.Run(t, Cmd{Args: []string{"nix", "--version"}})
		if !strings.Contains(r.Stdout, " "+nix.Version.String()) {
			t.Errorf("root %s says %q, want version %s", nix.Root, r.Stdout, nix.Version)
		}
	})
}
