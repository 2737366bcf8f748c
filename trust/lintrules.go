package trust

// A lintRule is one kind of mistake. Its title, severity and explanation are
// those of its code in the catalogue.
type lintRule struct {
	code Code
	// way is the one way out, detail what follows from it. Without them it is
	// the smallest one that the catalogue has for the code.
	way, detail string
	find        func(*linter)
}

const addInstead = "Write it with extra- before the name"

// lintRules are all the rules, the most dangerous kinds first. Each one is held
// against real Nix by a test that does what it warns of.
var lintRules = []lintRule{
	{code: CodeConfigFatal, find: (*linter).fatal, way: "Correct or remove the line"},
	{code: CodeIncludeMissing, find: (*linter).includeMissing, way: "Correct the path, or write !include if the file may be missing"},
	{code: CodeAnswersBroken, find: (*linter).savedAnswers},
	{code: CodeSkeletonKey, find: (*linter).savedAnswers},
	{code: CodeAcceptFlag, find: (*linter).acceptFlag},
	{code: CodeAcceptInFlake, find: (*linter).acceptInFlake,
		way: "Remove it from the flake", detail: "Each setting is then asked about by itself."},
	{code: CodeRootEquivalent, find: (*linter).trustedUsers},
	{code: CodeSigsOff, find: (*linter).sigsOff},
	{code: CodeStoreTrustedParam, find: (*linter).trustedParam},
	{code: CodeDangerous, find: (*linter).dangerous,
		way: "Remove it from the flake", detail: "What a build needs belongs into the flake's outputs; what a user wants, into that user's nix.conf."},
	{code: CodeSuspectText, find: (*linter).suspectText,
		way: "Write it anew, by hand", detail: "Compare the host with the one that the cache's owner publishes."},
	{code: CodeURLCredentials, find: (*linter).urlCredentials,
		way: "Move the password to the file that netrc-file names", detail: "Take it for known: change it too."},
	{code: CodeTokenReadable, find: (*linter).tokenReadable,
		way: "Move the line to a file of its own that root alone can read, and !include that", detail: "Take the token for known: revoke it too."},

	{code: CodeKeyMalformed, find: (*linter).keyMalformed},
	{code: CodeKeyNameClash, find: (*linter).keyNameClash},
	{code: CodeKeysReplaced, find: (*linter).keysReplaced, way: addInstead, detail: "The keys that were there stay."},
	{code: CodeKeyUndeclared, find: (*linter).keyUndeclared,
		way: "Declare the cache's key in extra-trusted-public-keys", detail: "Take it from what the cache's owner publishes, not from the cache."},
	{code: CodeKeyWithoutCache, find: (*linter).keyWithoutCache, way: "Remove the key, unless paths that it signed are copied here on purpose"},

	{code: CodeNotLiteral, find: (*linter).notLiteral, way: "Write nixConfig in literals: strings, numbers, true, false, and lists of strings"},
	{code: CodeBadValue, find: (*linter).badValue, way: "Correct or remove the setting"},
	{code: CodeDefaultsReplaced, find: (*linter).defaultsReplaced, way: addInstead, detail: "The caches that were there stay."},
	{code: CodeExtraOverwritten, find: (*linter).extraOverwritten, way: "Put all items in the one with extra-, and remove the other"},
	{code: CodeLineOverwritten, find: (*linter).lineOverwritten, way: "Keep one of the two lines", detail: "Of a list, the one without extra- has to come first."},
	{code: CodePunctuation, find: (*linter).punctuation, way: "Write the items with blanks between them and nothing else"},
	{code: CodeUnknownScheme, find: (*linter).unknownScheme, way: "Write the cache's whole URL, from https:// on"},
	{code: CodeBadParameter, find: (*linter).badParameter, way: "Correct or remove the parameter"},
	{code: CodeStoreDirMismatch, find: (*linter).badParameter, way: "Remove the cache, or the parameter if it is wrong"},
	{code: CodeListedParameter, find: (*linter).listedParameter, way: "List the URL without parameters"},
	{code: CodeListedNoSlash, find: (*linter).listedNoSlash, way: "List the URL with the slash at its end"},
	{code: CodeNearMissURL, find: (*linter).nearMiss, way: "Write the URL as the daemon lists it"},
	{code: CodeSubstituterUnlisted, find: (*linter).refusedByDaemon},
	{code: CodeSettingRestricted, find: (*linter).userFile, way: "Remove the line, and have the administrator set it in the system's nix.conf if it is needed"},
	{code: CodeSettingIneffective, find: (*linter).ineffective, way: "Remove the line"},
	{code: CodeSubstitutionOff, find: (*linter).substitutionOff},
	{code: CodeUnknownSetting, find: (*linter).unknownSetting, way: "Correct the name, or remove the line"},
	{code: CodeConfigWarning, find: (*linter).warning, way: "Correct or remove the line"},
}

// LintCodes are the codes that lint can find.
func LintCodes() []Code {
	out := make([]Code, len(lintRules))
	for i, r := range lintRules {
		out[i] = r.code
	}
	return out
}
