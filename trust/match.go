package trust

import (
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
)

// Match finds the first entry of a trusted-users or allowed-users list that
// matches the user, as the daemon does: "*", the user's name, or @group, where
// the group is the process's own primary group or one whose entry in the group
// database lists the user. The groups that the `id` command prints besides do
// not count in Nix. Nix: src/nix/unix/daemon.cc, matchUser.
//
// A Lix daemon from 2.95 on counts the supplementary groups of the process, too,
// which is what the version says whose daemon matches.
// Lix: nix/daemon.cc, authPeer and getPeerInfo (SO_PEERGROUPS).
func (u User) Match(list []string, daemon nixconf.Version) (index int, ok bool) {
	for i, entry := range list {
		group, isGroup := strings.CutPrefix(entry, "@")
		switch {
		case entry == "*":
			return i, true
		case !isGroup && u.Name != "" && entry == u.Name:
			return i, true
		case isGroup && group != "" && (group == u.Group || slices.Contains(u.MemberOf, group)):
			return i, true
		case isGroup && group != "" && daemon.LixAtLeast(lixBatch) && slices.Contains(u.Supplementary, group):
			return i, true
		}
	}
	return 0, false
}

// nearGroup finds an @group entry that does not match although the process is
// in the group, which is what the `id` command shows and users expect to count.
func (u User) nearGroup(list []string) (index int, ok bool) {
	for i, entry := range list {
		if group, isGroup := strings.CutPrefix(entry, "@"); isGroup && slices.Contains(u.Supplementary, group) {
			return i, true
		}
	}
	return 0, false
}
