// Package operation has the changes that belong to the administrator: a closed
// set, in a file that a user writes and the administrator applies. Such a file
// holds caches, keys and flakes, each of them checked, and nothing that is run
// or copied into a configuration as it stands. What it would do is worked out
// anew from the machine's own files.
//
// Some things cannot be said in it at all: a trusted user, accepting what
// flakes ask, a check of signatures turned off, a URL that turns it off, a
// pattern, a key that anybody can sign for.
package operation

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// A Kind is what an operation does. The zero Kind is none, and is refused.
type Kind string

const (
	// Allow lets every user of the machine ask for caches, and believes keys:
	// trusted-substituters and trusted-public-keys.
	Allow Kind = "allow"
	// Disallow takes caches and keys out of the machine's lists:
	// trusted-substituters, substituters and trusted-public-keys.
	Disallow Kind = "disallow"
	// Forget forgets root's saved answers that have caches or keys among their items.
	Forget Kind = "forget"
	// Deny lets nothing that a flake offers be granted, for the whole machine.
	Deny Kind = "deny"
	// Undeny takes a denial back.
	Undeny Kind = "undeny"
	// Revoke takes the machine's grant for a flake back.
	Revoke Kind = "revoke"
)

// kinds are all of them.
var kinds = []Kind{Allow, Disallow, Forget, Deny, Undeny, Revoke}

// An Operation is one change. Allow, Disallow and Forget are about caches and
// keys, the others about one flake.
type Operation struct {
	Do     Kind
	Caches []string        // URLs, without parameters
	Keys   []string        // NAME:BASE64, as Nix writes it
	Flake  grants.Identity // in its one spelling
}

// Limits of a file.
const (
	MaxBytes      = 256 << 10
	maxOperations = 100
	maxItems      = 100 // caches, and keys, of one operation
	maxURL        = 1024
	maxKey        = 256
)

// Check reports why an operation is refused, as the rest of a sentence that
// names it; nil when it is not.
func (o Operation) Check() error {
	switch o.Do {
	case Allow, Disallow, Forget:
		if o.Flake != "" {
			return fmt.Errorf("%s is about caches and keys, and not about a flake", o.Do)
		}
		return o.checkItems()
	case Deny, Undeny, Revoke:
		if len(o.Caches)+len(o.Keys) > 0 {
			return fmt.Errorf("%s is about a flake, and not about caches and keys", o.Do)
		}
		_, err := grants.ParseIdentity(string(o.Flake))
		return err
	}
	return fmt.Errorf("%q is nothing that can be done; there are %s", clip(string(o.Do)), words())
}

func words() string {
	var out []string
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return strings.Join(out, ", ")
}

func (o Operation) checkItems() error {
	if len(o.Caches)+len(o.Keys) == 0 {
		return fmt.Errorf("%s says neither a cache nor a key", o.Do)
	}
	for _, list := range [][]string{o.Caches, o.Keys} {
		if len(list) > maxItems {
			return fmt.Errorf("it has more than %d caches or keys", maxItems)
		}
		for i, it := range list {
			if slices.Contains(list[:i], it) {
				return fmt.Errorf("%q is there twice", clip(it))
			}
		}
	}
	for _, u := range o.Caches {
		if err := checkCache(u); err != nil {
			return err
		}
	}
	for _, k := range o.Keys {
		if err := checkKey(k); err != nil {
			return err
		}
	}
	if o.Do != Allow {
		return nil
	}
	_, err := trust.Platform{}.Snippet(trust.TargetSystem, o.want())
	return err
}

func (o Operation) want() trust.Want { return trust.Want{Caches: o.Caches, Keys: o.Keys} }

// checkCache takes the URLs of caches in their plain form. Parameters are
// refused all together: one of them turns the check of signatures off, others
// name files of root's.
func checkCache(s string) error {
	bad := func(why string) error { return fmt.Errorf("%q is no cache for a machine's list: %s", clip(s), why) }
	if len(s) > maxURL {
		return bad(fmt.Sprintf("it has more than %d bytes", maxURL))
	}
	// The one address in brackets is this machine's own, where a gate may listen.
	letters, _ := strings.CutPrefix(s, "http://[::1]:")
	for i := range len(letters) {
		if c := letters[i]; c < '!' || c > '~' || strings.IndexByte("\"'`$\\<>{}|^*,;()[]&!", c) >= 0 {
			return bad("it has characters that do not belong there")
		}
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return bad("it cannot be read")
	case strings.ContainsAny(s, "?#"):
		return bad("parameters are not taken")
	case strings.Contains(s, "@"):
		return bad("it has a user or a password")
	case u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "file" || !strings.HasPrefix(s, u.Scheme+"://"):
		return bad("it begins with https://, http:// or file:///")
	case u.Scheme == "file" && (u.Host != "" || len(u.Path) < 2):
		return bad("a folder is needed behind file://")
	case u.Scheme != "file" && (u.Hostname() == "" || u.Host != strings.ToLower(u.Host)):
		return bad("it needs the name of a host, in lower case")
	}
	if slices.Contains(strings.Split(u.Path, "/"), "..") {
		return bad("its path leads upwards")
	}
	return nil
}

// checkKey takes a key as Nix writes it. That one which is to be believed proves
// something is checked with the lines that it leads to.
func checkKey(s string) error {
	k, err := bincache.ParsePublicKey(s)
	switch {
	case len(s) > maxKey:
		return fmt.Errorf("the key %q has more than %d bytes", clip(s), maxKey)
	case err != nil:
		return fmt.Errorf("the key %q cannot be read: it is written NAME:BASE64, with 32 bytes in the second part", clip(s))
	case k.String() != s:
		return fmt.Errorf("the key %q is not in its one spelling", clip(s))
	}
	for i := range len(k.Name) {
		c := k.Name[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._-+=@/", c) >= 0) {
			return fmt.Errorf("the key %q has a name with characters that do not belong there", clip(s))
		}
	}
	return nil
}

// checkAll checks the operations of one file, and all of them together.
func checkAll(ops []Operation) error {
	switch {
	case len(ops) == 0:
		return errors.New("no operation is named")
	case len(ops) > maxOperations:
		return fmt.Errorf("there are more than %d operations", maxOperations)
	}
	allowed, taken := map[string]bool{}, map[string]bool{}
	names, flakes := map[string]string{}, map[grants.Identity]bool{}
	for _, o := range ops {
		if err := o.Check(); err != nil {
			return err
		}
		if o.Flake != "" {
			if flakes[o.Flake] {
				return fmt.Errorf("two operations are about %s", o.Flake)
			}
			flakes[o.Flake] = true
		}
		for _, it := range slices.Concat(o.Caches, o.Keys) {
			switch o.Do {
			case Allow:
				allowed[bare(it)] = true
			case Disallow:
				taken[bare(it)] = true
			}
		}
		if o.Do != Allow {
			continue
		}
		for _, k := range o.Keys {
			key, _ := bincache.ParsePublicKey(k)
			if other, known := names[key.Name]; known && other != k {
				return fmt.Errorf("two different keys are called %s, and Nix would try only one of them", key.Name)
			}
			names[key.Name] = k
		}
	}
	for it := range allowed {
		if taken[it] {
			return fmt.Errorf("%s is allowed and disallowed in one file", it)
		}
	}
	return nil
}

// bare is an item without what two spellings of one cache differ in.
func bare(item string) string {
	if strings.Contains(item, "://") {
		return strings.TrimRight(item, "/")
	}
	return item
}

// clip shortens what is quoted in a message.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}
