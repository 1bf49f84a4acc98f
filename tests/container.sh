#!/bin/bash
# The agent as the ENTRYPOINT of real containers, with docker's engine and without any registry.
#
#     tests/container.sh AGENT LOADER TESTD      all static
set -euo pipefail

agent=$1 loader=$2 testd=$3
image=etcstack-container-test-$$

die() { printf 'container.sh: %s\n' "$*" >&2; exit 1; }

docker info >/dev/null 2>&1 || die "docker's engine does not answer; start it, or set DOCKER_HOST"

folder=$(mktemp -d)
containers=()
cleanup() {
    ((${#containers[@]} == 0)) || docker rm --force --volumes "${containers[@]}" >/dev/null
    docker image rm --force "$image" >/dev/null 2>&1 || true
    rm -rf -- "$folder"
}
trap cleanup EXIT

# --- an image with nothing but the two programs, a default file and a manifest ---

root=$folder/root
mkdir -p "$root"/{bin,etc/etcstack,etc/s,run,tmp,usr/share/etcstack/s}
cp -- "$agent" "$root/bin/etcstack-agent"
cp -- "$loader" "$root/bin/etcstack-loader"
cp -- "$testd" "$root/bin/testd"
printf '[DEFAULT]\n#debug = false\n' >"$root/usr/share/etcstack/s/s.conf"
cat >"$root/etc/etcstack/agent.toml" <<'EOF'
service = "s"
role = "controller"

[[file]]
name = "s.conf"
path = "/etc/s/s.conf"
on_change = "reload"

[reload]
min_interval = "0s"

[stop]
grace = "5s"
EOF
tar --create --directory "$root" . | docker import \
    --change 'ENTRYPOINT ["/bin/etcstack-agent", "run", "--store", "dir:/data", "--"]' \
    --change 'CMD ["/bin/testd", "--file", "/etc/s/s.conf"]' - "$image" >/dev/null

# --- helpers -------------------------------------------------------------------

count() { docker logs "$id" 2>&1 | grep -cF -- "$1" || true; }

waits_for() { # waits_for TEXT TIMES
    for ((try = 0; try < 600; try++)); do
        (($(count "$1") < $2)) || return 0
        [[ $(docker inspect --format '{{.State.Running}}' "$id") == true ]] || break
        sleep 0.1
    done
    docker logs "$id" >&2
    die "$what: the log does not say ${2}x: $1"
}

set_debug() { # beside the file and over it, as an editor does
    printf '[DEFAULT]\ndebug = %s\n' "$1" >"$data/.next"
    mv -- "$data/.next" "$data/s.conf"
}

ends_with() { # ends_with CODE
    local code
    code=$(docker wait "$id")
    [[ $code == "$1" ]] || { docker logs "$id" >&2; die "$what: exit code $code, not $1"; }
}

run() { # run ARGUMENT-OF-TESTD...
    data=$(mktemp -d "$folder/data.XXXXXX")/controller/s
    mkdir -p "$data"
    set_debug false
    id=$(docker run --detach "${tty[@]}" --network none --volume "${data%/controller/s}:/data:ro" \
        "$image" /bin/testd --file /etc/s/s.conf "$@")
    containers+=("$id")
    waits_for listening 1
}

# --- with a terminal and without ------------------------------------------------

for mode in plain terminal; do
    tty=()
    [[ $mode == plain ]] || tty=(--tty)

    what="$mode: a change, HUP, stop"
    run --on-term 7
    set_debug true
    waits_for 'got HUP' 1
    docker kill --signal HUP "$id" >/dev/null
    waits_for 'got HUP' 2
    docker stop --time 30 "$id" >/dev/null
    ends_with 7
    (($(count 'got HUP') == 2 && $(count 'got TERM') == 1)) || die "$what: a signal too many"
    printf 'container.sh: %s: ok\n' "$what"

    # The agent's grace period ends it, well before that of docker.
    what="$mode: a daemon that ignores TERM"
    run --orders ignore-term
    docker stop --time 300 "$id" >/dev/null
    ends_with 137
    printf 'container.sh: %s: ok\n' "$what"

    what="$mode: a daemon that ends by itself"
    run --orders die-after:100:42
    ends_with 42
    printf 'container.sh: %s: ok\n' "$what"
done

# --- the loader as the first process ----------------------------------------------

what="the loader is asked to end"
id=$(docker run --detach --network none --entrypoint /bin/etcstack-loader "$image" \
    status --watch --store etcd://192.0.2.1:2379 --start-timeout 10m)
containers+=("$id")
# As often as it takes until it listens.
for ((try = 0; try < 100; try++)); do
    docker kill --signal TERM "$id" >/dev/null 2>&1 || break
    sleep 0.1
done
ends_with 143
printf 'container.sh: %s: ok\n' "$what"
