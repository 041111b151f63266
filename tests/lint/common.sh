# Shared by the lints; sourced. They run from anywhere, on the source tree that top_srcdir names.
set -u
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 99
failed=0

need()
{
    command -v "$1" >/dev/null || { echo "$1 is missing"; exit 77; }
}

# Prints FILE:LINE:TEXT of C files with comments and the insides of strings blanked, so that words in them do not count.
code_lines()
{
    perl -e '
        for my $file (@ARGV) {
            open(my $in, "<", $file) or die "$file: $!";
            local $/;
            my $text = <$in>;
            $text =~ s{(/\*.*?\*/)|(//[^\n]*)|("(?:[^"\\\n]|\\.)*")|(\x27(?:[^\x27\\\n]|\\.)+\x27)}
                      { my $m = defined $1 ? $1 : defined $2 ? "" : defined $3 ? "\"\"" : "0"; $m =~ s/[^\n]//g if defined $1; $m }gse;
            my $n = 0;
            print "$file:", ++$n, ":$_\n" for split /\n/, $text;
        }' "$@"
}
