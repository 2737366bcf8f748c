package trust

// What review tells of: how what a flake asks for differs from a record of it.
// Without a record, all that it asks for is new. These are the words of --fail-on.
const (
	CodeNewCache       Code = "new-cache"
	CodeNewKey         Code = "new-key"
	CodeNewTrust       Code = "new-trust"
	CodeNewCode        Code = "new-code"
	CodeNewSandbox     Code = "new-sandbox"
	CodeNewCredentials Code = "new-credentials"
	CodeNewEvaluation  Code = "new-evaluation"
	CodeNewPerformance Code = "new-performance"
	CodeNewCosmetic    Code = "new-cosmetic"
	CodeNewUnknown     Code = "new-unknown"
	CodeNewSuspect     Code = "new-suspect"
	CodeRespelled      Code = "respelled"
	CodeNoLongerAsked  Code = "no-longer-asked"
)

var reviewEntries = map[Code]Entry{
	CodeNewCache: {
		Title:    "asks for a cache that is not in the record",
		Explain:  "Whoever accepts it asks this cache too, for everything that is built, and so tells it what that is.",
		Severity: Warn,
	},
	CodeNewKey: {
		Title:    "asks for a key that is not in the record",
		Explain:  "Whoever accepts it, and whose daemon takes it, believes what is signed with it, for every path and from every cache.",
		Severity: Warn,
	},
	CodeNewTrust: {
		Title:    "asks for other trust than the record",
		Explain:  "The setting decides whose binaries are believed, or what becomes of the caches and keys that are in use.",
		Severity: Danger,
	},
	CodeNewCode: {
		Title:    "asks to run a program",
		Explain:  "The setting names a program, or machines, that Nix runs or sends builds to. Where it is accepted and obeyed, the flake's author runs code outside of any build.",
		Severity: Danger,
	},
	CodeNewSandbox: {
		Title:    "asks for a weaker sandbox",
		Explain:  "The setting lets builds reach what they are kept from.",
		Severity: Danger,
	},
	CodeNewCredentials: {
		Title:    "asks for a setting about credentials",
		Explain:  "The setting decides which secrets are sent where, or lets data out.",
		Severity: Danger,
	},
	CodeNewEvaluation: {
		Title:    "asks for another way of evaluating",
		Explain:  "The setting decides what an expression may read while it is evaluated.",
		Severity: Warn,
	},
	CodeNewPerformance: {
		Title:    "asks for a setting that can slow or stop builds",
		Explain:  "The setting concerns how fast and how much Nix builds and loads.",
		Severity: Info,
	},
	CodeNewCosmetic: {
		Title:    "asks for a cosmetic setting",
		Explain:  "The setting changes how things look. The prompts of nix develop are expanded by the shell, so even these deserve a look.",
		Severity: Info,
	},
	CodeNewUnknown: {
		Title:    "asks for a setting that nobody knows",
		Explain:  "No version of Nix that is known here has it. What a later one would do with it is not known.",
		Severity: Warn,
	},
	CodeNewSuspect: {
		Title:    "asks for something that is not what it seems",
		Explain:  "A host looks like another one, or a text has characters that cannot be seen or that change what a terminal shows.",
		Severity: Danger,
	},
	CodeRespelled: {
		Title:    "asks for the same in another spelling",
		Explain:  "Answers are saved by the exact text, so Nix asks again; nothing else becomes different.",
		Severity: Info,
	},
	CodeNoLongerAsked: {
		Title:    "no longer asks for something",
		Explain:  "It was in the record. An answer that was saved for it stays, for every flake, until it is forgotten.",
		Severity: Info,
	},
}

// ReviewCodes are the codes of the differences that review can find.
func ReviewCodes() []Code { return sortedKeys(reviewEntries) }
