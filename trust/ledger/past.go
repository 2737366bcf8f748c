package ledger

import (
	"fmt"

	"github.com/nix-trust/nix-trust/trust"
)

// Plan is entry n as it was made, with the contents of its files. What it says
// of the files was true then.
func (j Journal) Plan(n int) (trust.Plan, error) {
	f, err := j.openToRead()
	if err != nil {
		return trust.Plan{}, err
	}
	if f != nil {
		defer f.Close()
		h, err := j.scan(f, n)
		if err != nil {
			return trust.Plan{}, err
		}
		if h.wanted != nil {
			p, err := h.wanted.plan()
			if err != nil {
				return trust.Plan{}, refuse(j.Path(), fmt.Sprintf("entry %d cannot be read: %v", n, err), "")
			}
			return p, nil
		}
	}
	return trust.Plan{}, refuse(j.Path(), fmt.Sprintf("it has no entry %d", n), "`nix-trust journal` lists them")
}
