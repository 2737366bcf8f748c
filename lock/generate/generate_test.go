package generate

import "testing"

func TestPinsWhatTheTrustedCachesLackAndSaysWhatIsNowhere(t *testing.T) {
	w := newWeb()
	a, b, c := at("a"), at("b"), at("c")
	w.put(flakeURL, info(a, "a", b, c), flake)
	w.put(flakeURL, info(b, "b"), flake)
	w.put(hostURL, info(c, "c"), host)
	if got := summary(mustMake(t, w.options(a, at("d")))); got != "incomplete pins=a,b redundant=1 missing:d" {
		t.Error(got)
	}
}
