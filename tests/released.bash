# shellcheck shell=bash
# Sourced by scripts that need the last release's program: builds it once from the repository's history.

# The last commit of 0.1.0.
released=9672222869670f6246f6d5d5e16897a484b67648

# build_released PROFILE: builds it with the profile dev or release; $released_program is its path then.
build_released() {
    local place=$tools/released/$released-$1 built=$1
    released_program=$place/jeton
    [[ -x $released_program ]] && return
    [[ $1 == dev ]] && built=debug
    rm -rf "$place"
    mkdir -p "$place/src"
    git archive "$released" | tar -x -C "$place/src"
    (cd "$place/src" && cargo build --locked --quiet --profile "$1" --bin jeton --target-dir "$place/target")
    mv "$place/target/$built/jeton" "$released_program"
    rm -rf "$place/src" "$place/target"
}
