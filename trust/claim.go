package trust

// PairKeys returns, for each cache's URL, the public keys that are said to sign
// for it. Nothing in Nix ties a key to a cache, so it goes by the habit of
// naming a key after the host: the keys named after the URL's host, else those
// that are named after the host of no URL of the list.
func PairKeys(urls, keys []string) [][]string {
	declared := make([]declaredKey, len(keys))
	for i, k := range keys {
		declared[i] = declaredKey{text: k}
	}
	out := make([][]string, len(urls))
	for i, u := range urls {
		for _, k := range keysFor(u, declared, urls) {
			out[i] = append(out[i], k.text)
		}
	}
	return out
}
