#!/bin/sh
# Puts the access list in force whose time has come. It needs a shell, a clock and the lists beside the one in force: an
# agreement ends by it also where Piazza, the union's documents and the authority are gone.
#
#   switch ACCESS [PIDFILE [NOW]]
#
# ACCESS.d/YYYYMMDDHHMMSS is the list from that second (UTC) on; it goes once the broker was told, so who is away is told again.
set -eu
access=$1 pid_file=${2:-} now=${3:-$(date -u +%Y%m%d%H%M%S)}

due=
for list in "$access".d/[0-9]*; do
    if [ -f "$list" ] && [ "${list##*/}" -le "$now" ]; then due=$list; fi
done
[ -n "$due" ] || exit 0

if ! cmp -s "$due" "$access"; then
    cp -p "$access" "$access.next" # for its owner and mode: the broker must be able to read the new one too
    cat "$due" >"$access.next"
    sync "$access.next"
    mv "$access.next" "$access"
    echo "$access: the list of ${due##*/} is in force"
fi
[ -z "$pid_file" ] || kill -HUP "$(cat "$pid_file")"
for list in "$access".d/[0-9]*; do
    if [ "${list##*/}" -le "${due##*/}" ]; then rm "$list"; fi
done
