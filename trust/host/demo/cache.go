package demo

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nix-community/go-nix/pkg/nixbase32"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// Caches are the made-up binary caches: a Source that goes nowhere. What it
// answers is verified as any cache's answers are.
func (h *Host) Caches() bincache.Source { return caches{h} }

// answerTime is how long a made-up cache takes to answer, so that there is
// something to watch and to stop.
const answerTime = 100 * time.Millisecond

// Hurry lets the caches answer at once.
func (h *Host) Hurry() { h.hurry.Store(true) }

type caches struct{ h *Host }

func (c caches) Get(ctx context.Context, at *url.URL, _ *url.Userinfo) (*bincache.Reply, error) {
	data, err := c.h.answer(ctx, at.Host, strings.TrimPrefix(at.Path, "/"))
	switch {
	case err != nil:
		return nil, err
	case data == nil:
		return &bincache.Reply{Status: 404, Body: io.NopCloser(strings.NewReader(""))}, nil
	}
	return &bincache.Reply{Status: 200, Length: int64(len(data)), Body: io.NopCloser(bytes.NewReader(data))}, nil
}

// answer is a file of a cache, nil for none.
func (h *Host) answer(ctx context.Context, cache, file string) ([]byte, error) {
	if !h.hurry.Load() {
		t := time.NewTimer(answerTime)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.C:
		}
	}
	if data := turnedOn()[cache][file]; data != nil && h.turned.Load() {
		return data, nil
	}
	return hosts()[cache][file], nil
}

// A source has the files of each host. Any other host has none.
type source map[string]map[string][]byte

// A signer is a cache's key. Its secret half is made from its name, which
// anybody can do: it protects nothing.
type signer struct {
	name   string
	secret ed25519.PrivateKey
}

func signerOf(name string) signer {
	seed := sha256.Sum256([]byte("nix-trust demo " + name))
	return signer{name, ed25519.NewKeyFromSeed(seed[:])}
}

func (s signer) public() string {
	return s.name + ":" + base64.StdEncoding.EncodeToString(s.secret.Public().(ed25519.PublicKey))
}

func (s signer) sign(n *bincache.NarInfo) string {
	return s.name + ":" + base64.StdEncoding.EncodeToString(ed25519.Sign(s.secret, []byte(n.Fingerprint())))
}

// A parcel is a store path with its contents.
type parcel struct {
	path lock.StorePath
	nar  []byte
	refs []lock.StorePath
}

// pack makes a store path of one file. As with Nix, the path follows from the
// name and the system; the contents do not change it.
func pack(system, name, text string, refs ...parcel) parcel {
	sum := sha256.Sum256([]byte(system + " " + name))
	p := parcel{path: lock.StorePath(nixbase32.EncodeToString(sum[:20]) + "-" + name), nar: narOf(text)}
	for _, r := range refs {
		p.refs = append(p.refs, r.path)
	}
	return p
}

// narOf is the NAR of one file.
func narOf(text string) []byte {
	var b []byte
	for _, s := range []string{"nix-archive-1", "(", "type", "regular", "contents", text, ")"} {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
		b = append(b, make([]byte, (8-len(s)%8)%8)...)
	}
	return b
}

func (p parcel) pin() lock.Pin {
	n := p.info()
	return lock.Pin{NAR: n.NarHash, Size: int64(n.NarSize), Refs: n.References}
}

func (p parcel) info() *bincache.NarInfo {
	return &bincache.NarInfo{
		StoreDir: bincache.DefaultStoreDir, Path: p.path, URL: "nar/" + p.path.Digest() + ".nar", Compression: "none",
		NarHash: sha256.Sum256(p.nar), NarSize: uint64(len(p.nar)), References: sorted(p.refs),
	}
}

// put adds a parcel to a host, signed unless by is the zero signer.
func (s source) put(host string, by signer, parcels ...parcel) {
	files := s[host]
	if files == nil {
		files = map[string][]byte{"nix-cache-info": []byte("StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n")}
		s[host] = files
	}
	for _, p := range parcels {
		n := p.info()
		if by.name != "" {
			n.Signatures = []string{by.sign(n)}
		}
		files[n.Path.Digest()+".narinfo"] = []byte(n.String())
		files[n.URL] = p.nar
	}
}

var hosts = sync.OnceValue(func() source {
	s := source{}
	for _, l := range locked() {
		l.fill(s)
	}
	s.put("cache.nixos.org", signer{})
	s.put("pebble.cachix.org", signer{})
	// What cachix.org says of two caches: of one what its flake says, too.
	s["cachix.org"] = map[string][]byte{}
	for name, key := range map[string]string{"comet": signerOf("comet.cachix.org-1").public(), "fern": signerOf("fern.cachix.org-1").public()} {
		s["cachix.org"]["api/v1/cache/"+name] = []byte(`{"name":"` + name + `","uri":"https://` + name + `.cachix.org","publicSigningKeys":["` + key + `"]}`)
	}
	return s
})
