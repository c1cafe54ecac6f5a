#!/bin/bash
# Chains of executors that do nothing, asked by `flowrun bench`: flowrun, the real Jina, and a bare tonic echo.
# FLOWRUN and ECHO are the programs, PYTHON one that has jina (left out when there is none), SECONDS_EACH the time a figure.
set -euo pipefail
flowrun=${FLOWRUN:-target/release/flowrun} echo=${ECHO:-target/release/examples/echo} each=${SECONDS_EACH:-5}
here=$(dirname "$(realpath "$0")") work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

figures() { # NAME ADDRESS
    "$flowrun" bench "$2" -c 64 -d "$each" --format json | sed "s/^/$1, 64 single-document requests: /"
    "$flowrun" bench "$2" -c 64 -d "$each" --stream --documents 100 --format json | sed "s/^/$1, stream of 100-document requests: /"
}

for executors in 1 3 10; do
    { echo 'jtype: Flow'; echo 'executors:'; for n in $(seq "$executors"); do echo "- {name: pass$n, uses: Pass}"; done; } > "$work/flow.yml"
    began=$(date +%s%N)
    coproc SERVING { exec "$flowrun" serve "$work/flow.yml" 2>/dev/null; }
    process=$SERVING_PID
    read -r line <&"${SERVING[0]}"
    echo "flowrun, chain of $executors: ready after $(( ($(date +%s%N) - began) / 1000000 )) ms, resident $(grep VmRSS "/proc/$process/status")"
    figures "flowrun, chain of $executors" "$(grep -oE '[0-9.]+:[0-9]+' <<< "$line" | head -1)"
    kill -TERM "$process"; wait "$process" || true
done

coproc ECHO_SERVER { exec "$echo"; }
process=$ECHO_SERVER_PID
read -r address <&"${ECHO_SERVER[0]}"
figures "tonic echo" "$address"
kill "$process"; wait "$process" || true

[ -x "${PYTHON:-}" ] || { echo "no Python with jina (PYTHON=…; \`make clients\` installs one)"; exit 0; }
port=51700
for executors in 1 3 10; do
    port=$((port + 1))
    mkfifo "$work/end$executors"
    "$PYTHON" "$here/jina_chain.py" "$executors" "$port" < "$work/end$executors" > "$work/said" 2>/dev/null &
    process=$!
    exec 3> "$work/end$executors"
    until grep -q resident "$work/said" || ! kill -0 "$process" 2>/dev/null; do sleep 0.1; done
    echo "jina, chain of $executors: $(grep -E '^(ready|resident)' "$work/said" | tr '\n' ' ')"
    figures "jina, chain of $executors" "127.0.0.1:$port"
    exec 3>&-
    wait "$process" || true
done
