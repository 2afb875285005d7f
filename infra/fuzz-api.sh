#!/usr/bin/env bash
# Asks every call of openapi.json with generated requests, valid and not, against local mode, and
# fails on any answer that the document does not describe and on any 5xx but 501.
#
#   infra/fuzz-api.sh [EXAMPLES_PER_CALL]      100 (more than 5,000 requests) unless told
#
# Needs a built transom-local ($TRANSOM_LOCAL, else target/debug/transom-local) and schemathesis
# ($SCHEMATHESIS, else `st` on the path; the version stands in infra/requirements-fuzz.txt).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
examples=${1:-100}
local_mode=${TRANSOM_LOCAL:-${CARGO_TARGET_DIR:-target}/debug/transom-local}
st=${SCHEMATHESIS:-st}
listen=127.0.0.1:${TRANSOM_FUZZ_PORT:-18473}
url=http://$listen
key=a-key-that-lives-as-long-as-this-run

[[ -x $local_mode ]] || {
  echo "fuzz-api: $local_mode is missing: cargo build --workspace" >&2
  exit 1
}
command -v "$st" >/dev/null || {
  echo "fuzz-api: $st is missing: pip install -r infra/requirements-fuzz.txt" >&2
  exit 1
}

work=$(mktemp -d)
"$local_mode" --listen "$listen" --data "$work/data" --admin-key "$key" >"$work/log" 2>&1 &
transom=$!
trap 'kill $transom 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 100); do
  curl -sf -o /dev/null "$url/openapi.json" && break
  sleep 0.1
done

api() { curl -sS -X "$1" "$url$2" -H "authorization: Bearer $key" -H 'content-type: application/json' "${@:3}"; }
pick() { python3 -c 'import json,sys; v=json.load(sys.stdin)
for k in sys.argv[1].split("."): v=v[int(k)] if k.isdigit() else v[k]
print(v)' "$1"; }

# Something to find: a customer has written, an answer went out, a subscription, a brand.
infra/send-webhook.sh --url "$url/webhooks/twilio/demo-twilio" 'Where is my order?' >/dev/null
message=$(api POST /v1/messages -d '{"sender":"demo","to":"+919876543210","content":{"type":"text","text":"On its way."}}')
conversation=$(pick conversation <<<"$message")
message=$(pick id <<<"$message")
contact=$(api GET "/v1/conversations/$conversation" | pick contact.id)

cat >"$work/schemathesis.toml" <<CONFIG
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "501"]

[parameters]
"path.account" = ["demo-twilio", "demo-meta", "demo-gupshup", "nobody"]
"path.sender" = ["demo", "demo-meta", "demo-gupshup", "nobody"]
"path.brand" = ["demo", "another"]
"path.contact" = ["$contact", "+919876543210", "ctc_nobody"]
"path.name" = ["order_ready", "another"]
"query.cursor" = ["bm90aGluZw", ""]

[[operations]]
include-path-regex = "^/v1/conversations/\\\\{id\\\\}"
parameters = { "path.id" = ["$conversation", "cnv_nobody"] }

[[operations]]
include-path-regex = "^/v1/messages/\\\\{id\\\\}"
parameters = { "path.id" = ["$message", "msg_nobody"] }

# They end the run's own key, or what the run is about: the scenarios ask them.
[[operations]]
include-path-regex = "(/revoke-all|/deactivate)$"
enabled = false
CONFIG

"$st" --config-file "$work/schemathesis.toml" run "$url/openapi.json" \
  --header "Authorization: Bearer $key" \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method \
  --phases coverage,fuzzing --max-examples "$examples" --workers 2 \
  --no-shrink --continue-on-failure --suppress-health-check all --warnings off
kill -0 "$transom" || {
  echo "fuzz-api: local mode did not survive" >&2
  tail -20 "$work/log" >&2
  exit 1
}
