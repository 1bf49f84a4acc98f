#!/bin/sh
# runc, on a machine that is a container itself, and whose root may not go beyond limits. Pods ask for
# that where they are to be spared when memory runs out, or are privileged: they do without it.
before=
for word; do
    [ "$before" != --bundle ] ||
        sed -i 's/"oomScoreAdj":-[0-9]*/"oomScoreAdj":0/; s/"CAP_SYS_RESOURCE",//g' "$word/config.json"
    before=$word
done
exec runc "$@"
