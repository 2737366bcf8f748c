package trust

import (
	"fmt"
	"maps"
	"slices"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// ParseAnswers reads a trusted-settings.json as strictly as Nix does. Where Nix
// would stop, the error has Nix's own words; nothing is repaired or guessed.
//
// Nix reads the file with a JSON library and converts it at once to an object
// of objects of booleans, in the order of the names, so one bad leaf anywhere
// spoils the whole file. Nix: src/libflake/config.cc, readTrustedList.
func ParseAnswers(data []byte, v nixconf.Version) (Answers, *AnswersError) {
	if len(data) == 0 {
		return nil, emptyAnswers(v)
	}
	p := &jsonParser{lex: jsonLexer{src: data}}
	root, err := p.document()
	if err != nil {
		return nil, err
	}
	if root.kind != kindObject {
		return nil, wrongType("object", root.kind, "The file has to be a JSON object.")
	}
	out := Answers{}
	for _, name := range slices.Sorted(maps.Keys(root.object)) {
		values := root.object[name]
		if values.kind != kindObject {
			return nil, wrongType("object", values.kind, fmt.Sprintf("The entry %q has to be an object of values.", name))
		}
		out[name] = map[string]bool{}
		for _, value := range slices.Sorted(maps.Keys(values.object)) {
			leaf := values.object[value]
			if leaf.kind != kindTrue && leaf.kind != kindFalse {
				return nil, wrongType("boolean", leaf.kind, fmt.Sprintf("The answer to %q under %q has to be true or false.", safetext.RedactValue(name, value), name))
			}
			out[name][value] = leaf.kind == kindTrue
		}
	}
	return out, nil
}

func wrongType(want string, got jsonKind, text string) *AnswersError {
	return &AnswersError{
		Message: fmt.Sprintf("[json.exception.type_error.302] type must be %s, but is %s", want, got.typeName()),
		Text:    text + " Every command that has to look up an answer fails until it is.",
	}
}

// emptyAnswers is the error for a file without a byte, which the library has a
// message of its own for in its later versions.
func emptyAnswers(v nixconf.Version) *AnswersError {
	what := "attempting to parse an empty input; check that your input string or stream contains the expected JSON"
	if !v.AtLeast(2, 9) {
		what = "syntax error while parsing value - unexpected end of input; expected '[', '{', or a literal"
	}
	return &AnswersError{
		Line: 1, Col: 1, Message: "[json.exception.parse_error.101] parse error at line 1, column 1: " + what,
		Text: "The file is empty, which is not valid JSON. Every command that has to look up an answer fails until it has at least {}.",
	}
}

// jsonKind is the kind of a JSON value.
type jsonKind int

const (
	kindNull jsonKind = iota
	kindTrue
	kindFalse
	kindNumber
	kindString
	kindArray
	kindObject
)

func (k jsonKind) typeName() string {
	return [...]string{"null", "boolean", "boolean", "number", "string", "array", "object"}[k]
}

// jsonValue is as much of a value as the conversion looks at.
type jsonValue struct {
	kind   jsonKind
	object map[string]*jsonValue
}

// jsonParser accepts what the library accepts, and fails with its messages.
// It keeps its own stack, so that nesting cannot exhaust the program's.
type jsonParser struct {
	lex jsonLexer
	tok jsonToken
}

type jsonFrame struct {
	value *jsonValue
	key   string
}

func (p *jsonParser) next() { p.tok = p.lex.scan() }

func (p *jsonParser) document() (*jsonValue, *AnswersError) {
	p.next()
	var stack []jsonFrame
	var root *jsonValue
	// put stores a finished value where it belongs.
	put := func(v *jsonValue) {
		if len(stack) == 0 {
			root = v
			return
		}
		if top := &stack[len(stack)-1]; top.value.kind == kindObject {
			top.value.object[top.key] = v
		}
	}
	for {
		var v *jsonValue
		switch p.tok {
		case tokObject:
			v = &jsonValue{kind: kindObject, object: map[string]*jsonValue{}}
			put(v)
			p.next()
			if p.tok != tokObjectEnd {
				key, err := p.key()
				if err != nil {
					return nil, err
				}
				stack = append(stack, jsonFrame{v, key})
				p.next()
				continue
			}
		case tokArray:
			v = &jsonValue{kind: kindArray}
			put(v)
			p.next()
			if p.tok != tokArrayEnd {
				stack = append(stack, jsonFrame{value: v})
				continue
			}
		case tokTrue, tokFalse, tokNull, tokString, tokNumber:
			put(&jsonValue{kind: p.tok.kind()})
		case tokError:
			return nil, p.fail(tokNothing, "value")
		case tokOverflow:
			return nil, &AnswersError{
				Line: p.lex.line + 1, Col: p.lex.col,
				Message: "[json.exception.out_of_range.406] number overflow parsing '" + p.lex.tokenText() + "'",
				Text:    fmt.Sprintf("The number at line %d is too large.", p.lex.line+1),
			}
		default:
			return nil, p.fail(tokLiteralOrValue, "value")
		}

		// A value is complete: go on with what encloses it.
		for {
			if len(stack) == 0 {
				p.next()
				if p.tok != tokEnd {
					return nil, p.fail(tokEnd, "value")
				}
				return root, nil
			}
			top := &stack[len(stack)-1]
			p.next()
			if p.tok == tokComma {
				p.next()
				if top.value.kind == kindObject {
					key, err := p.key()
					if err != nil {
						return nil, err
					}
					top.key = key
					p.next()
				}
				break
			}
			end, context := tokArrayEnd, "array"
			if top.value.kind == kindObject {
				end, context = tokObjectEnd, "object"
			}
			if p.tok != end {
				return nil, p.fail(end, context)
			}
			stack = stack[:len(stack)-1]
		}
	}
}

// key reads a key and the colon behind it.
func (p *jsonParser) key() (string, *AnswersError) {
	if p.tok != tokString {
		return "", p.fail(tokString, "object key")
	}
	key := string(p.lex.text)
	p.next()
	if p.tok != tokColon {
		return "", p.fail(tokColon, "object separator")
	}
	return key, nil
}

// fail words a syntax error as the library does.
func (p *jsonParser) fail(want jsonToken, context string) *AnswersError {
	what := "syntax error while parsing " + context + " - "
	if p.tok == tokError {
		what += p.lex.err + "; last read: '" + p.lex.tokenText() + "'"
	} else {
		what += "unexpected " + p.tok.name()
	}
	if want != tokNothing {
		what += "; expected " + want.name()
	}
	line := p.lex.line + 1
	return &AnswersError{
		Line: line, Col: p.lex.col,
		Text:    fmt.Sprintf("It is not valid JSON at line %d, column %d. Every command that has to look up an answer fails until it is.", line, p.lex.col),
		Message: fmt.Sprintf("[json.exception.parse_error.101] parse error at line %d, column %d: %s", line, p.lex.col, what),
	}
}
