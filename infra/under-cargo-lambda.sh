#!/usr/bin/env bash
# The deployed binaries under cargo-lambda's own Runtime API, so that what passes does not rest on
# ours alone: infra/under-cargo-lambda.sh
#
# Needs cargo-lambda on the PATH (pip install -r infra/requirements-lambda.txt).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
port=${TRANSOM_RUNTIME_PORT:-19001}
work=$(mktemp -d)
log=$work/log
trap 'kill "${emulator:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

# It serves only what is named after a binary of a project, and holds the last poll of a process that
# was ended. So each start of a function has a name of its own, in a project of nothing but names.
starts_max=40
mkdir -p "$work/names/src/bin"
printf '[package]\nname = "names"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n' \
  >"$work/names/Cargo.toml"
for function in Inbound Status Sender Media Sweeper Desk Notifier; do
  for start in $(seq $starts_max); do
    echo 'fn main() {}' >"$work/names/src/bin/${function}Function$start.rs"
  done
done

(
  cd "$work/names"
  exec cargo lambda watch --only-lambda-apis --invoke-address 127.0.0.1 --invoke-port "$port"
) >"$log" 2>&1 &
emulator=$!

for _ in $(seq 100); do
  (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
  kill -0 "$emulator" 2>/dev/null || {
    echo "cargo lambda watch did not start:" >&2
    cat "$log" >&2
    exit 1
  }
  sleep 0.2
done

TRANSOM_RUNTIME_API=http://127.0.0.1:$port cargo test --locked --workspace --test binaries || {
  echo "what cargo lambda watch said last:" >&2
  tail -n 20 "$log" >&2
  exit 1
}
