# The public headers stand alone: strict C11 without padding, clang with every warning, C++17.
set -u
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0
ran=0

# Each header in a translation unit of its own, twice, so that a missing include guard shows.
compile()
{
    directory=$1 header=$2 suffix=$3
    shift 3
    printf '#include <%s>\n#include <%s>\nint main(void);\nint main(void)\n{\n    return 0;\n}\n' "$header" "$header" \
        >"$work/unit.$suffix"
    if ! "$@" -I"$directory" -fsyntax-only "$work/unit.$suffix" 2>"$work/log"; then
        echo "FAIL: $header in $directory: $*"
        head -n 20 "$work/log"
        failed=1
    fi
}

boundary='etlhost/abi.h etlhost/arrow.h etlhost/ext/reject.h'
today=$top_srcdir/sdk/include
if command -v gcc >/dev/null; then
    ran=1
    for directory in "$today" "$top_srcdir"/tests/abi/v1.*; do
        for header in $boundary; do
            compile "$directory" "$header" c gcc -std=c11 -Wall -Wextra -Wpedantic -Wpadded -Werror
        done
    done
    for header in $(cd "$today" && find etlhost -name '*.h' | sort); do
        compile "$today" "$header" c gcc -std=c11 -Wall -Wextra -Wpedantic -Werror
    done
fi
if command -v clang >/dev/null; then
    ran=1
    for header in $boundary; do # a macro that a header offers is unused in the header; C11 is no C++98
        compile "$today" "$header" c clang -std=c11 -Weverything -Wno-unused-macros -Wno-unknown-warning-option \
            -Wno-pre-c11-compat -Werror
    done
fi
if command -v g++ >/dev/null; then
    ran=1
    for header in $(cd "$today" && find etlhost -name '*.h' | sort); do
        compile "$today" "$header" cc g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror
    done
fi
[ $ran = 1 ] || exit 77
exit $failed
