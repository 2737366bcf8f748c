package trust

const (
	CodeGranted          Code = "granted"
	CodeGrantExpired     Code = "grant-expired"
	CodeGrantNotYet      Code = "grant-not-yet"
	CodeGrantStale       Code = "grant-stale"
	CodeGrantRollback    Code = "grant-rollback"
	CodeGrantLockMissing Code = "grant-lock-missing"
	CodeGrantUnknown     Code = "grant-unknown"
	CodeGrantConflict    Code = "grant-conflict"
	CodeGrantsUnreadable Code = "grants-unreadable"
	CodeFlakeDenied      Code = "flake-denied"
	CodeGateKeyMissing   Code = "gate-key-missing"
	CodeGateKeyUnknown   Code = "gate-key-unknown"
)

var grantEntries = map[Code]Entry{
	CodeGranted: {
		Title:    "a grant covers it",
		Explain:  "The user or the administrator has accepted the flake's cache lock. The paths that it pins, and no others, come through the gate, which checks their bytes and signs them with its own key. The cache itself and its keys are trusted for nothing more.",
		Remedies: []Remedy{RemedyFetch, RemedyExec},
	},
	CodeGrantExpired: {
		Title:    "the grant has expired",
		Explain:  "It was given for a time, and that is over. Nothing is served because of it any more. Giving it again compares the lock with the caches that the machine trusts anyway, as the first time.",
		Severity: Warn,
		Remedies: []Remedy{RemedyGrantAgain},
	},
	CodeGrantNotYet: {
		Title:    "the grant was given in the future",
		Explain:  "The clock was turned back, or was wrong when it was given. Until its time has come nothing is served because of it.",
		Severity: Warn,
		Remedies: []Remedy{RemedyGrantAgain},
	},
	CodeGrantStale: {
		Title:    "another lock is on offer than was granted",
		Explain:  "A grant is for one lock, by its digest. What the flake offers now was never accepted, and is never followed without a look at what it changes.",
		Severity: Warn,
		Remedies: []Remedy{RemedyGrantAgain},
	},
	CodeGrantRollback: {
		Title:    "an older lock is on offer than was granted",
		Explain:  "The flake offers a lock that was replaced, or older versions than the accepted ones. That is how somebody brings a hole back that was closed; it is not followed without a look.",
		Severity: Danger,
		Remedies: []Remedy{RemedyGrantAgain},
	},
	CodeGrantLockMissing: {
		Title:    "the flake has no lock any more",
		Explain:  "What was accepted counts only while the flake offers it.",
		Severity: Warn,
		Remedies: []Remedy{RemedyLockAgain},
	},
	CodeGrantUnknown: {
		Title:    "how the grant stands is not known",
		Explain:  "Something that decides could not be looked at without running Nix, or could not be read. What is not known lets nothing through.",
		Severity: Warn,
		Remedies: []Remedy{RemedyListGrants},
	},
	CodeGrantConflict: {
		Title:    "two grants pin a path to different bytes",
		Explain:  "One of the two locks is wrong, or one of the caches has delivered something else than the other. Until one of the grants is taken back, the path is served to nobody.",
		Severity: Danger,
		Remedies: []Remedy{RemedyListGrants},
	},
	CodeGrantsUnreadable: {
		Title:    "grants.toml cannot be read",
		Explain:  "A mistake in the file makes all of it count for nothing, as half of a file could leave out the line that takes a grant back.",
		Severity: Warn,
		Remedies: []Remedy{RemedyListGrants},
	},
	CodeFlakeDenied: {
		Title:    "nix-trust denies the flake",
		Explain:  "The user or the administrator has said no to this flake, whatever it offers. Nothing can be granted to it until that is taken back. Nix itself does not know of it.",
		Severity: Warn,
		Remedies: []Remedy{RemedyUndeny},
	},
	CodeGateKeyMissing: {
		Title:    "the gate's key is not believed",
		Explain:  "What the gate serves is signed with its own key, and a daemon takes it only when that key is one of its trusted-public-keys, the first of its name. That is set up once for a machine, by the administrator.",
		Severity: Warn,
		Remedies: []Remedy{RemedyMachineGrant, RemedySetup},
	},
	CodeGateKeyUnknown: {
		Title:    "which key the gate has is not known",
		Explain:  "The file with the public half of the gate's key could not be read, so whether the daemon believes it cannot be said.",
		Severity: Warn,
		Remedies: []Remedy{RemedySetup},
	},
}
