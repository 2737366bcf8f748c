package gateplace

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestWhatListensInPlaceOfAGateSendsNobodyElsewhere(t *testing.T) {
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer elsewhere.Close()
	squatter := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer squatter.Close()
	if err := (&Held{Base: squatter.URL}).answers(t.Context()); err == nil || asked {
		t.Errorf("%v, asked %v", err, asked)
	}
}
