// Package gate is a binary cache on the loopback interface that serves what
// active grants pin and nothing else, signed with its own key. A daemon that
// believes that key, and none of the caches behind the gate, gets exactly the
// pinned bytes.
//
// What it says of a path is made from the accepted lock alone; no cache is asked
// for it. The contents come from the caches that the grant names and are
// compared with the pin while they pass: the client gets the last part only when
// all of it has the pinned hash and size. As the pin is what decides, a cache's
// own signatures are not looked at.
//
// Contents are served unpacked (Compression: none). What a cache packs them with
// is not in a lock, so that a compression in the narinfo would cost a question to
// a cache first, and bind the path to caches that pack alike. It also makes the
// hashed bytes the very ones that Nix reads: no second decoder can see something
// else in them. On the loopback their length costs little; unpacking costs the
// gate what it spares Nix. That goes for xz too, which takes by far the longest
// to unpack, wherever that is done: nothing is passed on that was not compared,
// and so the log has nothing to say about it.
//
// What is granted is asked for anew before an answer, so that a grant that was
// taken back is no use to a daemon that remembers what the gate has said. For a
// grant that was made, a daemon that remembers a miss needs another name of the
// gate; see Epochs. A path that nobody pinned leads to no question to a cache.
package gate
