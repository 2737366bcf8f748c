{
  description = "A service with its own binary cache";

  inputs = {
    nixpkgs.url = "path:/nowhere/nixpkgs";
    flake-utils.url = "path:/nowhere/flake-utils";
    hooks = {
      url = "path:/nowhere/hooks";
      inputs.nixpkgs.follows = "nixpkgs";
      flake = true;
    };
  };

  # Asked for by everyone who builds this.
  nixConfig = {
    zz-substituters = [
      "https://service.cachix.org" # ours
      "https://nix-community.cachix.org"
    ];
    zz-trusted-public-keys = [
      "service.cachix.org-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
      "nix-community.cachix.org-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs="
    ];
  };

  outputs = { self, nixpkgs, flake-utils, hooks, ... }@inputs:
    flake-utils.lib.eachSystem [ "x86_64-linux" "aarch64-linux" ] (system:
      let
        pkgs = import nixpkgs { inherit system; overlays = [ self.overlays.default ]; };
        inherit (pkgs) lib stdenv;
        version = "${builtins.substring 0 8 (self.lastModifiedDate or "19700101")}.${self.shortRev or "dirty"}";
      in
      rec {
        packages = {
          default = packages.service;
          service = stdenv.mkDerivation {
            pname = "service";
            inherit version;
            src = lib.cleanSource ./.;
            nativeBuildInputs = with pkgs; [ go_1_22 gnumake ] ++ lib.optionals stdenv.isLinux [ systemd ];
            buildPhase = ''
              runHook preBuild
              export GOFLAGS="-ldflags=-X=main.version=${version}"
              for p in cmd/*; do
                go build -o "$out/bin/$(basename "$p")" "./$p" || exit ''${CODE:-1}
              done
              echo '''quoted''' ''\t tab $$ $x
              runHook postBuild
            '';
            meta = { description = "A service"; license = lib.licenses.mit; platforms = [ system ]; };
          };
        };
        apps.default = { type = "app"; program = "${packages.service}/bin/service"; };
        checks = builtins.mapAttrs (name: value: value.overrideAttrs (old: { doCheck = true; })) packages
          // { hooks = hooks.lib.${system}.run { src = ./.; hooks.nixpkgs-fmt.enable = !stdenv.isDarwin; }; };
        devShells.default = pkgs.mkShell {
          inputsFrom = lib.attrValues packages;
          shellHook = ''${self.checks.${system}.hooks.shellHook}'';
        };
      }) // {
      overlays.default = final: prev: { service = self.packages.${final.system}.service; };
      nixosModules.default = { config, lib, pkgs, ... }:
        with lib;
        let cfg = config.services.service; in
        {
          options.services.service = {
            enable = mkEnableOption "service";
            port = mkOption { type = types.port; default = 8080; };
          };
          config = mkIf cfg.enable {
            assertions = [{ assertion = cfg.port > 1024 -> true; message = "low port"; }];
            systemd.services.service = {
              wantedBy = [ "multi-user.target" ];
              serviceConfig.ExecStart = "${pkgs.service}/bin/service --port ${toString cfg.port}";
            };
          };
        };
    };
}
