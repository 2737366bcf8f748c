package trust

import (
	"strings"
	"testing"
)

// A line of the daemon's alone counts as much as one of the user's.
func TestListingsAreTheUsersAndTheDaemons(t *testing.T) {
	r := scene{
		system: "trusted-substituters = https://a.example/\nextra-trusted-public-keys = " + goodKey,
		user:   "extra-substituters = https://a.example\nsubstituters = https://b.example",
	}.decide(t)
	var got []string
	for _, l := range r.Listings() {
		got = append(got, l.Setting+" "+l.Item.Text+" "+place(l.Item.Origin.Pos))
		if l.Text() == "" {
			t.Errorf("%+v has no meaning", l)
		}
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{
		"trusted-substituters https://a.example/ /etc/nix/nix.conf:1",
		"substituters https://b.example /home/a/.config/nix/nix.conf:2",
		"substituters https://cache.nixos.org/ ", // the daemon's own
		"trusted-public-keys " + goodKey + " /etc/nix/nix.conf:2",
	} {
		if !strings.Contains(all+"\n", want) {
			t.Errorf("%q is not among\n%s", want, all)
		}
	}
	if (&Report{}).Listings() != nil {
		t.Error("no configuration has listings")
	}
}

func TestAFolderIsTheSameCacheHoweverItIsWritten(t *testing.T) {
	for item, want := range map[string]bool{
		"file:///srv/cache": true, "file:///srv/cache/": true, "file:///srv/cache?priority=3": true,
		"file:///srv/cache2": false, "file:///srv": false, "https://srv/cache": false, "/srv/cache": false, goodKey: false,
	} {
		if SameItem(item, "file:///srv/cache") != want {
			t.Errorf("%s: %v", item, !want)
		}
	}
}
