# Every setting in the schema of a connector is in its manual page etlhost-NAME(7), as `.It Cm NAME` under a heading that has the word
# "settings" or is "Source" or "Destination", and the reverse.
. "$(dirname "$0")/common.sh"
need perl
perl -MJSON::PP -e 1 2>/dev/null || { echo "perl has no JSON::PP"; exit 77; }
[ -x "${ETLHOST:-}" ] && [ -n "$("$ETLHOST" version)" ] || { echo "ETLHOST does not name a program that works"; exit 77; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
checked=0

for plugin in "$top_builddir"/plugins/.libs/*.so; do
    [ -e "$plugin" ] || continue
    name=$(basename "$plugin" .so)
    page=man/etlhost-$name.7
    checked=$((checked + 1))
    if [ ! -f "$page" ]; then
        echo "$page is missing"
        failed=1
        continue
    fi
    if ! "$ETLHOST" inspect "$plugin" --output json >"$work/json"; then
        echo "etlhost inspect $plugin fails"
        failed=1
        continue
    fi
    perl -MJSON::PP -e '
        local $/;
        my $plugin = decode_json(<STDIN>);
        for my $connector (@{ $plugin->{connectors} }) {
            print "$_\n" for keys %{ $connector->{config_schema}{properties} || {} };
        }' <"$work/json" | sort -u >"$work/in_schema"
    awk '/^\.S[hs] / { title = tolower($0); inside = title ~ /settings/ || title ~ /^\.s[hs] (source|destination)$/ }
        inside && ($1 == ".It") && ($2 == "Cm" || $2 == "Ic") {
            for (i = 3; i <= NF && $i !~ /^(Ar|No|Ns|Pq|=)$/; i++)
                if ($i != "," && $i != "Cm" && $i != "Ic") print $i
        }' "$page" | tr -d ',' | sort -u >"$work/in_page"
    for setting in $(comm -23 "$work/in_schema" "$work/in_page"); do
        echo "$page does not describe the setting $setting"
        failed=1
    done
    for setting in $(comm -13 "$work/in_schema" "$work/in_page"); do
        echo "$page describes the setting $setting, which $name does not have"
        failed=1
    done
done
echo "$checked plugins checked"
exit $failed
