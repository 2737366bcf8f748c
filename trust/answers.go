package trust

import "slices"

// Answers are the decisions of one trusted-settings.json: setting name, then
// the literal value, then yes or no. There is no flake in it: an answer counts
// for every flake that asks for the same name and value.
// Nix: src/libflake/config.cc, TrustedList.
type Answers map[string]map[string]bool

// Lookup returns the saved decision for a setting's literal name and value.
func (a Answers) Lookup(name, value string) (yes, saved bool) {
	yes, saved = a[name][value]
	return yes, saved
}

// Names returns the setting names, sorted.
func (a Answers) Names() []string {
	names := make([]string, 0, len(a))
	for n := range a {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Values returns the values that were decided for a name, sorted.
func (a Answers) Values(name string) []string {
	values := make([]string, 0, len(a[name]))
	for v := range a[name] {
		values = append(values, v)
	}
	slices.Sort(values)
	return values
}

// An AnswersError says why Nix cannot read a trusted-settings.json. Every
// command that meets a flake's setting then fails.
type AnswersError struct {
	Line, Col int    // of the first byte that is wrong; 0 when it is no syntax error
	Message   string // what Nix prints after "error: "
	Text      string // what that means, for a person
}

func (e *AnswersError) Error() string { return e.Message }
