#!/usr/bin/env bash
# Signs a customer's text as Twilio does and posts it to a running Transom.
# Needs nothing but curl and openssl.
set -euo pipefail
# Bytes, not letters: the encoding below works on the bytes of the text.
LC_ALL=C

usage() {
  cat <<'TEXT'
Usage: infra/send-webhook.sh [options] [text...]

  --url URL      where the webhook goes    (http://127.0.0.1:8080/webhooks/twilio/demo-twilio)
  --token TOKEN  the account's auth token  (demo-auth-token-twilio)
  --account SID  the account               (AC00000000000000000000000000000001)
  --from PHONE   the customer              (+919876543210)
  --to PHONE     the business number       (+14155238886)
  --sid SID      the message id            (a new one; give one to send a duplicate)
  --help         this text
TEXT
}

fail() {
  printf 'send-webhook: %s\n' "$1" >&2
  exit "${2:-2}"
}

url=http://127.0.0.1:8080/webhooks/twilio/demo-twilio
token=demo-auth-token-twilio
account=AC00000000000000000000000000000001
from=+919876543210
to=+14155238886
sid=

while [ $# -gt 0 ]; do
  case $1 in
    --url | --token | --account | --from | --to | --sid)
      [ $# -ge 2 ] || fail "$1 needs a value; see --help"
      declare "${1#--}=$2"
      shift 2
      ;;
    --help | -h) usage; exit 0 ;;
    --) shift; break ;;
    -*) fail "unknown option $1; see --help" ;;
    *) break ;;
  esac
done
text="${*:-Hello from the customer}"

for tool in curl openssl; do
  command -v "$tool" >/dev/null || fail "$tool is missing; install it and try again"
done
for phone in "$from" "$to"; do
  [[ $phone =~ ^\+[1-9][0-9]{6,14}$ ]] || fail "$phone is not a number such as +919876543210"
done
[[ $url =~ ^https?://[^/]+ ]] || fail "$url is not an address such as http://127.0.0.1:8080/..."
origin=${BASH_REMATCH[0]}
# Twilio neither sends nor signs the fragment.
url=${url%%#*}
[ -n "$sid" ] || sid=SM$(openssl rand -hex 16)

encode() {
  local text=$1 out= char i
  for ((i = 0; i < ${#text}; i++)); do
    char=${text:i:1}
    case $char in
      [a-zA-Z0-9._*-]) out+=$char ;;
      ' ') out+=+ ;;
      *) printf -v char '%%%02X' "'$char"
         # Some versions of bash print a byte above 127 as a negative number.
         out+=%${char: -2} ;;
    esac
  done
  printf '%s' "$out"
}

# In the order of their keys, as the signature wants them.
pairs=(
  AccountSid "$account"
  ApiVersion 2010-04-01
  Body "$text"
  From "whatsapp:$from"
  MessageSid "$sid"
  MessageType text
  NumMedia 0
  NumSegments 1
  ProfileName 'Test Customer'
  ReferralNumMedia 0
  SmsMessageSid "$sid"
  SmsSid "$sid"
  SmsStatus received
  To "whatsapp:$to"
  WaId "${from#+}"
)
signed=$url
form=
for ((i = 0; i < ${#pairs[@]}; i += 2)); do
  signed+=${pairs[i]}${pairs[i + 1]}
  form+=${form:+&}${pairs[i]}=$(encode "${pairs[i + 1]}")
done
signature=$(printf '%s' "$signed" | openssl dgst -sha1 -hmac "$token" -binary | openssl base64)

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
outcome=0
status=$(curl --silent --max-time 15 --output "$answer" --write-out '%{http_code}' \
  --header "X-Twilio-Signature: $signature" \
  --header 'Content-Type: application/x-www-form-urlencoded; charset=UTF-8' \
  --data-binary "$form" "$url") || outcome=$?
case $outcome in
  0) ;;
  7) fail "nothing listens at $origin. Start Transom in another terminal with 'cargo run', or name \
its address with --url." 1 ;;
  *) fail "the webhook was not answered (curl exit $outcome); is $origin the address of Transom?" 1 ;;
esac

printf 'HTTP %s  %s\n' "$status" "$sid"
if [ -s "$answer" ]; then
  cat "$answer"
  printf '\n'
fi
case $status in
  2*)
    # The sandbox keeps windows of its own, and this message went past it. Where there is no
    # sandbox nothing takes the news, and nothing is lost.
    curl --silent --max-time 5 --output /dev/null --data-binary "$form" "$origin/phone/observed" || true
    ;;
  403)
    fail "the signature was refused. The token must be the account's auth token, and the address must \
be, letter for letter, the public one that Transom was started with (--public-url)." 1
    ;;
  404) fail "no such account; create it, or name another with --url." 1 ;;
  *) fail "Transom did not take the message; its log says why." 1 ;;
esac
