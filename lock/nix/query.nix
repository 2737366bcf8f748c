# Answers questions about a flake's outputs. It is a function of what is asked,
# each a path of attribute names with a range of what lies there, and of the
# outputs. What a flake's attributes are called comes back as data only.
{ careful, asks }:
outputs:
let
  inherit (builtins) attrNames elemAt foldl' genList isAttrs map tryEval typeOf unsafeDiscardStringContext;

  at = path: foldl'
    (found: name:
      if found != null && isAttrs found.value && found.value ? ${name}
      then { value = found.value.${name}; }
      else null)
    { value = outputs; }
    path;

  isDerivation = v: (v.type or null) == "derivation";

  # What lies at a path: nothing, a derivation, or attributes.
  kind = path:
    let found = at path; in
    if found == null then { kind = "absent"; }
    else if isDerivation found.value then { kind = "derivation"; }
    else if isAttrs found.value then { kind = "attributes"; names = attrNames found.value; }
    else { kind = typeOf found.value; };

  # Where a value is built. Its outputs are in its .drv file.
  derivation = v:
    if isDerivation v
    then { kind = "derivation"; drv = unsafeDiscardStringContext v.drvPath; output = unsafeDiscardStringContext (v.outputName or "out"); }
    else { kind = typeOf v; };

  force = v: if isAttrs v then builtins.deepSeq v v else v;

  # Careful, what throws or fails an assertion is { kind = "failed"; }. Other
  # errors end the evaluation all the same.
  try = v:
    if careful
    then (let r = tryEval (force v); in if r.success then r.value else { kind = "failed"; })
    else force v;

  answer = ask:
    if ask.what == "kind" then [ (try (kind ask.path)) ]
    else if ask.what == "self" then [ (try (derivation (at ask.path).value)) ]
    else
      let
        set = (at ask.path).value;
        names = attrNames set;
      in
      genList (i: try (derivation set.${elemAt names (ask.from + i)})) (ask.to - ask.from);
in
map answer asks
