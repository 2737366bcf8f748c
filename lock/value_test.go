package lock

import (
	"strings"
	"testing"
)

func TestCheckURLTakesOneSpellingOfACache(t *testing.T) {
	for _, s := range []string{
		"https://cache.nixos.org", "http://127.0.0.1:8080", "https://[::1]:8443/x", "https://a.example/nix/cache", "file:///srv/cache",
		"https://xn--bcher-kva.example", "https://a.example/~mira", "https://a.example/a%20b", "https://a_b.example",
	} {
		if err := CheckURL(s); err != nil {
			t.Errorf("%q is refused: %v", s, err)
		}
	}
	for _, s := range []string{
		"", "/", "https://", "https:a.example", "a.example", "HTTPS://a.example", "https://A.example", "https://a.example/", "https://a.example//x",
		"https://a.example/x/", "https://a.example/../x", "https://a.example/./x", "https://a.example/x/..", "https://a.example?trusted=1",
		"https://a.example?", "https://a.example/x?priority=1", "https://a.example#x", "https://a.example#", "https://me@a.example", "https://me:pw@a.example",
		"https://@a.example", "https://a.example:443", "http://a.example:80", "https://a.example:", "https://a.example:0443", "https://a.example:0",
		"https://a.example:65536", "https://a.example:x", "https://a.example.", "https://a.example/%7Emira", "https://a.example/a%2Fb", "https://a.example/%zz",
		"https://b\u00fccher.example", "https://a.example/\u202e", "https://a.example/a b", "https://a.example/\n", "https://a.ex,ample", "https://a%41.example",
		"s3://bucket", "ssh://a.example", "ssh-ng://a.example", "unix:///x", "daemon", "auto", "file:/srv", "file://srv/x", "file:///", "file:///x/../y", "file:///x//y",
		"file://localhost/x", "https://a.example/\"", "https://a.example/\\", "https://a.example/" + strings.Repeat("x", maxURL),
	} {
		if CheckURL(s) == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

func TestCheckCATakesOneSpellingOfAContentAddress(t *testing.T) {
	const b32, b16 = "1mkvday29m2qxg1fnbv8xh9s6151bh8a2xzhh0k86j7lqhyfwibh", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	for _, s := range []string{"text:sha256:" + b32, "fixed:sha256:" + b32, "fixed:r:sha256:" + b32, "fixed:sha1:143xibwh31h9bvxzalr0sjvbbvpa6ffs", "fixed:r:md5:3y8bwfr609h3lh9ch0izcqq7fl"} {
		if err := CheckCA(s); err != nil {
			t.Errorf("%q is refused: %v", s, err)
		}
	}
	for _, s := range []string{
		"", ":", "text", "text:", "fixed:", "text:sha1:143xibwh31h9bvxzalr0sjvbbvpa6ffs", "text:r:sha256:" + b32, "fixed:sha256:" + b16, "fixed:r:r:sha256:" + b32,
		"fixed:sha256:" + b32 + "0", "fixed:sha256:e" + b32[1:], "fixed:sha512:" + b32, "fixed:sha3:" + b32, "source:sha256:" + b32, " text:sha256:" + b32,
		"fixed:git:sha1:143xibwh31h9bvxzalr0sjvbbvpa6ffs", "fixed:sha256:" + strings.ToUpper(b32), "fixed:sha256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
		"fixed:sha256:zmkvday29m2qxg1fnbv8xh9s6151bh8a2xzhh0k86j7lqhyfwibh", // more than 32 bytes hold
	} {
		if CheckCA(s) == nil {
			t.Errorf("%q is taken", s)
		}
	}
}
