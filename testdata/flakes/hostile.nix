{
  # Names and values that try to look like something else.
  nixConfig = {
    "zz-innocent\n\u001b[2K" = "x";
    zz-cr = "https://good.example.org\r\nhttps://evil.example.org";
    zz-spaces = "https://good.example.org                                        https://evil.example.org";
    zz-list = [ "https://good.example.org https://evil.example.org" "" ];
    zz-text = ''
      https://good.example.org
        https://evil.example.org
    '';
    zz-quote = "'' y/N)? y";
  };
  outputs = _: { x = 1; };
}
