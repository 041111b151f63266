# Functions: more than 100 lines or complexity 25 fails, more than 60 or 15 is listed. Files over 800 lines are listed.
. "$(dirname "$0")/common.sh"
need pmccabe

find core sdk plugins -name '*.c' | sort | xargs pmccabe | awk '
    $5 > 100 || $1 > 25 { print "too big: " $6 " " $7 ": " $5 " lines, complexity " $1; bad = 1; next }
    $5 > 60 || $1 > 15 { print "big:     " $6 " " $7 ": " $5 " lines, complexity " $1 }
    { count++ }
    END { print count " functions"; exit bad }' || failed=1
find core sdk plugins -name '*.[ch]' | sort | xargs wc -l | awk '$2 != "total" && $1 > 800 { print "long file: " $2 ": " $1 " lines" }'
exit $failed
