package probe

import (
	"context"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// paths asks for the real paths that were given.
func (p *prober) paths(ctx context.Context) {
	for _, path := range p.o.Paths {
		start := time.Now()
		n, err := p.cache.NarInfo(ctx, path)
		got := Path{Path: path, Took: time.Since(start)}
		if err != nil {
			got.State, got.Text = pathState(err), err.Error()
		} else {
			got.Deriver, got.Size = n.Deriver, n.NarSize
			p.signed(n, &got)
			if p.o.Unlike != nil {
				if text := p.o.Unlike(n); text != "" {
					got.State, got.Text = PathUnlike, text
				}
			}
		}
		p.r.Paths = append(p.r.Paths, got)
		if got.State == PathUnknown && bincache.KindOf(err) == bincache.Unreachable {
			return // it would take as long for each of the others
		}
	}
}

// pathState is what a failure says of a path.
func pathState(err error) PathState {
	switch bincache.KindOf(err) {
	case bincache.Absent:
		return PathAbsent
	case bincache.Refused:
		return PathRefused
	case bincache.Misbehaved:
		return PathCorrupt
	}
	return PathUnknown
}

// signed judges a narinfo by its signatures, and by its name where these do not
// suffice. What does not fit a believed name stays bad: Nix would take the path
// for its name, and a person has to hear that something is forged.
func (p *prober) signed(n *bincache.NarInfo, got *Path) {
	check := bincache.CheckSignatures(n, p.o.Keys, p.o.Known...)
	got.By, got.Others, got.Text = check.By, check.Others, check.Text
	switch check.Verdict {
	case bincache.Verified:
		got.State = PathSigned
		return
	case bincache.BadSignature, bincache.WrongKey:
		got.State = PathBadSignature
		return
	case bincache.Unsigned:
		got.State = PathUnsigned
	case bincache.UnknownSigner:
		got.State = PathUnknownKey
	}
	if n.CA != "" && n.ProveContent() == nil {
		got.State, got.Text = PathAddressed, "its name is computed from its contents, so that it needs no signature"
	}
}
