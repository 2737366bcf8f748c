package main

import (
	"strings"
	"testing"
)

func TestPictureShowsTheDemoAndIsTheSameEachTime(t *testing.T) {
	var pictures [2]strings.Builder
	for i := range pictures {
		if err := write(&pictures[i], 118, 34, "enter,enter", false); err != nil {
			t.Fatal(err)
		}
	}
	if pictures[0].String() != pictures[1].String() {
		t.Error("the same screen gave two pictures")
	}
	for _, want := range []string{"DEMO: a made-up host", "ignored", "Nix prints"} {
		if !strings.Contains(pictures[0].String(), want) {
			t.Errorf("%q is not in the picture", want)
		}
	}
}

func TestKeysThatDoNothingAreAnError(t *testing.T) {
	if err := write(&strings.Builder{}, 118, 34, "ctrl+x", false); err == nil {
		t.Error("a key without a meaning was taken")
	}
}
