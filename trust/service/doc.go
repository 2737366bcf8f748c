// Package service writes what a service manager needs to run a gate: units for
// systemd, a property list for launchd, a module for NixOS and nix-darwin. It
// plans their installation and removal, and reads and writes nothing itself.
package service
