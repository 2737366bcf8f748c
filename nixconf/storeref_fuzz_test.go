package nixconf

import "testing"

// FuzzStoreRef holds that what is printed of a reference stands for exactly
// that reference: two that differ must never be shown alike.
func FuzzStoreRef(f *testing.F) {
	for _, s := range []string{"auto", "daemon?a=b", "local", "/x y/../z?q=1", "https://u:p@cache.nixos.org:80/a%2Fb?x=%26&y",
		"ssh://fe80::1%eth0", "http://[fe80::1%25a]", "file:///", "a:b:c", "http://h?a=1&a=2", "x+file://", "z?a|b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseStoreRef(s)
		if err != nil {
			return
		}
		if back := printedRef(r.String()); !back.Equal(r) {
			t.Errorf("%q is read as %#v, printed as %q, and that is %#v", s, r, r.String(), back)
		}
	})
}
