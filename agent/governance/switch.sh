#!/bin/sh
# Puts the access list in force whose time has come. It needs a shell, a clock and the lists beside the one in force: an
# agreement ends by it also where Piazza, the union's documents and the authority are gone.
#
#   switch ACCESS [PIDFILE [NOW]]           mosquitto, NATS
#   switch ACCESS RABBITMQCTL [NOW]         RabbitMQ: the command, with options such as its node
#
# ACCESS.d/YYYYMMDDHHMMSS is the list from that second (UTC) on; it goes once the broker was told, so who is away is told again.
# What RabbitMQ must be told besides, since it takes nobody away by itself, stands in ACCESS.d/words.YYYYMMDDHHMMSS.
set -eu
access=$1 tell=${2:-} now=${3:-$(date -u +%Y%m%d%H%M%S)}

due=
for list in "$access".d/[0-9]*; do
    if [ -f "$list" ] && [ "${list##*/}" -le "$now" ]; then due=$list; fi
done
[ -n "$due" ] || exit 0
words=$access.d/words.${due##*/}

rabbit() { # one act of rabbitmqctl; who is gone already was taken away before
    # shellcheck disable=SC2086 # a command with its words
    said=$($tell "$@" 2>&1) || case $said in
        *"not exist"* | *"not found"*) ;;
        *) echo "$tell $*: $said" >&2 && exit 1 ;;
    esac
}

if [ -f "$words" ]; then # before the list is in its place: a RabbitMQ that is away is told again, by this or by apply
    cp "$due" "$access.due"
    chmod 644 "$access.due" # rabbitmqctl lets go of root before it reads; there is no secret in it
    rabbit import_definitions "$access.due"
    rm "$access.due"
    while read -r act name; do rabbit "$act" "$name" </dev/null; done <"$words"
fi
if ! cmp -s "$due" "$access"; then
    cp -p "$access" "$access.next" # for its owner and mode: the broker must be able to read the new one too
    cat "$due" >"$access.next"
    sync "$access.next"
    mv "$access.next" "$access"
    echo "$access: the list of ${due##*/} is in force"
fi
[ -f "$words" ] || [ -z "$tell" ] || kill -HUP "$(cat "$tell")"
for list in "$access".d/[0-9]*; do
    if [ "${list##*/}" -le "${due##*/}" ]; then rm -f "$list" "$access.d/words.${list##*/}"; fi
done
