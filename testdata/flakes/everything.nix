{
  outputs = { self, ... }@args:
    let
      inherit (args) a b;
      f = x: y: { z ? 1, ... }@w: w // { inherit x y z; };
      "quoted name" = 1;
      path = [ ./. ./a/b.c ../d /e <nixpkgs/lib> ./x/${toString 1}.nix ];
      url = [ https://example.org/x?y=z&w=%20 mailto:a@b ];
      numbers = [ 1 2.5 .5 1.e3 (-4) (1 - -2) (1 / 2) ];
      strings = [ "a\"b\\c\nd\${e}$f$$" ''
        one ''${two} '''three''' ''\n $$ $
          ${if a then ''nested ${"deep ${''er''}"}'' else "x"}
      '' ];
      sel = a.b.c or d.e or (f or null);
      d = { or = 1; e.${"f"}."g h" = 2; };
      ops = !a && b || a -> b == a != (1 < 2) || [ ] ++ [ 1 ] == [ 1 ] && a ? b.c.${"d"};
      old = let { x = 1; body = x; };
      rec1 = rec { x = y; y = 1; inherit (d) e; };
      cond = assert a; with d; if e then or' else __curPos.line;
      or' = a: a;
    in
    { x = 1; /* a comment * / still */ y = ops; # end
    };
  nixConfig.zz-a = [ ];
}
