# Functions that have a better replacement, in everything that is shipped.
. "$(dirname "$0")/common.sh"
need perl
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

everywhere='strcpy|strcat|strncpy|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|atof|sscanf|alloca|system|popen|setenv|putenv|localtime|gmtime|ctime|asctime|rand|srand|tmpnam|mktemp|fork|vfork|setlocale|json_dumps'
no_print='printf|puts|putchar|vprintf|perror'
no_exit='exit|abort|_exit|_Exit|quick_exit'

check()
{
    names=$1 why=$2
    shift 2
    [ $# -gt 0 ] || return 0
    if code_lines "$@" | grep -E "(^|[^A-Za-z0-9_.>])($names) *\(" >"$work/found"; then
        sed "s/\$/    <- $why/" "$work/found"
        failed=1
    fi
}

files()
{
    find "$@" -name '*.[ch]' ! -path '*/template/*' 2>/dev/null | sort
}

# setlocale belongs to main alone
check "$everywhere" banned $(files core sdk plugins | grep -v '^core/main\.c$')
check "$no_exit" "only main and the second signal end the process" \
    $(files core sdk/src plugins | grep -v -e '^core/main\.c$' -e '^core/cli/signals\.c$')
check "$no_print" "only the command line prints" $(files core sdk/src plugins | grep -v -e '^core/cli/' -e '^core/main\.c$')
check 'pthread_cancel|longjmp|setjmp' "breaks the ownership of whatever is in flight" $(files core sdk plugins)
check 'signal|sigaction' "signals belong to the command line" $(files core sdk plugins | grep -v '^core/cli/')

# The lint sees what it should see.
printf '/* strcpy(a, b) */ char *t = "atoi(x)"; // exit(1)\nint f(void);\n' >"$work/good.c"
printf 'int f(char *a)\n{\n    return atoi(a);\n}\n' >"$work/bad.c"
code_lines "$work/good.c" | grep -E "($everywhere|$no_exit) *\(" && { echo "comments and strings are not left out"; failed=1; }
code_lines "$work/bad.c" | grep -qE "[^A-Za-z0-9_.>]($everywhere) *\(" || { echo "atoi is not seen"; failed=1; }
exit $failed
