# The common mistake: caches from a list that is computed.
let
  caches = [ "https://a.example.org" ];
in
{
  nixConfig.extra-substituters = caches;
  outputs = _: { x = 1; };
}
