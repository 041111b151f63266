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

# Every status of the boundary is explained to those who return it.
for status in $(sed -n '/^typedef int32_t etl_status;/,/^};/s/^ *\(ETL_[A-Z_]*\) .*/\1/p' sdk/include/etlhost/abi.h); do
    grep -q "^\.It Dv $status " man/etlhost-plugin.7 || { echo "man/etlhost-plugin.7 does not list $status"; failed=1; }
done
exit $failed
