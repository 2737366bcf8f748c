package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestWhatListensInPlaceOfAGateSendsNoSpoolElsewhere(t *testing.T) {
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer elsewhere.Close()
	squatter := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer squatter.Close()
	s, err := newSpool(squatter.URL, "/nix/store", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if body, err := s.ask(t.Context(), "nix-cache-info"); err == nil || asked {
		body.Close()
		t.Errorf("%v, asked %v", err, asked)
	}
}
