package trust

import (
	"cmp"
	"maps"
	"slices"

	"github.com/nix-trust/nix-trust/nixconf"
)

func since(major, minor int) nixconf.Version {
	return nixconf.Version{Major: major, Minor: minor}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// saidIgnored are the lines for a nixConfig setting that was not accepted.
// Nix: src/libflake/config.cc, ConfigFile::apply.
var saidIgnored = []Said{
	{since(2, 91), "warning: ignoring untrusted flake configuration setting '%s', pass '--accept-flake-config' to trust it (may allow the flake to gain root, see the nix.conf manual page)"},
	{since(2, 12), "warning: ignoring untrusted flake configuration setting '%s'.\nPass '--accept-flake-config' to trust it"},
	{since(0, 0), "warning: ignoring untrusted flake configuration setting '%s'"},
}

// saidRestricted are the lines for a setting that the daemon does not take from
// a user it does not trust. Before 2.22 they are printed only with --debug.
// Nix: src/libstore/daemon.cc, ClientSettings::apply.
var saidRestricted = []Said{
	{since(2, 90), "warning: Ignoring the client-specified setting '%s', because it is a restricted setting and you are not a trusted user"},
	{since(2, 22), "warning: ignoring the client-specified setting '%s', because it is a restricted setting and you are not a trusted user"},
}

// saidUnlisted are the lines for a URL that the daemon does not take.
var saidUnlisted = []Said{
	{since(2, 14), "warning: ignoring untrusted substituter '%s', you are not a trusted user.\nRun `man nix.conf` for more information on the `substituters` configuration option."},
	{since(0, 0), "warning: ignoring untrusted substituter '%s'"},
}

// saidSaved are the lines for a decision that was read back.
var saidSaved = []Said{
	{since(2, 13), ""}, // info level: silent on a terminal
	{since(0, 0), "warning: Using saved setting for '%s' from ~/.local/share/nix/trusted-settings.json."},
}

// catalogue is the one place that describes each code.
var catalogue = entries(verdictEntries, grantEntries, lintEntries, reviewEntries, rememberedEntries)

func entries(parts ...map[Code]Entry) map[Code]Entry {
	all := map[Code]Entry{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

var verdictEntries = map[Code]Entry{
	CodeNotAsked: {
		Title:    "no answer is saved",
		Explain:  "Nix asks about every setting of a flake's nixConfig, once for each setting and value. Until it is answered, the setting is ignored; without a terminal on stderr the question is never shown at all.",
		Severity: Warn, Says: saidIgnored,
		Remedies: []Remedy{RemedyScoped, RemedySetup, RemedyAdminCache, RemedyAnswer, RemedyGlobal},
	},
	CodeSavedNo: {
		Title:    "a saved answer says no",
		Explain:  "Somebody answered n and then y to “permanently mark this value as untrusted”. Nix never asks again about this setting and value, for any flake, and prints the same warning as if it had never asked.",
		Severity: Warn, Says: saidIgnored,
		Remedies: []Remedy{RemedyScoped, RemedySetup, RemedyForget},
	},
	CodeSavedYes: {
		Title:   "a saved answer says yes",
		Explain: "The setting and this exact value were accepted permanently. The answer has no flake in it: every flake that asks for the same setting and value is accepted by it.",
		Says:    saidSaved,
	},
	CodeValueChanged: {
		Title:    "the saved answer is for another value",
		Explain:  "Answers are kept by the whole literal value. A URL added, removed, reordered or spelled differently makes a new value, and the saved answer no longer counts.",
		Severity: Warn, Says: saidIgnored,
		Remedies: []Remedy{RemedyScoped, RemedySetup, RemedyAdminCache, RemedyAnswer, RemedyGlobal},
	},
	CodeWhitelisted: {
		Title:   "Nix applies it without asking",
		Explain: "A few settings are taken from any flake with no question: the bash prompts, flake-registry and the commit message of a lock file.",
	},
	CodeAcceptFlag: {
		Title:    "accept-flake-config is on",
		Explain:  "With accept-flake-config every setting of every flake is applied without a question, whatever was answered before, a saved no included.",
		Severity: Danger,
		Remedies: []Remedy{RemedyRemoveAccept},
	},
	CodeAcceptOff: {
		Title:    "accept-flake-config is false, which in Lix is a no to everything",
		Explain:  "Lix has three values for it: true applies every setting of a flake, false applies none, and ask, its default, asks. With false no saved answer counts either, a yes included. In Nix false is what asks.",
		Severity: Warn, Says: saidIgnored,
		Remedies: []Remedy{RemedyScoped, RemedySetup, RemedyAskAgain},
	},
	CodeAnswersBroken: {
		Title:    "trusted-settings.json cannot be read",
		Explain:  "Nix reads the file strictly and stops with an error at the first setting it has to look up. The command fails; nothing of the flake is applied.",
		Severity: Danger,
		Remedies: []Remedy{RemedyRepairAnswers},
	},
	CodeNotLiteral: {
		Title:    "Nix refuses the flake",
		Explain:  "flake.nix is read before anything is evaluated, so nixConfig has to be written as literals. Anything else is an error for the whole flake.",
		Severity: Danger,
	},
	CodeNotStatic: {
		Title:    "the value is a path literal",
		Explain:  "Nix copies the file into the store and uses that store path as the value. It cannot be known without running Nix, so neither can the answer that would be looked up.",
		Severity: Warn,
	},
	CodeBadValue: {
		Title:    "Nix cannot read the value",
		Explain:  "The setting is accepted, its value is not valid, and so every command on this flake fails. If the answer was saved, the flake stays broken until it is forgotten.",
		Severity: Danger,
		Remedies: []Remedy{RemedyForget},
	},
	CodeUnknownSetting: {
		Title:   "this Nix does not know the setting",
		Explain: "In nix.conf Nix passes over it with a warning. In a flake it asks about it like about any other, and then drops it without a word.",
	},
	CodeInputConfig: {
		Title:    "an input's nixConfig is never applied",
		Explain:  "Only the flake named on the command line has its nixConfig read. The caches that its inputs declare are never asked about, accepted or used.",
		Remedies: []Remedy{RemedyScoped, RemedySetup, RemedyAdminCache, RemedyGlobal},
	},
	CodeExtraOverwritten: {
		Title:    "overwritten by another setting of the same flake",
		Explain:  "Settings are applied in the byte order of their names. extra-substituters comes before substituters, which then replaces the whole list.",
		Severity: Warn,
	},
	CodeDefaultsReplaced: {
		Title:    "the list is replaced instead of added to",
		Explain:  "substituters without extra- throws away what was there, the official cache included. What it alone has is then built from source.",
		Severity: Warn,
	},
	CodeCommandIgnores: {
		Title:   "some commands never apply nixConfig",
		Explain: "nix flake show, metadata, archive and prefetch, builtins.getFlake and all the old commands (nix-build, nix-shell, nix-env) do not look at nixConfig. nix build, run, develop, shell, eval and flake check, lock, update do.",
	},
	CodeUserTrusted: {
		Title:   "the daemon trusts this user",
		Explain: "Every setting that a trusted user sends is obeyed by the daemon, which runs as root. That is as much as being root.",
	},
	CodeUserUntrusted: {
		Title:   "the daemon does not trust this user",
		Explain: "From such a user the daemon takes only substituters it lists itself, and a few time limits. A yes to Nix's question changes nothing about that.",
	},
	CodeUserRefused: {
		Title:    "the daemon refuses this user",
		Explain:  "The connection is closed at once: the user is neither in allowed-users nor trusted, or its group is the build users' group. No command that needs the store works.",
		Severity: Danger,
		Remedies: []Remedy{RemedyAllowUser},
	},
	CodeTrustUnknown: {
		Title:    "whether the daemon trusts this user is unknown",
		Explain:  "Only the running daemon knows. It was not asked, or did not answer.",
		Severity: Warn,
		Remedies: []Remedy{RemedyStartDaemon},
	},
	CodeLocalStore: {
		Title:   "the store is opened directly",
		Explain: "This user's own process writes the store and checks signatures with its own configuration. No daemon is in between, so nothing is dropped.",
	},
	CodeNoStore: {
		Title:    "which store will be used is unknown",
		Explain:  "Neither a store this user can open nor a daemon was found, or the store is of a kind that is not explained here.",
		Severity: Warn,
	},
	CodeSettingForwarded: {
		Title:   "the daemon takes the setting",
		Explain: "The client sends the setting with its whole value, and the daemon obeys it for this connection.",
	},
	CodeSettingRestricted: {
		Title:    "the daemon drops the setting",
		Explain:  "It is a restricted setting: the daemon takes it from trusted users alone.",
		Severity: Warn, Says: saidRestricted,
	},
	CodeSettingIneffective: {
		Title:   "sending it has no effect",
		Explain: "The daemon reads this setting when it starts, from its own files only.",
	},
	CodeClientSide: {
		Title:   "obeyed by the user's own process",
		Explain: "The daemon is not involved: the program the user runs obeys the setting itself.",
	},
	CodeSubstituterListed: {
		Title:   "the cache is admitted",
		Explain: "The URL is in a list that counts: of the daemon for every user, or of this user where the store or the daemon obeys it.",
	},
	CodeSubstituterUnlisted: {
		Title:    "the daemon drops the cache",
		Explain:  "The URL is in neither substituters nor trusted-substituters of the daemon, and the user is not trusted.",
		Severity: Warn, Says: saidUnlisted,
		Remedies: []Remedy{RemedyScoped, RemedySetup, RemedyAdminCache, RemedyGlobal},
	},
	CodeNearMissURL: {
		Title:    "the daemon lists a URL that is almost the same",
		Explain:  "URLs are compared as they are written. Only one difference is forgiven: the client's lacks the last slash that the daemon's has.",
		Severity: Warn, Says: saidUnlisted,
		Remedies: []Remedy{RemedyScoped, RemedySetup, RemedyAdminCache},
	},
	CodeKeyForwarded: {
		Title:   "the key is sent and believed",
		Explain: "The accepted key becomes one of the keys whose signatures are believed while this command runs, for every path and from every cache.",
	},
	CodeKeyRestricted: {
		Title:    "the daemon drops the key",
		Explain:  "trusted-public-keys is a restricted setting. From a user who is not trusted the daemon uses its own keys only.",
		Severity: Warn, Says: saidRestricted,
		Remedies: []Remedy{RemedyScoped, RemedySetup, RemedyAdminKey},
	},
	CodeKeyListed: {
		Title:   "the key is believed",
		Explain: "It is one of the keys whose signatures are believed, for every path and from every cache.",
	},
	CodeKeyMissing: {
		Title:    "the key is not believed",
		Explain:  "None of the believed keys has this name. What the cache signs with it is refused, and built from source.",
		Severity: Warn,
		Remedies: []Remedy{RemedyScoped, RemedySetup, RemedyAdminKey},
	},
	CodeKeyNameClash: {
		Title:    "another key has the same name",
		Explain:  "Nix looks keys up by name, and the first one of a name is the only one that is tried. A later key of that name is never used.",
		Severity: Danger,
		Remedies: []Remedy{RemedyKeyClash},
	},
	CodeKeyMalformed: {
		Title:    "a key in the list is malformed",
		Explain:  "Nix reads the whole list before it checks anything, so one bad entry makes every signature check fail, for every cache.",
		Severity: Danger,
		Remedies: []Remedy{RemedyFixKey},
	},
	CodeKeyUndeclared: {
		Title:    "no key is declared for the cache",
		Explain:  "Which key the cache signs with is not written anywhere here. Only a signature from the cache itself can tell whether it would be believed.",
		Severity: Info,
	},
	CodeSigsOff: {
		Title:    "signatures are not checked",
		Explain:  "require-sigs is off, so anything that any cache sends is put into the store.",
		Severity: Danger,
		Remedies: []Remedy{RemedyRequireSigs},
	},
	CodeStoreTrustedParam: {
		Title:    "the URL turns signature checks off",
		Explain:  "A substituter with trusted=1 in its URL is believed without any signature.",
		Severity: Danger,
		Remedies: []Remedy{RemedyTrustedParam},
	},
	CodeSubstitutionOff: {
		Title:    "substitution is off",
		Explain:  "substitute = false makes Nix build everything itself. The client's value wins over the daemon's.",
		Severity: Warn,
		Remedies: []Remedy{RemedySubstitute},
	},
	CodeOffline: {
		Title:    "no network interface has an address",
		Explain:  "The nix command turns substitution off where only loopback interfaces are up, a cache on this machine included.",
		Severity: Warn,
		Says:     []Said{{since(0, 0), "warning: you don't have Internet access; disabling some network-dependent features"}},
	},
	CodeNotInList: {
		Title:    "not in the list of substituters",
		Explain:  "Only the caches in the effective list of substituters are ever asked.",
		Remedies: []Remedy{RemedyScoped, RemedySetup},
	},
	CodeBadParameter: {
		Title:    "Nix cannot read a parameter of the URL",
		Explain:  "What stands behind ? in a cache's URL are settings of that cache. One whose value is not valid keeps Nix from opening the cache; it says so once and goes on without it.",
		Severity: Warn,
	},
	CodeStoreDirMismatch: {
		Title:    "the cache is for a store in another folder",
		Explain:  "Paths have the folder of their store in them, so a cache is of use for stores in the same folder only.",
		Severity: Warn,
	},
	CodeUnknownScheme: {
		Title:    "Nix cannot open a cache of this kind",
		Explain:  "What stands before :// says what kind of store it is, in lower case. One that Nix does not know is passed over with a warning.",
		Severity: Warn,
		// The subject is the scheme since 2.9, the URL before.
		Says: []Said{{since(2, 9), "warning: don't know how to open Nix store with scheme '%s'"}, {since(0, 0), "warning: don't know how to open Nix store '%s'"}},
	},
	CodeDaemonStale: {
		Title:    "the running daemon disagrees with its files",
		Explain:  "The daemon reads its configuration once, when it starts. What was edited since is not in force until it is restarted.",
		Severity: Warn,
		Remedies: []Remedy{RemedyRestart},
	},
	CodeUnreadableLayer: {
		Title:    "a configuration file cannot be read by this user",
		Explain:  "What it says may change the outcome. Nix itself passes over it without a word; the daemon, as root, does read it.",
		Severity: Warn,
		Remedies: []Remedy{RemedyAsRoot},
	},
	CodeFlakesOff: {
		Title:    "flakes are not enabled",
		Explain:  "Flakes are an experimental feature of Nix. Without flakes among experimental-features, commands on flakes stop, unless they are given the feature on the command line.",
		Severity: Warn,
		Says:     []Said{{since(0, 0), "error: experimental Nix feature 'flakes' is disabled"}},
		Remedies: []Remedy{RemedyEnableFlakes},
	},
	CodeFlakeUnreadable: {
		Title:    "flake.nix cannot be read",
		Explain:  "Without it nothing is known about what the flake asks for.",
		Severity: Warn,
	},
	CodeConfigFatal: {
		Title:    "every Nix command fails",
		Explain:  "Nix stops at this line before it does anything else.",
		Severity: Danger,
	},
	CodeConfigWarning: {
		Title:    "something in the configuration has no effect",
		Explain:  "Nix reads past it, with a warning or without one.",
		Severity: Info,
	},
	CodeSkeletonKey: {
		Title:    "a saved yes to anything any flake asks",
		Explain:  "accept-flake-config sorts before every extra- setting. A flake that sets it is accepted by this answer, and everything of its nixConfig that sorts after it is then applied without a question.",
		Severity: Danger,
		Remedies: []Remedy{RemedyForget},
	},
	CodeRootEquivalent: {
		Title:    "being in trusted-users is being root",
		Explain:  "A trusted user can put any content at any store path, and run programs as root through the daemon.",
		Severity: Danger,
		Remedies: []Remedy{RemedyUntrustUser},
	},
	CodeDangerous: {
		Title:    "a flake sets more than caches",
		Explain:  "The setting does not concern caches. It lets the flake run programs, weaken the sandbox or reach secrets.",
		Severity: Danger,
		Remedies: []Remedy{RemedyForget},
	},
	CodeSuspectText: {
		Title:    "the text is not what it seems",
		Explain:  "It has control characters, invisible ones, or letters of another alphabet that look like Latin ones.",
		Severity: Danger,
	},
	CodeDaemonAbsent: {
		Title:    "no daemon answers",
		Explain:  "The socket is missing, or nobody listens on it.",
		Severity: Warn,
		Remedies: []Remedy{RemedyStartDaemon},
	},
	CodeDaemonSilent: {
		Title:    "the daemon does not speak",
		Explain:  "Something accepts connections on the socket and does not answer as a Nix daemon does.",
		Severity: Warn,
		Remedies: []Remedy{RemedyRestart},
	},
}
