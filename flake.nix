{
  description = "See which Nix binary caches are trusted for which flakes, and why not";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      each = f: nixpkgs.lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
    in
    {
      packages = each (pkgs: {
        default = pkgs.buildGoModule {
          pname = "nix-trust";
          version = "0.1.0";
          src = self;
          subPackages = [ "cmd/nix-trust" ];
          # What `go mod vendor` makes; .ci/vendor-hash prints it and holds it true.
          vendorHash = "sha256-ejPY2o/lgB1VKl08E0Pua6kmDemxmVc4TIAwrAgSXEY=";
          env.CGO_ENABLED = 0;
          ldflags = [ "-s" "-w" ];
          # The tests that matter run real Nix in roots of their own.
          doCheck = false;
          meta.mainProgram = "nix-trust";
        };
      });

      devShells = each (pkgs: {
        default = pkgs.mkShell {
          packages = [
            pkgs.go
            pkgs.go-tools
            pkgs.tmux
          ];
        };
      });
    };
}
