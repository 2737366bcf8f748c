package explain

import "github.com/nix-trust/nix-trust/trust"

// Ways renders ways out by themselves.
func Ways(fixes []trust.Fix, s Style) []string {
	p := &page{Style: s}
	p.fixes(fixes, false)
	return p.lines
}
