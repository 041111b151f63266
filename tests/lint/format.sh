# Every C file is as clang-format leaves it (version 14: others format a little differently). Not the boundary, whose columns are set by
# hand and where a reformatted line would hide a change.
. "$(dirname "$0")/common.sh"
need clang-format
case $(clang-format --version) in
*'version 14.'*) ;;
*) echo "clang-format is not version 14"; exit 77 ;;
esac

for file in $(find core sdk plugins tests -name '*.[ch]' ! -path 'tests/abi/v1.*' ! -path '*/etlhost/abi.h' ! -path '*/etlhost/ext/*' | sort); do
    if ! clang-format --dry-run --Werror "$file" >/dev/null 2>&1; then
        echo "run clang-format -i $file"
        failed=1
    fi
done
exit $failed
