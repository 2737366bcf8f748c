package trust

// What only lint tells of: lines that do something else than they seem to.
const (
	CodeAcceptInFlake   Code = "accept-in-flake"
	CodeKeysReplaced    Code = "keys-replaced"
	CodeLineOverwritten Code = "line-overwritten"
	CodeKeyWithoutCache Code = "key-without-cache"
	CodeListedNoSlash   Code = "listed-without-slash"
	CodeListedParameter Code = "listed-with-parameters"
	CodeURLCredentials  Code = "credentials-in-url"
	CodeTokenReadable   Code = "token-readable"
	CodePunctuation     Code = "stray-punctuation"
	CodeIncludeMissing  Code = "include-missing"
)

var lintEntries = map[Code]Entry{
	CodeAcceptInFlake: {
		Title:    "the flake asks to have everything accepted",
		Explain:  "accept-flake-config sorts before the settings that most flakes have. One yes to it, and what sorts after it is applied without a question; a saved yes does the same for every flake that has the line.",
		Severity: Danger,
	},
	CodeKeysReplaced: {
		Title:    "the keys are replaced instead of added to",
		Explain:  "trusted-public-keys without extra- throws away what was there, the key of cache.nixos.org included. What is signed with a lost key is refused and built from source.",
		Severity: Warn,
	},
	CodeKeyWithoutCache: {
		Title:    "a key is believed and no cache is listed that it is named after",
		Explain:  "A key is believed for every path from every source: whoever has it can put anything into the store, though its cache is no longer asked.",
		Severity: Info,
	},
	CodeLineOverwritten: {
		Title:    "a later line discards this one",
		Explain:  "A setting without extra- throws away what earlier lines gave it, those with extra- included, in the same file and in the files read before it.",
		Severity: Warn,
	},
	CodeListedNoSlash: {
		Title:    "listed without the slash at the end",
		Explain:  "URLs are compared as they are written. An entry with the slash at its end admits both spellings, one without it only its own.",
		Severity: Info,
	},
	CodeListedParameter: {
		Title:    "listed with parameters",
		Explain:  "The parameters behind ? are a part of what is compared: only a user who writes the same ones is admitted.",
		Severity: Warn,
	},
	CodeURLCredentials: {
		Title:    "a password in the URL",
		Explain:  "URLs of caches are printed in messages and by nix config show, kept in saved answers, and can be read by whoever can read the file. Passwords belong in the file that netrc-file names.",
		Severity: Danger,
	},
	CodeTokenReadable: {
		Title:    "a token that every user can read",
		Explain:  "Every user's nix reads the system's nix.conf and prints its settings on request, access-tokens included.",
		Severity: Danger,
	},
	CodePunctuation: {
		Title:    "punctuation that becomes a part of the value",
		Explain:  "nix.conf has no quotes, commas or semicolons: items are separated by blanks alone, and what else is there belongs to them.",
		Severity: Warn,
	},
	CodeIncludeMissing: {
		Title:    "an included file is missing",
		Explain:  "include stops every Nix command when the file is not there; !include passes over it.",
		Severity: Danger,
	},
}
