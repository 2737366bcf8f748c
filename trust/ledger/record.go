package ledger

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/nix-trust/nix-trust/trust"
)

// record is one line of the journal: a plan, or with Result how one ended.
type record struct {
	N        int          `json:"n"`
	Version  int          `json:"version"`
	Result   string       `json:"result,omitempty"`
	Time     time.Time    `json:"time,omitzero"`
	Summary  string       `json:"summary,omitempty"`
	Changes  []string     `json:"changes,omitempty"`
	Risk     string       `json:"risk,omitempty"`
	Undoes   int          `json:"undoes,omitempty"`
	Steps    []stepRecord `json:"steps,omitempty"`
	Commands []trust.Fix  `json:"commands,omitempty"`
}

type stepRecord struct {
	Path    string      `json:"path"`
	Form    trust.Form  `json:"form"`
	Parents bool        `json:"parents,omitempty"`
	Before  stateRecord `json:"before"`
	After   stateRecord `json:"after"`
}

// stateRecord is a file's content: as text, or in base64 where it is not UTF-8.
// The digest is checked when it is read back.
type stateRecord struct {
	Exists bool   `json:"exists"`
	Mode   string `json:"mode,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Text   string `json:"text,omitempty"`
	Base64 []byte `json:"base64,omitempty"`
}

const recordVersion = 1

func lineOf(n int, now time.Time, p trust.Plan) ([]byte, error) {
	r := record{N: n, Version: recordVersion, Time: now.UTC(), Summary: p.Summary, Changes: p.Changes, Risk: p.Risk.String(), Undoes: p.Undoes, Commands: p.Commands}
	for _, s := range p.Steps {
		if !utf8.ValidString(s.Path) {
			return nil, fmt.Errorf("the journal has no way to write the name %q, which is not UTF-8", s.Path)
		}
		r.Steps = append(r.Steps, stepRecord{s.Path, s.Form, s.Parents, recordOf(s.Before), recordOf(s.After)})
	}
	return r.line()
}

func (r record) line() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

func result(n int, s State) []byte {
	return fmt.Appendf(resultStart(n), `%q}`, s)
}

// resultStart is how the line begins that says how a plan ended.
func resultStart(n int) []byte {
	return fmt.Appendf(nil, `{"n":%d,"version":%d,"result":`, n, recordVersion)
}

func recordOf(s trust.FileState) stateRecord {
	if !s.Exists {
		return stateRecord{}
	}
	d := s.Digest()
	out := stateRecord{Exists: true, Mode: fmt.Sprintf("%04o", s.Mode.Perm()), SHA256: hex.EncodeToString(d[:])}
	if utf8.Valid(s.Data) {
		out.Text = string(s.Data)
	} else {
		out.Base64 = s.Data
	}
	return out
}

func (r stateRecord) state() (trust.FileState, error) {
	if !r.Exists {
		return trust.FileState{}, nil
	}
	data := r.Base64
	if data == nil {
		data = []byte(r.Text)
	}
	mode, err := strconv.ParseUint(r.Mode, 8, 9)
	if err != nil {
		return trust.FileState{}, errors.New("the mode of a file is none")
	}
	s := trust.FileState{Exists: true, Data: data, Mode: fs.FileMode(mode)}
	if d := s.Digest(); hex.EncodeToString(d[:]) != r.SHA256 {
		return trust.FileState{}, errors.New("a file's content does not have the digest that stands beside it")
	}
	return s, nil
}

// readRecord reads a line strictly: what this program does not know might
// change what the rest means.
func readRecord(line []byte) (r record, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = errors.New("it ends in the middle")
		}
		return r, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return r, errors.New("something follows its end")
	}
	switch {
	case r.Version != recordVersion:
		return r, fmt.Errorf("it is of version %d, and this program reads version %d", r.Version, recordVersion)
	case r.N < 1 || r.N >= mostEntries:
		return r, errors.New("it has no number that could be one")
	case r.Result != "" && r.Result != string(Applied) && r.Result != string(NotApplied) && r.Result != string(Partly) && r.Result != string(Unclear):
		return r, fmt.Errorf("its result is %q", r.Result)
	case r.Result == "" && len(r.Steps) == 0:
		return r, errors.New("it changes no file")
	}
	for _, s := range r.Steps {
		if s.Path == "" || s.Path[0] != '/' {
			return r, fmt.Errorf("%q is no absolute path", s.Path)
		}
	}
	return r, nil
}

// plan is the plan of a line, contents and all.
func (r record) plan() (trust.Plan, error) {
	p := trust.Plan{Summary: r.Summary, Changes: r.Changes, Commands: r.Commands, Undoes: r.Undoes, Risk: riskOf(r.Risk)}
	for _, s := range r.Steps {
		before, err := s.Before.state()
		if err != nil {
			return trust.Plan{}, err
		}
		after, err := s.After.state()
		if err != nil {
			return trust.Plan{}, err
		}
		p.Steps = append(p.Steps, trust.FileChange{Path: s.Path, Form: s.Form, Parents: s.Parents, Before: before, After: after})
	}
	return p, nil
}

func riskOf(word string) trust.PlanRisk {
	for _, r := range []trust.PlanRisk{trust.PlanNarrows, trust.PlanNeutral, trust.PlanWidens, trust.PlanSweeping} {
		if r.String() == word {
			return r
		}
	}
	return trust.PlanUnknown
}
