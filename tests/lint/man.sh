# Manual pages are free of warnings, and every page that is referred to exists here or is not ours.
. "$(dirname "$0")/common.sh"
need mandoc

for page in $(find man sdk -name '*.[1-9]' | sort); do
    mandoc -T lint -W warning "$page" || failed=1
    for reference in $(sed -n 's/^\.Xr \(etlhost[a-z0-9.-]*\) \([0-9]\).*/\1.\2/p' "$page" | sort -u); do
        found=$(find man sdk -name "$reference")
        if [ -z "$found" ]; then
            echo "$page refers to $reference, which does not exist"
            failed=1
        fi
    done
done
exit $failed
