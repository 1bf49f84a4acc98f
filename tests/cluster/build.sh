#!/bin/bash
# Builds Kubernetes' programs from the source that Debian keeps, for where none can be downloaded, and
# prints the folder that they are in. They are built once: the cache keeps them.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

say() { printf 'cluster: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The newest of which Debian has the whole source, with what it needs, and whose kubelet knows docker.
version=1.20.2
suite=bookworm
programs=(kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet)

# shellcheck source=tests/cache.sh
source "$here/../cache.sh"
# shellcheck disable=SC2154 # from cache.sh
done=$cache/kubernetes-$version-$(sha256sum -- "${BASH_SOURCE[0]}" | cut -c 1-16)
exec 9>"$done.lock"
flock 9
if [[ -d $done ]]; then
    echo "$done"
    exit
fi

# Debian's names for a version of Go differ.
go=$(command -v go || find /usr/lib/go-*/bin -name go 2>/dev/null | sort -V | tail -n 1)
[[ $go ]] || die "there is no Go; tests/install.sh cluster installs it"

work=$done.work
rm -rf -- "$work"
mkdir -p -- "$work/apt/lists/partial" "$work/apt/parts" "$work/new" "$work/src/k8s.io"
trap 'rm -rf -- "$work"' EXIT

# The suite's sources, from the mirror that this machine installs from.
# shellcheck disable=SC2016 # apt-get's own
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m 1 '/debian/*$') ||
    die "no mirror of Debian is known to apt-get"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb-src [signed-by=$keys] $mirror $suite main" >"$work/apt/parts/source.list"
apt=(apt-get -qq -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$work/apt/parts"
    -o "Dir::State::Lists=$work/apt/lists" -o "APT::Sandbox::User=root")
say "fetches the source of Kubernetes $version"
(cd -- "$work" && "${apt[@]}" update && "${apt[@]}" source --tar-only kubernetes) >&2 ||
    die "the source cannot be fetched; see above"
tar --extract --gzip --file "$work"/kubernetes_*.orig.tar.gz --directory "$work/src/k8s.io"
tree=$work/src/k8s.io/kubernetes
mv -- "$work/src/k8s.io"/kubernetes-* "$tree"

# What is in the source reads maps as Go did before 1.18; Debian's package of the same does not.
rm -rf -- "$tree/vendor/github.com/modern-go/reflect2"
cp -r -- /usr/share/gocode/src/github.com/modern-go/reflect2 "$tree/vendor/github.com/modern-go/"

export GO111MODULE=off GOPATH=$work GOCACHE=$work/cache GOTOOLCHAIN=local GOFLAGS=
PATH=$(dirname -- "$go"):$PATH
# What the API server says of itself is made from the types, and not in the source.
cd -- "$tree"
types=$(grep -rl '+k8s:openapi-gen=' --include='*.go' pkg/apis staging/src/k8s.io |
    xargs -n 1 dirname | sort -u | grep -vE '/(code-generator|sample-apiserver)/' |
    sed 's#^staging/src/#vendor/#; s#^#k8s.io/kubernetes/#' | paste -sd ,)
go run k8s.io/kubernetes/vendor/k8s.io/kube-openapi/cmd/openapi-gen --logtostderr -i "$types" \
    -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi -o "$work/src" \
    -h hack/boilerplate/boilerplate.generatego.txt -r "$work/violations" >&2 ||
    die "the API's description cannot be made; see above"

about=k8s.io/kubernetes/vendor/k8s.io/component-base/version
flags="-s -w -X $about.gitVersion=v$version -X $about.gitMajor=${version%%.*} -X $about.gitMinor=20"
for program in "${programs[@]}"; do
    before=$SECONDS
    # The kubelet enters namespaces by C.
    CGO_ENABLED=$([[ $program == kubelet ]] && echo 1 || echo 0) nice -n 10 go build \
        -tags providerless -ldflags "$flags" -o "$work/new/$program" "k8s.io/kubernetes/cmd/$program" >&2 ||
        die "$program cannot be built; see above"
    say "$program: $((SECONDS - before)) s"
done
# What holds the namespaces of a pod.
gcc -Os -static -o "$work/new/pause" "$tree/build/pause/linux/pause.c"

mv -- "$work/new" "$done"
echo "$done"
