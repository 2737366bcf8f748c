package host

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/trust"
)

// Limits on what one look asks the daemon about.
const (
	maxOfferURLs  = 4096
	maxOfferBytes = 1 << 20
	// maxOffers is how many connections may be spent on URLs that the daemon
	// cannot parse: each one hides what follows it.
	maxOffers = 128
)

const (
	opSetOptions = 19
	logWarn      = 1
	logDebug     = 6
)

// noBool is a value that no boolean setting has.
const noBool = "nix-trust-asks"

// offer is what one SetOptions learnt.
type offer struct {
	trusted  bool            // it tried to apply a setting that only a trusted user may set
	dropped  bool            // it says that it drops such a setting
	rejected map[string]bool // substituters it says it ignores
	broken   string          // the substituter that it cannot parse, "" when there is none
}

// offerSettings sends what every client sends after the handshake: its settings.
// The daemon applies those that it takes to the process that serves this one
// connection, says which ones it ignores, and forgets them when the connection
// is closed. Nothing is asked of the store.
// Nix: src/libstore/daemon.cc, ClientSettings::apply.
//
// Two settings are offered. `substituters` has the URLs asked about: for a user
// who is not trusted the daemon names those it would not use. `require-sigs` has
// a value that is no boolean: for a trusted user the daemon complains about the
// value, for others about the setting. Either way it changes nothing.
func (c *conversation) offerSettings(urls []string) (offer, error) {
	w := c.wire
	verbosity := uint64(logWarn)
	if c.daemon.Trust == trust.TrustUnknown {
		verbosity = logDebug // before 2.22 it mentions dropped settings at this level only
	}
	w.putNumber(opSetOptions)
	for _, n := range []uint64{
		0, 0, 0, // keep-failed, keep-going, fallback
		verbosity,
		1, 0, // max-jobs, max-silent-time
		1,    // obsolete
		0,    // build output is shown
		0, 0, // obsolete
		0, // cores
		1, // substitute
	} {
		w.putNumber(n)
	}
	w.putNumber(2)
	w.putText("require-sigs")
	w.putText(noBool)
	w.putText("substituters")
	w.putText(strings.Join(urls, " "))
	if err := w.flush(); err != nil {
		return offer{}, err
	}
	lines, err := w.messages(c.protocol(&c.daemon))
	if err != nil {
		return offer{}, err
	}
	return readOffer(lines, urls), nil
}

// readOffer finds the daemon's verdicts in what it said. Releases differ in the
// case of the first letter, in the quotes, and in what follows. The URLs, which
// come from flakes, have neither quotes nor spaces: none can pass for a verdict.
func readOffer(lines []string, urls []string) offer {
	o := offer{rejected: map[string]bool{}}
	for _, line := range lines {
		line = strings.ReplaceAll(line, `"`, `'`)
		if quoted(line, "gnoring the client-specified setting ") == "require-sigs" {
			o.dropped = true
		}
		if quoted(line, "setting ") == "require-sigs" && quoted(line, "has invalid value ") == noBool {
			o.trusted = true
		}
		if u := quoted(line, "gnoring untrusted substituter "); u != "" {
			o.rejected[u] = true
		}
		if u := quoted(line, "annot parse Nix store "); u != "" && o.broken == "" {
			o.broken = u
		}
	}
	return o
}

// quoted returns what stands in quotes after a phrase.
func quoted(line, phrase string) string {
	_, after, ok := strings.Cut(line, phrase+"'")
	if !ok {
		return ""
	}
	s, _, ok := strings.Cut(after, "'")
	if !ok {
		return ""
	}
	return s
}

// askable keeps the URLs that can be asked about: one token each, in plain
// characters, so that the answer can be told from the question; at most as many
// as the limits allow.
func askable(urls []string) (asked []string, left int) {
	seen := map[string]bool{}
	bytes := 0
	for _, u := range urls {
		if seen[u] || u == "" || strings.IndexFunc(u, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("'\"\\`", r) }) >= 0 {
			continue
		}
		seen[u] = true
		if len(asked) == maxOfferURLs || bytes+len(u)+1 > maxOfferBytes {
			left++
			continue
		}
		bytes += len(u) + 1
		asked = append(asked, u)
	}
	return asked, left
}

// canary is a URL that no daemon has listed. An untrusted user's daemon must
// reject it; as it stands last, its rejection shows that every URL before it
// was weighed.
func canary() string {
	var b [16]byte
	rand.Read(b[:])
	return "https://nix-trust-asks-" + hex.EncodeToString(b[:]) + ".invalid"
}

