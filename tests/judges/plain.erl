%% The part of plain.py that runs in Erlang: answers lines of base64, one for each text.
%%
%% An answer is "ok RAW | FINAL", both lists of KEY:VALUE in base64: what the parser finds, and what
%% is left of it where a key occurs more than once; or "error TEXT".
-module(plain).
-export([main/1]).

main(Path) ->
    ok = io:setopts([{encoding, latin1}, binary]),
    loop(Path).

loop(Path) ->
    case io:get_line("") of
        eof ->
            halt(0);
        Line ->
            ok = file:write_file(Path, base64:decode(string:trim(Line))),
            Answer =
                try answer(Path) catch Kind:Why -> failure({Kind, Why}) end,
            io:put_chars([Answer, $\n]),
            loop(Path)
    end.

answer(Path) ->
    case cuttlefish_conf:file(Path) of
        {errorlist, Errors} ->
            failure(Errors);
        Final ->
            Raw = [Pair || {Key, _} = Pair <- conf_parse:file(Path), Key =/= include],
            ["ok ", pairs(Raw), " | ", pairs(Final)]
    end.

failure(Why) ->
    ["error ", base64:encode(unicode:characters_to_binary(io_lib:format("~0tp", [Why])))].

pairs(Pairs) ->
    lists:join($\s, [[encoded(cuttlefish_key(Key)), $:, encoded(Value)] || {Key, Value} <- Pairs]).

cuttlefish_key(Words) ->
    lists:join(".", [string:replace(Word, ".", "\\.", all) || Word <- Words]).

encoded(Text) ->
    base64:encode(unicode:characters_to_binary(Text)).
