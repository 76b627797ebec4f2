#!/usr/bin/env bash
# Makes a release in target/release-VERSION: the program for this machine (dist profile) and, where a musl C compiler is
# installed, the static one; completions, manual pages, a Debian package, an SBOM, checksums, and the signed description
# that `neuron self-update` reads.
#   scripts/release.sh                 with the key in ~/.minisign/minisign.key; MINISIGN_KEY=FILE names another
#   CHANNEL=beta scripts/release.sh    for another channel than `stable`
#   MINISIGN_PASSWORD=… for a key with a password, without a terminal; MINISIGN_KEY=none leaves the signature out
#   scripts/release.sh --reproduce     builds again in another folder and says whether the bytes are the same
# Needs minisign (Debian). These are optional; without them the script says what it leaves out: musl-tools with the rustup target,
# cargo-deb, cargo-cyclonedx.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/shipped.sh
channel=${CHANNEL:-stable}
key=${MINISIGN_KEY:-$HOME/.minisign/minisign.key}
version=$(cargo metadata --no-deps --format-version 1 | python3 -c 'import json,sys; print(json.load(sys.stdin)["packages"][0]["version"])')
target=${CARGO_TARGET_DIR:-target}
out=$target/release-$version
# Paths of this machine are not part of a program; the time of the build is the time of the commit.
export SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
remapped() { # folder of the source, folder of the build
    echo "--remap-path-prefix=$1=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo --remap-path-prefix=$2=target"
}
others=${RUSTFLAGS:-}
export RUSTFLAGS="$(remapped "$PWD" "$(realpath -m "$target")") $others"
mkdir -p "$out" && rm -f "$out"/*.minisig
left_out() { echo "release.sh: LEFT OUT: $1" >&2; }

sign() { # file, comment that is signed with it
    if [ -n "${MINISIGN_PASSWORD+set}" ]; then
        minisign -S -s "$key" -m "$1" -t "$2" <<< "$MINISIGN_PASSWORD"
    else
        minisign -S -s "$key" -m "$1" -t "$2"
    fi
}

build() { # triple, name in the description
    build_shipped --locked --target "$1" ${FEATURES:-}
    local made file=neuron-$version-$2
    made=$(realpath "$target/$1/dist/neuron")
    objcopy --only-keep-debug "$made" "$out/$file.debug"
    (cd "$out" && objcopy --strip-all --add-gnu-debuglink="$file.debug" "$made" "$file")
    chmod 755 "$out/$file"
    files+=("$2=$file")
}

files=()
host=$(rustc -vV | sed -n 's/^host: //p')
build "$host" "$(uname -m)-linux-gnu"
musl=$(uname -m)-unknown-linux-musl
if command -v musl-gcc > /dev/null && rustc --print sysroot --target "$musl" > /dev/null 2>&1 \
    && [ -d "$(rustc --print sysroot)/lib/rustlib/$musl" ]; then
    build "$musl" "$(uname -m)-linux-musl"
else
    left_out "the static program: install musl-tools, and run rustup target add $musl"
fi

program=$out/neuron-$version-$(uname -m)-linux-gnu
mkdir -p "$out/completions" "$out/man"
for shell in bash zsh fish; do "$program" completions "$shell" > "$out/completions/neuron.$shell"; done
"$program" man --to "$out/man" > /dev/null
cp LICENSE README.md CHANGELOG.md "$out/"
cp -r config "$out/"
if [ -r /etc/ssl/certs/ca-certificates.crt ]; then cp /etc/ssl/certs/ca-certificates.crt "$out/"
else left_out "certificates of the web for Containerfile: install ca-certificates"; fi

if cargo deb --version > /dev/null 2>&1; then
    # What the package takes is where its description in Cargo.toml looks for it, wherever cargo builds.
    mkdir -p target/package && rm -rf target/package/man
    gzip -9 -n -c CHANGELOG.md > target/package/changelog.gz
    cp -r "$out/man" "$out/completions" target/package/
    find target/package/man -name '*.1' -exec gzip -9 -n -f {} +
    cp "$program" target/package/neuron
    cargo deb --no-build --no-strip --output "$out/neuron_${version}_$(dpkg --print-architecture).deb" > /dev/null
else
    left_out "the Debian package: cargo install cargo-deb"
fi
if cargo cyclonedx --version > /dev/null 2>&1; then
    cargo cyclonedx --format json --override-filename "neuron-$version.cdx" > /dev/null
    # The folder of the build is not part of what is in the program.
    sed "s|path+file://$PWD#|path+file:///neuron#|g" "neuron-$version.cdx.json" > "$out/neuron-$version.cdx.json"
    rm "neuron-$version.cdx.json"
else
    left_out "the SBOM: cargo install cargo-cyclonedx"
fi

python3 - "$out" "$channel" "$version" "${files[@]}" <<'PY'
import hashlib, json, os, sys
out, channel, version, *files = sys.argv[1:]
described = {}
for pair in files:
    machine, name = pair.split("=", 1)
    data = open(os.path.join(out, name), "rb").read()
    described[machine] = {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
text = json.dumps({"version": version, "channel": channel, "files": described}, indent=2, sort_keys=True) + "\n"
open(os.path.join(out, f"{channel}.json"), "w").write(text)
PY
(cd "$out" && rm -f SHA256SUMS* && find . -type f ! -name 'SHA256SUMS*' ! -name '*.minisig' | LC_ALL=C sort | xargs sha256sum > SHA256SUMS)
if [ "$key" = none ]; then
    left_out "the signature; self-update refuses this release"
else
    for file in "$channel.json" SHA256SUMS; do
        sign "$out/$file" "neuron $version $channel $file"
    done
fi

if [ "${1:-}" = --reproduce ]; then
    again=$(mktemp -d)
    git worktree add --quiet --detach "$again/source"
    (cd "$again/source" && RUSTFLAGS="$(remapped "$again/source" "$again/target") $others" CARGO_TARGET_DIR="$again/target" \
        build_shipped --locked --target "$host" ${FEATURES:-})
    # Without the link to the symbols, whose checksum is of the whole file of them.
    objcopy --strip-all "$target/$host/dist/neuron" "$again/first"
    objcopy --strip-all "$again/target/$host/dist/neuron" "$again/second"
    if cmp -s "$again/first" "$again/second"; then echo "reproduced: the same bytes from another folder"
    else echo "NOT reproduced: $(cmp "$again/first" "$again/second" | head -1)"; fi
    git worktree remove --force "$again/source"
    rm -rf "$again"
fi
ls -l "$out"
