package trust

import (
	"fmt"
	"strings"
)

// The parameters that every binary cache has and that have to parse. One that
// does not keeps Nix from opening the cache.
// Nix: src/libstore/include/nix/store/store-api.hh, StoreConfig.
var (
	boolParams   = []string{"trusted", "want-mass-query"}
	numberParams = []string{"priority", "path-info-cache-size"}
)

// unfit says why a cache is not asked for its URL's parameters, nil when they
// are fine or unknown here.
func (e *engine) unfit(url string) *Reason {
	bad := func(name, value, says string) *Reason {
		r := e.reason(CodeBadParameter, Fail, url, fmt.Sprintf("Nix cannot read %s=%s in the URL, and passes over the cache.", name, value))
		if e.daemonVersion().AtLeast(2, 26) {
			r.NixSays = "warning: " + says + "'" + name + "' has invalid value '" + value + "'"
		}
		return &r
	}
	for _, name := range boolParams {
		switch v, set := e.rule.param(url, name); v {
		case "true", "yes", "1", "false", "no", "0":
		default:
			if set {
				return bad(name, v, "Boolean setting ")
			}
		}
	}
	for _, name := range numberParams {
		if v, set := e.rule.param(url, name); set && !strings.ContainsAny(v, "0123456789") {
			return bad(name, v, "setting ")
		}
	}
	if dir, set := e.rule.param(url, "store"); set && dir != e.f.Nix.StoreDir {
		r := e.reason(CodeStoreDirMismatch, Fail, url, fmt.Sprintf("The URL says that it is for stores in %s, and this one is %s.", dir, e.f.Nix.StoreDir))
		return &r
	}
	return nil
}
