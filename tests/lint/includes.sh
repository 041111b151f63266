# Who may include whom: cli -> engine -> {plugin, state, data, observe} -> config -> base inside core; core -> sdk; plugins -> sdk;
# nothing from core in the sdk or in a plugin, nothing from one plugin in another; no cycle between rooms.
. "$(dirname "$0")/common.sh"
need perl
need tsort
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

rank()
{
    case $1 in
    main.c) echo 6 ;;
    cli) echo 5 ;;
    engine) echo 4 ;;
    plugin | state | data | observe) echo 3 ;;
    config) echo 2 ;;
    base) echo 1 ;;
    *) echo 0 ;;
    esac
}

complain()
{
    echo "$1: $2"
    failed=1
}

# FILE INCLUDED for every include with quotes, and those in angle brackets that are ours
find core sdk plugins -name '*.[ch]' | sort | xargs grep -n '^#include' |
    sed -n 's/^\([^:]*\):\([0-9]*\):#include *["<]\([^">]*\)[">].*/\1 \2 \3/p' >"$work/includes"

while read -r file line included; do
    case $file in
    core/*)
        case $included in
        plugins/* | sdk/*) complain "$file:$line" "core includes $included" ;;
        core/*)
            from=${file#core/} from=${from%%/*}
            to=${included#core/} to=${to%%/*}
            [ "$(rank "$to")" != 0 ] || complain "$file:$line" "core/$to is no room of the plan"
            [ "$(rank "$from")" -ge "$(rank "$to")" ] || complain "$file:$line" "core/$from includes upwards: $included"
            [ "$from" = "$to" ] || echo "$from $to" >>"$work/edges"
            ;;
        esac
        ;;
    sdk/*)
        case $included in
        core/* | plugins/*) complain "$file:$line" "the sdk includes $included" ;;
        esac
        ;;
    plugins/*)
        own=${file#plugins/} own=${own%%/*}
        case $included in
        plugins/"$own"/*) ;;
        core/* | plugins/* | sdk/*) complain "$file:$line" "plugin $own includes $included" ;;
        esac
        ;;
    esac
done <"$work/includes"

if [ -s "$work/edges" ] && ! sort -u "$work/edges" | tsort >/dev/null 2>"$work/loop"; then
    echo "rooms of core include each other in a circle:"
    sed 's/^tsort: *//' "$work/loop"
    failed=1
fi
[ -s "$work/includes" ] || complain tests/lint/includes.sh "found no includes"
exit $failed
