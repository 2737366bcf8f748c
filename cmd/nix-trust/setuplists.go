package main

import (
	"strings"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/trust/operation"
)

func allowing(w trust.Want) operation.Operation {
	return operation.Operation{Do: operation.Allow, Caches: w.Caches, Keys: w.Keys}
}

// propose is the change that has a file hold one operation. A file that holds
// anything but operations is left alone.
func (j *setupJob) propose(file string, o operation.Operation) (trust.FileChange, error) {
	before, err := ledger.Read(file)
	if err != nil {
		return trust.FileChange{}, changeProblem(err)
	}
	if before.Exists {
		if _, err := operation.Parse(file, before.Data); err != nil {
			return trust.FileChange{}, &problem{code: exitFindings, text: err.Error(), hints: []string{"the file is left as it is; name another one with -o, or remove it"}}
		}
	}
	text, err := operation.Print([]operation.Operation{o})
	if err != nil {
		return trust.FileChange{}, &problem{code: exitFindings, text: "the administrator cannot be asked for it: " + err.Error()}
	}
	return trust.FileChange{Path: file, Before: before, After: trust.FileState{Exists: true, Data: text, Mode: 0o600}, Parents: strings.HasPrefix(file, j.place.Dir+"/"), Form: trust.FormText}, nil
}
