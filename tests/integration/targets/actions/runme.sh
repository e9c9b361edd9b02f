#!/usr/bin/env bash
# Plays every action, the lookup and two playbooks against a simulator of this run's own.
set -euo pipefail

collection="$ANSIBLE_COLLECTIONS_PATH/ansible_collections/tenbyte/webinar"
work="$(mktemp -d)"
export TENBYTE_API_KEY=sim-api-key-of-host
export TENBYTE_LEDGER_URL="sqlite:///$work/ledger/ledger.sqlite3"

(
  cd "$collection"
  exec python -m tests.simulator --seed tests/simulator/seed.example.yml --ready-file "$work/simulator.json"
) &
simulator=$!
# shellcheck disable=SC2329 # the trap calls it
tidy() {
  kill "$simulator" 2>/dev/null || true
  wait "$simulator" || true
  rm -rf "$work"
}
trap tidy EXIT

for _ in {1..300}; do
  if [[ -e "$work/simulator.json" ]]; then break; fi
  kill -0 "$simulator" # it has not ended
  sleep 0.1
done
TENBYTE_API_URL="$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["api_url"])' "$work/simulator.json")"
export TENBYTE_API_URL

play() { ansible-playbook --inventory inventory.yml "$@"; }
play actions.yml --extra-vars "work=$work" "$@"
play tenbyte.webinar.provision --extra-vars @event.yml "$@"
play tenbyte.webinar.teardown --extra-vars @event.yml "$@"
