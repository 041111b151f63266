# The current minor version of the plugin ABI stands in the changelog of abi.h and in CHANGELOG.md, and every minor before it has its
# frozen copy.
. "$(dirname "$0")/common.sh"

header=sdk/include/etlhost/abi.h
major=$(sed -n 's/^#define ETL_ABI_MAJOR \([0-9]*\)$/\1/p' $header)
minor=$(sed -n 's/^#define ETL_ABI_MINOR \([0-9]*\)$/\1/p' $header)
[ -n "$major" ] && [ -n "$minor" ] || { echo "$header: no version found"; exit 1; }
grep -q "^ \*   $major\.$minor " $header || { echo "$header: its changelog does not mention $major.$minor"; failed=1; }
grep -qi "plugin ABI $major\.$minor" CHANGELOG.md || { echo "CHANGELOG.md does not mention plugin ABI $major.$minor"; failed=1; }
older=0
while [ "$older" -lt "$minor" ]; do
    [ -f "tests/abi/v$major.$older/etlhost/abi.h" ] || { echo "tests/abi/v$major.$older is missing"; failed=1; }
    older=$((older + 1))
done
exit $failed
