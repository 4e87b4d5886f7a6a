#!/bin/sh
# What a container runs: the API and the page, or any other command of diascribe. Ends when either ends, or when told to.
set -eu

if [ $# -gt 0 ]; then
    exec diascribe "$@"
fi
port=${DIASCRIBE_API_PORT:-8000}
diascribe serve --no-page &
api=$!
diascribe ui --api "http://127.0.0.1:$port" --host 0.0.0.0 &
page=$!
trap 'kill -TERM "$api" "$page" 2>/dev/null || true; wait; exit 0' TERM INT
while kill -0 "$api" 2>/dev/null && kill -0 "$page" 2>/dev/null; do
    sleep 1 &
    wait $! || true
done
kill -TERM "$api" "$page" 2>/dev/null || true
wait
exit 1
