#!/bin/sh
# Replace what runs by the version that `.env` names (OPS_VERSION), with runs in flight and webhooks coming in.
#
# The way back is the same with the older version in `.env`: a migration never takes away what the version before it needs.
# Where images come from a registry, `docker compose pull` takes the place of `build`.
set -eu
cd "$(dirname "$0")/.."

docker compose build
docker compose run --rm prepare                            # the tables, while the old version runs
docker compose up --detach --no-deps --wait relay-1        # until it is healthy: one of the two takes webhooks at all times
docker compose up --detach --no-deps --wait relay-2
docker compose up --detach --remove-orphans                # the rest; tasks that run end, or are tried again by the new version
