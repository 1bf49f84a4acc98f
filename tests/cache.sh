# Read by scripts that keep what they make: puts the folder for it into $cache, and
# makes it. It is $ETCSTACK_CACHE, or below $XDG_CACHE_HOME or ~/.cache when that is
# not set. `die` is the script's own.

if [[ -n ${ETCSTACK_CACHE:-} ]]; then
    cache=$ETCSTACK_CACHE
elif [[ -n ${XDG_CACHE_HOME:-} ]]; then
    cache=$XDG_CACHE_HOME/etcstack
elif [[ -n ${HOME:-} ]]; then
    cache=$HOME/.cache/etcstack
else
    die "set ETCSTACK_CACHE: there is no HOME to keep things in"
fi
mkdir -p -- "$cache" || die "cannot create $cache"
cache=$(cd -- "$cache" && pwd)
