package tui

import "strings"

// eighths are the parts of a cell, from one eighth on.
var eighths = []string{"▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// shareBar draws what share of all something is, in at most w cells, and marks
// the part of it that stands by itself: that is drawn first, and solid. What is
// more than nothing is seen. Neither share may be negative; alone is at most share.
func shareBar(alone, share, all int64, w int, t *theme) string {
	if share <= 0 || all <= 0 || w <= 0 {
		return ""
	}
	parts := func(n int64) int { // eighths of a cell
		if n <= 0 {
			return 0
		}
		return max(1, int(min(float64(n)/float64(all), 1)*float64(w*8)+0.5))
	}
	solid, long := parts(min(alone, share)), parts(share)
	if t.coarse {
		solid, long = (solid+7)/8, (long+7)/8
		return strings.Repeat(t.full, solid) + strings.Repeat(t.shared, long-solid)
	}
	if solid == long || long <= 8 {
		return strings.Repeat(t.full, long/8) + part(long%8)
	}
	// The border between the two is at a whole cell, the end at an eighth.
	cells := (long + 7) / 8
	own := min((solid+4)/8, cells-1)
	if solid > 0 {
		own = max(own, 1)
	}
	return strings.Repeat(t.full, own) + strings.Repeat(t.shared, cells-own)
}

func part(n int) string {
	if n == 0 {
		return ""
	}
	return eighths[n-1]
}
