package bincache

import "time"

// Limits bounds what one cache may cost. A zero field takes its default.
type Limits struct {
	CacheInfo int64  // bytes of a nix-cache-info; 64 KiB
	NarInfo   int64  // bytes of a narinfo; 1 MiB
	NarSize   uint64 // bytes of an unpacked NAR; 1 TiB
	Window    uint64 // bytes that a decompressor may hold for looking back; 128 MiB
	Files     int    // entries of a listing; 4 million

	PerHost   int // requests to one host at a time; 64
	Redirects int // in a row; 5
	Attempts  int // of one request; 4

	Request  time.Duration // for a narinfo or nix-cache-info, from asking to the last byte; 30 s
	Answer   time.Duration // until an answer starts; 20 s
	Stall    time.Duration // a span of waiting for a NAR in which at least Trickle bytes must come; 20 s
	Trickle  int64         // bytes; 16 KiB
	Backoff  time.Duration // before the second attempt, doubled for each further one; 250 ms
	Patience time.Duration // the longest wait that a cache may ask for; 20 s
}

// DefaultLimits are generous to every honest cache: nixpkgs' largest narinfo
// is some 50 KiB, xz -9 looks back 64 MiB, zstd's own decoder stops at 128 MiB.
func DefaultLimits() Limits {
	return Limits{
		CacheInfo: 64 << 10, NarInfo: 1 << 20, NarSize: 1 << 40, Window: 128 << 20, Files: 4 << 20,
		PerHost: 64, Redirects: 5, Attempts: 4,
		Request: 30 * time.Second, Answer: 20 * time.Second, Stall: 20 * time.Second, Trickle: 16 << 10,
		Backoff: 250 * time.Millisecond, Patience: 20 * time.Second,
	}
}

// orDefault fills in what was left zero or makes no sense.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	fill(&l.CacheInfo, d.CacheInfo)
	fill(&l.NarInfo, d.NarInfo)
	fill(&l.NarSize, d.NarSize)
	fill(&l.Window, d.Window)
	fill(&l.Files, d.Files)
	fill(&l.PerHost, d.PerHost)
	fill(&l.Redirects, d.Redirects)
	fill(&l.Attempts, d.Attempts)
	fill(&l.Request, d.Request)
	fill(&l.Answer, d.Answer)
	fill(&l.Stall, d.Stall)
	fill(&l.Trickle, d.Trickle)
	fill(&l.Backoff, d.Backoff)
	fill(&l.Patience, d.Patience)
	return l
}

func fill[T int | int64 | uint64 | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}