// ask learns what the handshake did not say: whether the user is trusted, from
// daemons before 2.15, and which of the URLs the daemon would use if this user
// named them. Again opens another connection to the same daemon, as each can be
// asked once only: what is offered replaces what it is compared with.
func (c *conversation) ask(ctx context.Context, urls []string, again func(context.Context) *conversation) {
	if c.conn == nil {
		return
	}
	start := time.Now()
	defer func() { c.spent += time.Since(start); c.close() }()
	ctx, cancel := context.WithTimeout(ctx, max(c.limit-c.spent, 0))
	defer cancel()

	asked, left := askable(urls)
	if left > 0 {
		c.daemon.Err = fmt.Sprintf("%d substituters were too many to ask it about", left)
	}
	last := canary()
	admits := make(map[string]bool, len(asked))
	queue := [][]string{asked}
	for talk := c; len(queue) > 0; {
		if talk == nil {
			if talk = again(ctx); talk.conn == nil {
				c.daemon.Err = lostAfter(talk.daemon.Err)
				break
			}
		}
		list := queue[0]
		queue = queue[1:]
		o, err := talk.offerIn(ctx, append(list[:len(list):len(list)], last))
		if talk != c {
			talk.close()
		}
		talk = nil
		var said *daemonError
		switch {
		case errors.As(err, &said) && len(list) > 1:
			// One of them upsets the daemon as a whole: halve until it is alone.
			queue = append(queue, list[:len(list)/2], list[len(list)/2:])
		case errors.As(err, &said):
			// This is the one: what becomes of it is not known.
		case err != nil:
			c.daemon.Err = lostAfter(talkText(err))
			queue = nil
		case !c.believe(o, last):
			c.daemon.Err = "what it says of the settings that it was offered does not show whether it trusts this user, so which substituters it would use is unknown"
			queue = nil
		default:
			if rest := c.weigh(o, list, admits); len(rest) > 0 {
				queue = append(queue, rest)
			}
		}
		if c.offers++; c.offers == maxOffers && len(queue) > 0 {
			c.daemon.Err = "it cannot read many of the substituters, so not all of them could be asked about"
			break
		}
	}
	if len(admits) > 0 {
		c.daemon.Admits = admits
	}
}

// weigh notes the verdicts of one offer and returns what has to be offered
// again. A URL that the daemon cannot parse ends its list there: for a user who
// is not trusted those before it were weighed, for a trusted one the list is
// taken or refused as a whole.
func (c *conversation) weigh(o offer, list []string, admits map[string]bool) []string {
	weighed, rest := list, []string(nil)
	if o.broken != "" {
		n := slices.Index(list, o.broken)
		if n < 0 {
			return nil
		}
		admits[o.broken] = false
		weighed, rest = list[:n], list[n+1:]
		if c.daemon.Trust == trust.Trusted {
			weighed, rest = nil, slices.Concat(list[:n], list[n+1:])
		}
	}
	for _, u := range weighed {
		admits[u] = !o.rejected[u]
	}
	return rest
}

// offerIn offers within the deadline of ctx.
func (c *conversation) offerIn(ctx context.Context, urls []string) (offer, error) {
	if deadline, ok := ctx.Deadline(); ok {
		c.conn.SetDeadline(deadline)
	}
	conn := c.conn
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	defer stop()
	return c.offerSettings(urls)
}

// believe checks an offer's answers against each other and against the
// handshake, and reports whether the rejections can be relied on. Trust is only
// ever raised by the daemon's own words.
func (c *conversation) believe(o offer, canary string) bool {
	if c.daemon.Trust == trust.TrustUnknown && c.daemon.Protocol < protocolTrust {
		switch {
		case o.trusted && !o.dropped && !o.rejected[canary]:
			c.daemon.Trust, c.daemon.Probed = trust.Trusted, true
		case !o.trusted && (o.dropped || o.rejected[canary]):
			c.daemon.Trust, c.daemon.Probed = trust.Untrusted, true
		}
	}
	switch c.daemon.Trust {
	case trust.Trusted:
		if o.trusted && !o.dropped && len(o.rejected) == 0 {
			return true
		}
	case trust.Untrusted:
		if !o.trusted && (o.rejected[canary] || o.broken != "") {
			return true
		}
	}
	return false
}

// lostAfter words what went wrong after the handshake. What that said stays true.
func lostAfter(why string) string {
	return "it shook hands, and was then asked which substituters it would use: " + why
}
