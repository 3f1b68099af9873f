#!/usr/bin/env bash
# The way of one job, start to end, against an issuer of its own: what `make run` does.
#
#   --once   end the issuer when all is done; else it goes on running, until `make stop`.
#   --stop   end the issuer that an earlier call left running.
set -euo pipefail
jobsworth=${JOBSWORTH_BINARY:-jobsworth}
folder=${JOBSWORTH_RUN_FOLDER:-Keys/local}
port=${JOBSWORTH_RUN_PORT:-8080}
issuer=http://127.0.0.1:$port
storage=sqlite:$folder/issuer.sqlite
step() { printf '\n\033[1m%s\033[0m\n' "$*"; }

is_running() { [ -s "$folder/serve.pid" ] && kill -0 "$(cat "$folder/serve.pid")" 2>/dev/null; }
stop() {
    is_running && kill "$(cat "$folder/serve.pid")"
    while is_running; do sleep 0.1; done
    rm -f "$folder/serve.pid"
}
if [ "${1:-}" = --stop ]; then stop; exit 0; fi

step "1. The issuer, on $issuer, its keys and jobs in $folder"
mkdir -p "$folder"
if is_running; then
    echo "it runs already"
else
    setsid "$jobsworth" serve --issuer "$issuer" --listen "127.0.0.1:$port" --storage "$storage" \
        </dev/null >"$folder/serve.log" 2>&1 &
    echo $! >"$folder/serve.pid"
fi
if [ "${1:-}" = --once ]; then trap stop EXIT; fi
for _ in $(seq 100); do
    curl -sf -o "$folder/discovery.json" "$issuer/.well-known/openid-configuration" && break
    is_running || { cat "$folder/serve.log" >&2; exit 1; }
    sleep 0.1
done
cat "$folder/discovery.json"; echo

step "2. A runner that may speak for acme/*"
credential=$folder/runner.credential
[ -s "$credential" ] || (umask 077; "$jobsworth" runner add quick-start --repository 'acme/*' --storage "$storage" >"$credential")
echo "its credential is in $credential"

step "3. A job of acme/widgets, which opts in to tokens"
export JOBSWORTH_ISSUER=$issuer JOBSWORTH_RUNNER_CREDENTIAL_FILE=$credential
variables=$("$jobsworth" job start --permission id-token=write --output sh \
    --fact repository=acme/widgets --fact ref=refs/heads/main --fact workflow=deploy --fact run_id=1)
eval "$variables"
echo "job $JOBSWORTH_JOB_ID"

step "4. The job's token for sts.amazonaws.com, by GitHub's own protocol"
token=$(curl -sf -H "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
    "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" | cut -d'"' -f6)
"$jobsworth" token inspect "$token" 2>/dev/null

step "5. Verified through discovery, as any relying party would"
"$jobsworth" token verify --issuer "$issuer" --audience sts.amazonaws.com "$token"

step "6. The job ends, and its request token is dead"
"$jobsworth" job end --id "$JOBSWORTH_JOB_ID"
"$jobsworth" job token --audience sts.amazonaws.com 2>&1 || true

step "7. What the audit log says"
"$jobsworth" audit show --storage "$storage" | tail -n 4

[ "${1:-}" = --once ] && exit 0
step "The issuer goes on running on $issuer; end it with: make stop"
cat <<NEXT
Next, in this shell:
  export JOBSWORTH_ISSUER=$issuer JOBSWORTH_RUNNER_CREDENTIAL_FILE=$credential
  $jobsworth job start --fact repository=acme/widgets --fact ref=refs/heads/main \\
      --fact workflow=deploy --fact run_id=2 --permission id-token=write --output sh
  $jobsworth keys show --storage $storage
Then: README.md, "Point a relying party at it".
NEXT
