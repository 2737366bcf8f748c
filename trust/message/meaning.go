package message

import (
	"slices"

	"github.com/nix-trust/nix-trust/trust"
)

// A Meaning is what a message stands for whatever the machine.
type Meaning struct {
	Codes []trust.Code // that the engine has for it, the likeliest first
	Title string       // a few words
	Text  string       // a sentence or two: what happened, and what Nix does then
	Do    string       // what helps when the engine has no reason of its own, "" when that is all
	Else  string       // what it may be when the engine knows the thing and sees none of the codes in it
}

// Accounts reports whether what the engine says of a thing has one of the codes
// that the message stands for. Where it has none, the chain alone would read as
// if nothing were wrong.
func (p Place) Accounts(k Kind) bool {
	codes := k.Means().Codes
	return p.Finding != nil || slices.ContainsFunc(p.Chain(), func(r trust.Reason) bool { return slices.Contains(codes, r.Code) })
}

// Means returns what a kind of message stands for.
func (k Kind) Means() Meaning { return meanings[k] }

var meanings = map[Kind]Meaning{
	SettingIgnored: {
		Codes: []trust.Code{trust.CodeNotAsked, trust.CodeSavedNo, trust.CodeValueChanged},
		Title: "a setting of the flake was not accepted",
		Text:  "Nobody has said yes to this setting with this very value, or somebody has said no. Nix went on without it.",
		Else:  "As things stand now Nix would apply it. It was answered since, or the command ran as another user.",
	},
	SettingSaved: {
		Codes: []trust.Code{trust.CodeSavedYes, trust.CodeSavedNo},
		Title: "a saved answer was used",
		Text:  "Somebody answered yes or no once, and had it kept. The answer counts for every flake that asks for the same.",
	},
	SettingAsked: {
		Codes: []trust.Code{trust.CodeNotAsked},
		Title: "Nix asks whether to obey the flake",
		Text:  "In Nix only the single letter y is a yes; Lix lists what it takes. The second question, whether to keep the answer, is about this setting and value in every flake.",
	},
	SettingUnknown: {
		Codes: []trust.Code{trust.CodeConfigWarning},
		Title: "Nix does not know the setting",
		Text:  "It is misspelled, or from another version. It has no effect.",
		Do:    "Run `nix-trust lint` to see where it is set.",
	},
	SettingGated: {
		Codes: []trust.Code{trust.CodeConfigWarning},
		Title: "a setting needs a feature that is off",
		Text:  "It belongs to an experimental feature that is not switched on, and has no effect.",
		Do:    "Run `nix-trust config` to see where it is set.",
	},
	FlakeRejected: {
		Codes: []trust.Code{trust.CodeNotLiteral},
		Title: "Nix refuses the flake",
		Text:  "nixConfig has to be written as literals, as Nix reads it before it evaluates anything. No command works on the flake.",
		Do:    "Tell who writes the flake. In an input nixConfig counts for nothing, and has to be literal all the same.",
	},
	AnswersBroken: {
		Codes: []trust.Code{trust.CodeAnswersBroken},
		Title: "the file of saved answers cannot be read",
		Text:  "Nix reads trusted-settings.json strictly, and stops at the first setting that it has to look up in it.",
		Do:    "Run `nix-trust answers list`. If it reads the file well, Nix stumbled over some other JSON.",
	},
	HomeIgnored: {
		Title: "Nix uses another home folder",
		Text:  "The folder in $HOME belongs to somebody else, so Nix reads the settings and answers in the user's own. sudo without -H does that.",
		Do:    "Ask as that user: `nix-trust status --user NAME`, as root.",
	},
	SettingInvalid: {
		Codes: []trust.Code{trust.CodeBadValue, trust.CodeConfigFatal},
		Title: "a setting has a value that Nix does not take",
		Text:  "Nix stops, or goes on with what the setting was before, depending on where it is set.",
		Do:    "Run `nix-trust config` to see where it is set.",
	},
	ConfigBroken: {
		Codes: []trust.Code{trust.CodeConfigFatal},
		Title: "a configuration file cannot be read",
		Text:  "Every command of Nix stops at such a line.",
		Do:    "Correct the line that Nix names.",
	},
	FlakesOff: {
		Codes: []trust.Code{trust.CodeFlakesOff},
		Title: "flakes are not switched on",
		Text:  "Commands on flakes need nix-command and flakes in experimental-features.",
	},
	SubstituterIgnored: {
		Codes: []trust.Code{trust.CodeSubstituterUnlisted, trust.CodeNearMissURL},
		Title: "the daemon does not let this user use the cache",
		Text:  "The user's side asked for it, and the daemon lists it neither in trusted-substituters nor in substituters. It is not asked.",
		Else:  "As things stand now the daemon would let it pass. It was another user, or the configuration was changed since.",
	},
	SettingRestricted: {
		Codes: []trust.Code{trust.CodeKeyRestricted, trust.CodeSettingRestricted},
		Title: "the daemon does not take the setting from this user",
		Text:  "Keys and most other settings are taken from trusted users alone. The daemon goes by its own keys then, and refuses what another alone has signed.",
		Else:  "As things stand now the daemon would take it. It was another user, or the configuration was changed since.",
	},
	UserRefused: {
		Codes: []trust.Code{trust.CodeUserRefused},
		Title: "the user may not talk to the daemon",
		Text:  "allowed-users does not name this user, or the user's group is the builders'.",
		Do:    "Ask the administrator to name the user in allowed-users. Where that is not set, everybody may connect.",
	},
	ConnectionClosed: {
		Codes: []trust.Code{trust.CodeUserRefused, trust.CodeDaemonSilent, trust.CodeDaemonAbsent},
		Title: "the daemon closed the connection",
		Text:  "Most often allowed-users does not name this user, or the daemon crashed; its own log says which.",
		Do:    "Run `nix-trust doctor`, and look into the daemon's log.",
	},
	DaemonAbsent: {
		Codes: []trust.Code{trust.CodeDaemonAbsent, trust.CodeTrustUnknown},
		Title: "no daemon answers",
		Text:  "Nothing listens at the daemon's socket, or this user may not open it. No command that needs the store works.",
		Do:    "Run `nix-trust doctor`, and see whether the service nix-daemon runs.",
	},
	NotPrivileged: {
		Codes: []trust.Code{trust.CodeUserUntrusted},
		Title: "the daemon does that for trusted users alone",
		Text:  "Repairing the store, adding build logs and some ways to build are theirs. It has nothing to do with caches.",
		Do:    "Run the command as root, where it is needed.",
	},
	NotSigned: {
		Codes: []trust.Code{trust.CodeKeyMissing, trust.CodeKeyNameClash, trust.CodeKeyRestricted},
		Title: "the cache has the path, signed by no key that is believed",
		Text:  "Nix goes on to the next cache, or builds the path.",
		Else:  "A signature by a key that is in force here would be believed, so the path is signed by another key, or by none. `nix-trust doctor URL PATH` shows by which.",
	},
	LacksSignature: {
		Codes: []trust.Code{trust.CodeKeyMissing},
		Title: "the path arrived without a signature that is believed",
		Text:  "Nothing was added to the store. If it came through the gate, the gate's key is not in force: run `nix-trust setup --check`.",
	},
	KeyCorrupt: {
		Codes: []trust.Code{trust.CodeKeyMalformed},
		Title: "a list of keys has one that is no key",
		Text:  "Nix stops, also for caches that have nothing to do with it.",
	},
	BadBase64: {
		Codes: []trust.Code{trust.CodeKeyMalformed},
		Title: "a key or a signature is not written as one",
		Text:  "It has a character that Base64 does not have. It is one of the keys in a list, or a signature that a cache shows. Nix stops, also for what has nothing to do with it.",
		Do:    "As far as can be seen here it is no key. `nix-trust doctor URL PATH` shows what a cache has signed.",
	},
	HashMismatch: {
		Title: "the cache delivered other bytes than it said",
		Text:  "The file is damaged, or somebody has put another in its place. Nothing of it was kept. Without --fallback the build stops.",
		Do:    "Run `nix-trust challenge` on the path, to see what other caches have.",
	},
	CAMismatch: {
		Title: "the contents do not have the hash that the path's name promises",
		Text:  "Whoever signed it was wrong, or the contents were changed. Nothing of it was kept.",
		Do:    "Run `nix-trust challenge` on the path, to see what other caches have.",
	},
	CAClaim: {
		Title: "a path does not have the name of its contents",
		Text:  "It is said to be content-addressed, which needs no signature, and its name is not that of those contents. Nix then asks for a signature as for any other path; where it has one, the daemon crashes.",
		Do:    "Tell who runs the cache.",
	},
	NotACache: {
		Title: "there is no cache at the URL",
		Text:  "It has no nix-cache-info. Nix goes on without it.",
		Do:    "Look at the URL: a folder of a web server needs the full path, and a private cache its credentials.",
	},
	OtherStore: {
		Codes: []trust.Code{trust.CodeStoreDirMismatch},
		Title: "the cache is for another store folder",
		Text:  "Paths contain the store's folder, so nothing in it can be used here.",
	},
	BadPriority: {
		Title: "a cache says a priority that is no number",
		Text:  "Nix does not catch that, and stops. Any cache in the list may be the one.",
		Do:    "Look at `Priority:` in nix-cache-info of each cache, and take the one out.",
	},
	BadNarinfo: {
		Title: "a cache's description of a path makes no sense",
		Text:  "Nix stops, unless --fallback was given.",
		Do:    "Tell who runs the cache, or take it out meanwhile.",
	},
	BadURL: {
		Codes: []trust.Code{trust.CodeBadValue, trust.CodeConfigFatal},
		Title: "a cache's URL is no URL",
		Text:  "From 2.34 on Nix stops at one in its own configuration or in a setting that was accepted. Before, and for what a user sends to the daemon, it passes over it.",
		Do:    "Run `nix-trust lint` to see where it is set.",
	},
	UnknownScheme: {
		Codes: []trust.Code{trust.CodeUnknownScheme},
		Title: "Nix does not know this kind of cache",
		Text:  "It goes on without it.",
	},
	Unreachable: {
		Title: "a cache does not answer",
		Text:  "Nix tries a few times. When the cache had answered before, the build stops unless --fallback was given; else it goes on without the cache.",
		Do:    "Take the cache out of the global lists, or let the flake that needs it have it alone: `nix-trust narrow URL`.",
	},
	CacheDisabled: {
		Title: "a cache is not asked for a while",
		Text:  "It failed, and --fallback is on. The rest of this command goes without it.",
	},
	FileMissing: {
		Title: "a cache does not have a file that it said it has",
		Text:  "Nix builds the path. It believes for up to 30 days that the cache has it.",
		Do:    "If it is the gate's URL, the grant was taken back: that is what should happen.",
	},
	NoInternet: {
		Codes: []trust.Code{trust.CodeOffline},
		Title: "Nix thinks that there is no network",
		Text:  "No interface but the loopback has an address. No cache is asked, not even one on this machine.",
		Do:    "Give --option substitute true when a cache is within reach all the same.",
	},
	SubstitutionOff: {
		Codes: []trust.Code{trust.CodeSubstitutionOff},
		Title: "asking caches is switched off",
		Text:  "substitute = false, or --no-substitutes.",
	},
	Unsubstitutable: {
		Codes: []trust.Code{trust.CodeSubstitutionOff, trust.CodeOffline},
		Title: "no cache has the path, and nobody said how to build it",
		Text:  "It may be that a cache has it by now, and Nix remembers for up to an hour that it did not; or that its signature was refused just before.",
		Do:    "Look at the messages before this one, and at `nix-trust why`.",
	},
	References: {
		Title: "something that the path needs could not be had",
		Text:  "The path is given up, and built if possible.",
		Do:    "Look at the messages before this one.",
	},
	Failed: {
		Title: "a cache failed in the middle, and Nix did not build instead",
		Text:  "The message before it says how. --fallback builds then.",
		Do:    "Give --fallback, or take the cache out.",
	},
}
