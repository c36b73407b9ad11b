#!/bin/sh
# From a killed server to one that is ready on a restored backup, with the time of each step.
# Ends with 0 only if that server says that it is ready; it goes on then, and its pid is told.
set -eu

usage() {
  cat >&2 <<'END'
usage: restore-drill.sh [--pid PID] --backup FILE-OR-FOLDER --database FILE --ready URL
                        [--timeout SECONDS] [--log FILE] -- COMMAND [ARGUMENT]...

  --pid       the server to kill; without it there is none
  --backup    NAME.db or NAME.db.enc, or the folder of which the newest is taken
  --database  the file that it is restored to; what was there is kept beside it
  --ready     what answers 200 once the server is ready: http://127.0.0.1:9464/readyz
  --timeout   how long each step may take; 60
  --log       where the server writes; restore-drill.log
  COMMAND     what starts the server

PROTOSTORE is the command that restores, if it is not `protostore`; PROTOSTORE_BACKUP_KEY_FILE names the key of
encrypted backups.
END
  exit 2
}

stop() {
  echo "restore-drill: $*" >&2
  exit 1
}

# GNU's date knows milliseconds; another one is exact to the second.
now() {
  time=$(date +%s%3N)
  case $time in
  *[!0-9]*) echo "$(date +%s)000" ;;
  *) echo "$time" ;;
  esac
}

tell() {
  printf '%-8s %8d ms  %s\n' "$1" "$2" "$3"
}

# Is false for who has ended and whom its parent has not asked about yet.
lives() {
  kill -0 "$1" 2>/dev/null || return 1
  if [ -r "/proc/$1/stat" ]; then
    case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
    Z* | "") return 1 ;;
    esac
  fi
}

pid='' backup='' database='' ready='' timeout=60 log=restore-drill.log
while [ $# -gt 0 ]; do
  case $1 in
  --)
    shift
    break
    ;;
  --pid | --backup | --database | --ready | --timeout | --log)
    [ $# -ge 2 ] || usage
    case $1 in
    --pid) pid=$2 ;;
    --backup) backup=$2 ;;
    --database) database=$2 ;;
    --ready) ready=$2 ;;
    --timeout) timeout=$2 ;;
    --log) log=$2 ;;
    esac
    shift 2
    ;;
  *) usage ;;
  esac
done
if [ $# -eq 0 ] || [ -z "$backup" ] || [ -z "$database" ] || [ -z "$ready" ]; then usage; fi
case $pid$timeout in
*[!0-9]*) usage ;;
esac
command -v curl >/dev/null || stop "curl is needed"

# Before anything is killed: a name of a backup has no character that ls would change.
if [ -d "$backup" ]; then
  # shellcheck disable=SC2012
  newest=$(ls -t "$backup" | sed -n '/^[a-z0-9][a-z0-9._-]*\.db\(\.enc\)\{0,1\}$/{p;q;}')
  [ -n "$newest" ] || stop "there is no backup in $backup"
  backup=${backup%/}/$newest
fi
[ -f "$backup" ] || stop "there is no $backup"
name=${backup%.enc}
[ -f "${name%.db}.json" ] || stop "$backup has no manifest: it is no backup"

begun=$(now)
end=$((begun + timeout * 1000))
if [ -n "$pid" ]; then
  kill -9 "$pid" || stop "process $pid cannot be killed"
  while lives "$pid"; do
    [ "$(now)" -lt "$end" ] || stop "process $pid has not ended"
    sleep 0.05
  done
  tell killed $(($(now) - begun)) "pid $pid"
fi

# Other processes of a server that was killed end by themselves, and have the file open until then.
step=$(now)
until output=$("${PROTOSTORE:-protostore}" restore "$backup" --database "$database" 2>&1); do
  case $output in
  *"is open in another process"*) [ "$(now)" -lt $((step + timeout * 1000)) ] || stop "$output" ;;
  *) stop "$output" ;;
  esac
  sleep 0.1
done
tell restored $(($(now) - step)) "$backup"

step=$(now)
nohup "$@" >>"$log" 2>&1 </dev/null &
server=$!
until curl -fs -o /dev/null -m 2 "$ready"; do
  lives "$server" || stop "the server has ended: $(tail -n 3 "$log")"
  [ "$(now)" -lt $((step + timeout * 1000)) ] || stop "the server is not ready: $(tail -n 3 "$log")"
  sleep 0.05
done
# Who answers might be another one.
lives "$server" || stop "the server has ended: $(tail -n 3 "$log")"
tell ready $(($(now) - step)) "pid $server"
tell total $(($(now) - begun)) "$database"
