package trust

import (
	"reflect"
	"testing"
)

func TestAKeyNamedAfterAnotherHostIsNotTakenForACaches(t *testing.T) {
	got := PairKeys(
		[]string{"https://a.example", "https://b.example/x", "https://c.example"},
		[]string{"a.example-1:k", "loose:k", "b.example-2:k", "d.example:k"})
	want := [][]string{{"a.example-1:k"}, {"b.example-2:k"}, {"loose:k", "d.example:k"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}
