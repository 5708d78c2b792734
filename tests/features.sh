#!/usr/bin/env bash
# Builds what depends on this crate without the server: the client alone and the messages alone.
# Dependencies of the server alone must not come with either.
set -euo pipefail
cd "$(dirname "$0")/.."

server_only='argon2|axum|clap|governor|prometheus|serde|sled|tonic-health|tonic-reflection|tracing-subscriber'

linked() {
    cargo tree --locked --no-default-features --features "$1" --edges normal --prefix none --format '{p}' |
        cut -d' ' -f1 | sort -u
}

for features in '' client jwt mtls; do
    crates=$(linked "$features")
    if found=$(grep -Ex "$server_only" <<<"$crates"); then
        printf 'linked without the server (features "%s"):\n%s\n' "$features" "$found" >&2
        exit 1
    fi
    printf 'features "%s": %d crates\n' "$features" "$(wc -l <<<"$crates")"
done
printf 'all features: %d crates\n' "$(linked server | wc -l)"

cargo check --locked --no-default-features
cargo clippy --locked --no-default-features --features client --lib --test client -- -D warnings
cargo clippy --locked --no-default-features --features jwt --lib -- -D warnings
cargo clippy --locked --no-default-features --features mtls --lib -- -D warnings
