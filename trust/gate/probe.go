package gate

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nix-community/go-nix/pkg/nixbase32"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

const (
	// probePath is where a probe is asked for.
	probePath  = "nix-trust-probe"
	probeTime  = 5 * time.Minute
	mostProbes = 16
	// probePause is how often there is a new one, over a longer time.
	probePause = time.Second
)

// probes are paths of a few random bytes that the gate makes up itself, and
// serves for some minutes: a daemon takes one exactly when it believes the
// gate's key. They have no content address, which it would believe without.
type probes struct {
	mu   sync.Mutex
	list []probe // the oldest first
}

type probe struct {
	grants.Served
	nar  []byte
	made time.Time
}

// make makes a probe. After sixteen at once there is one a second.
func (p *probes) make(now time.Time) (path lock.StorePath, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(now)
	if len(p.list) == mostProbes {
		if now.Sub(p.list[mostProbes-1].made) < probePause {
			return "", false
		}
		p.list = slices.Delete(p.list, 0, 1)
	}
	var random [20]byte
	rand.Read(random[:])
	digest := nixbase32.EncodeToString(random[:])
	path = lock.StorePath(digest + "-nix-trust-probe")
	nar := fileNar("A probe of nix-trust's, of no use.\n" + rand.Text() + "\n")
	pin := lock.Pin{NAR: sha256.Sum256(nar), Size: int64(len(nar))}
	p.list = append(p.list, probe{Served: grants.Served{Path: path, Pin: pin}, nar: nar, made: now})
	return path, true
}

func (p *probes) expire(now time.Time) {
	p.list = slices.DeleteFunc(p.list, func(o probe) bool { return now.Sub(o.made) >= probeTime || now.Before(o.made) })
}

// find returns the probe of a hash part.
func (p *probes) find(hashPart string, now time.Time) (probe, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(now)
	i := slices.IndexFunc(p.list, func(o probe) bool { return o.Path.Digest() == hashPart })
	if i < 0 {
		return probe{}, false
	}
	return p.list[i], true
}

// serveProbe makes a probe and answers where it would lie in the store.
func (g *Gate) serveProbe(w http.ResponseWriter) {
	path, ok := g.probes.make(g.now())
	if !ok {
		http.Error(w, "too many probes were made; there is another one in a second", http.StatusTooManyRequests)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	send(w, plainType, []byte(path.In(g.client.StoreDir())+"\n"))
}

// probed answers a question for a probe, if it is one.
func (g *Gate) probed(w http.ResponseWriter, path string) bool {
	digest, isInfo := strings.CutSuffix(path, ".narinfo")
	if !isInfo {
		digest, _, _ = strings.Cut(strings.TrimPrefix(path, "nar/"), "-")
	}
	p, ok := g.probes.find(digest, g.now())
	switch {
	case ok && isInfo:
		c := g.current()
		send(w, narinfoType, c.text(p.Served, g.key.sign(c.describe(p.Served))))
	case ok && narURL(p.Served) == path:
		narHeader(w, p.Pin.Size)
		w.Write(p.nar)
	default:
		return false
	}
	return true
}

// fileNar is the archive of a plain file.
// Nix: src/libutil/archive.cc, dump.
func fileNar(contents string) []byte {
	var out []byte
	for _, s := range []string{"nix-archive-1", "(", "type", "regular", "contents", contents, ")"} {
		out = binary.LittleEndian.AppendUint64(out, uint64(len(s)))
		out = append(out, s...)
		out = append(out, make([]byte, -len(s)&7)...)
	}
	return out
}
