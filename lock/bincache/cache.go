package bincache

import (
	"context"
	"fmt"
)

// Info gets and reads nix-cache-info. A cache for a store at another place is
// an error of kind Misbehaved, as Nix cannot use it; one without the file is
// Absent.
func (k *Cache) Info(ctx context.Context) (CacheInfo, error) {
	const file = "nix-cache-info"
	data, err := k.small(ctx, k.base.JoinPath(file), k.client.limits.CacheInfo)
	if err != nil {
		return CacheInfo{}, about(err, k.shown, file)
	}
	info, err := ParseCacheInfo(data)
	if err != nil && (info.StoreDir == "" || info.StoreDir == k.client.storeDir) {
		return info, about(err, k.shown, file)
	}
	if info.StoreDir != "" && info.StoreDir != k.client.storeDir {
		return info, about(failf(Misbehaved, "the cache is for stores at %s, not %s; nothing of it can be used here", quote(info.StoreDir), k.client.storeDir), k.shown, file)
	}
	return info, nil
}

// NarInfo gets and reads what the cache says of a path. Nothing in it is
// verified; see CheckSignatures, NarInfo.ProveContent and Cache.Contents.
// Absence is the kind Absent, and is not remembered.
func (k *Cache) NarInfo(ctx context.Context, p StorePath) (*NarInfo, error) {
	file := p.Digest() + ".narinfo"
	n, err := k.narInfo(ctx, p, file)
	if err != nil {
		return nil, about(err, k.shown, file)
	}
	return n, nil
}

func (k *Cache) narInfo(ctx context.Context, p StorePath, file string) (*NarInfo, error) {
	if _, err := ParseStorePath(string(p)); err != nil {
		return nil, fmt.Errorf("not asked for: %w", err)
	}
	data, err := k.small(ctx, k.base.JoinPath(file), k.client.limits.NarInfo)
	if err != nil {
		return nil, err
	}
	n, err := ParseNarInfo(k.client.storeDir, data)
	if err != nil {
		return nil, err
	}
	if n.Path != p {
		return nil, &Error{Kind: Misbehaved, Text: fmt.Sprintf("the narinfo is of %s, and %s was asked for; the cache mixes up its files, or one was replaced", quote(string(n.Path)), p),
			Err: &Mismatch{"StorePath", string(p), string(n.Path)}}
	}
	return n, nil
}
