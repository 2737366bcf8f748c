package gate

// Epochs is how many names a gate has: the paths /e0/ to /e7/ of its address
// serve the same as /. Nix remembers for an hour under a cache's URL which paths
// it does not have, and nobody but root can make a daemon forget it. After a
// change of the grants another name is used, for which nothing is remembered.
const Epochs = 8
