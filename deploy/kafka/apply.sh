#!/usr/bin/env bash
# Applies grants.sh to a broker: SCRAM users with their passwords, and what each may do. Safe to repeat; a changed password
# is taken over. It adds and never takes away: what a removed user still holds, kafka-acls.sh --remove takes.
#
# KAFKA_ADMIN_PASSWORD: of `admin` (SASL PLAIN, as in docker-compose.yml); KAFKA_PASSWORD_<USER>: of each user, `-` as `_`.
# KAFKA_BOOTSTRAP, KAFKA_BIN: where the broker and Kafka's programs are, if elsewhere than in the container.
set -euo pipefail

BOOTSTRAP=${KAFKA_BOOTSTRAP:-127.0.0.1:9094}
BIN=${KAFKA_BIN:-/opt/kafka/bin}
JOBS=${KAFKA_JOBS:-4}
JAVA_OPTIONS='-Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xlog:disable -Xlog:all=error:stderr'

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/admin.properties" <<PROPERTIES
security.protocol=SASL_PLAINTEXT
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="${KAFKA_ADMIN_PASSWORD:?}";
PROPERTIES

# Each command is a Java program of its own, and mostly starts up. So the first, which also proves that the broker lets us in,
# leaves its loaded classes for all others.
export KAFKA_HEAP_OPTS="$JAVA_OPTIONS -XX:ArchiveClassesAtExit=$work/classes.jsa"
"$BIN/kafka-acls.sh" --bootstrap-server "$BOOTSTRAP" --command-config "$work/admin.properties" --list >/dev/null
export KAFKA_HEAP_OPTS="$JAVA_OPTIONS -XX:SharedArchiveFile=$work/classes.jsa -Xshare:auto"

# Runs a command in the background, at most $JOBS at once; the first that fails ends the script with what it printed.
later() {
  if [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; then wait -n; fi
  {
    out=$work/out.$BASHPID
    "$@" >"$out" 2>&1 || { echo "failed: $*" >&2; cat "$out" >&2; exit 1; }
  } &
}

# user NAME: a SCRAM user. The password goes by a file, so that no list of processes shows it.
user() {
  local variable="KAFKA_PASSWORD_${1//-/_}"
  variable=${variable^^}
  echo "SCRAM-SHA-512=password=${!variable:?is missing: run make secrets}" >"$work/$1.properties"
  later "$BIN/kafka-configs.sh" --bootstrap-server "$BOOTSTRAP" --command-config "$work/admin.properties" \
    --alter --entity-type users --entity-name "$1" --add-config-file "$work/$1.properties"
}

# may NAME literal|prefixed OPERATIONS RESOURCE...: OPERATIONS with commas, RESOURCE as topic:NAME or group:NAME
may() {
  local words=(--add --force --allow-principal "User:$1" --resource-pattern-type "$2") word
  for word in ${3//,/ }; do words+=(--operation "$word"); done
  for word in "${@:4}"; do words+=("--${word%%:*}" "${word#*:}"); done
  later "$BIN/kafka-acls.sh" --bootstrap-server "$BOOTSTRAP" --command-config "$work/admin.properties" "${words[@]}"
}

# shellcheck source=grants.sh
source "$(dirname "${BASH_SOURCE[0]}")/grants.sh"
while [ -n "$(jobs -p)" ]; do wait -n || exit 1; done
echo "users and ACLs are in place"
