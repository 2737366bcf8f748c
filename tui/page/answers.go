package page

import (
	"strconv"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// answers are the decisions that Nix has saved.
func (b *builder) answers() section {
	s := section{ID: "answers", Title: "Saved answers", Count: strconv.Itoa(len(b.r.Answers))}
	for i, f := range b.r.AnswerFiles {
		why := explain.AnswersTrouble(f)
		if why == "" {
			continue
		}
		whose := "Your answers are not known: the file"
		if i > 0 {
			whose = "Root's answers are not known: the file"
		}
		s.Blocks = append(s.Blocks, para{Class: "warn", Line: line{badgeOf(b.unsure("unknown")), say(whose), b.path(f.Path), say(why + ".")}})
		if f.Err != nil {
			s.Blocks = append(s.Blocks, text(b.prose(f.Err.Text), say("Nix prints"), b.prose("error: "+f.Err.Message)))
		}
	}
	if len(b.r.Answers) == 0 {
		s.Blocks = append(s.Blocks, text(say("No answer was found.")))
		return s
	}
	s.Blocks = append(s.Blocks, text(say("An answer belongs to no flake: it counts for whatever asks for the same setting with exactly the same value.")))
	most, rest := b.few(len(b.r.Answers))
	for from := 0; from < most; {
		file := b.r.Answers[from].File
		to := from
		t := table{Caption: "What was answered", Head: []string{"setting", "answer", "value", "asked for by"}}
		for ; to < most && b.r.Answers[to].File == file; to++ {
			t.Rows = append(t.Rows, b.answer(&b.r.Answers[to]))
		}
		whose := "In this user's file"
		if b.r.Answers[from].Root {
			whose = "In root's file, which counts under sudo:"
		}
		s.Blocks = append(s.Blocks, text(say(whose), b.path(file)), t)
		from = to
	}
	s.Blocks = append(s.Blocks, rest...)
	return s
}

func (b *builder) answer(a *trust.AnswerReport) []cell {
	asked := cell{}
	for _, i := range a.Asked {
		asked.Lines = append(asked.Lines, line{b.flake(&b.r.Flakes[i])})
	}
	for _, i := range a.Near {
		asked.Lines = append(asked.Lines, line{say("near miss:"), b.flake(&b.r.Flakes[i])})
	}
	switch {
	case a.Skeleton:
		asked.Lines = append(asked.Lines, line{say("It is a yes to everything.")})
	case len(asked.Lines) == 0:
		asked.Lines = []line{{say("no flake known here")}}
	}
	if most := b.limit.rows; len(asked.Lines) > most {
		asked.Lines = append(asked.Lines[:most:most], line{say("and %d more", len(asked.Lines)-most)})
	}
	name := cellOf(b.code(a.Setting))
	if a.Risk != "" {
		name.Lines = append(name.Lines, line{b.prose(string(a.Risk))})
	}
	return []cell{name, cellOf(badgeOf(explain.AnswerMark(*a, b.glyphs))), {Lines: b.values(a.Setting, itemsOf(a.Items, a.Value))}, asked}
}
