# Every command and option of `etlhost --help` and `etlhost COMMAND --help` is in etlhost(1), and the reverse.
. "$(dirname "$0")/common.sh"
page=man/etlhost.1
[ -f $page ] || { echo "$page is missing"; exit 77; }
[ -x "${ETLHOST:-}" ] && [ -n "$("$ETLHOST" version)" ] || { echo "ETLHOST does not name a program that works"; exit 77; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

"$ETLHOST" --help | sed -n 's/^  \([a-z][a-z-]*\)  *[^ ].*/\1/p' | sort -u >"$work/commands"
[ -s "$work/commands" ] || { echo "etlhost --help names no command"; exit 1; }
while read -r command; do
    "$ETLHOST" "$command" --help >"$work/text" || { echo "etlhost $command --help fails"; failed=1; }
    grep -oE -e '--[a-z][a-z0-9-]+' "$work/text"
    grep -qE "^\.It (Cm|Ic) $command( |\$)" $page || { echo "$page does not describe the command $command"; failed=1; }
done <"$work/commands" >"$work/found"
grep '^-' "$work/found" | sort -u >"$work/in_help"
grep -v '^-' "$work/found" && failed=1
grep -oE 'Fl -[a-z][a-z0-9-]+' $page | sed 's/^Fl -/--/' | sort -u >"$work/in_page"

for option in $(comm -23 "$work/in_help" "$work/in_page"); do
    echo "$page does not describe $option"
    failed=1
done
for option in $(comm -13 "$work/in_help" "$work/in_page"); do
    echo "$page describes $option, which no command has"
    failed=1
done
exit $failed
