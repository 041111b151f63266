# ETL_TRY_CFLAG(VARIABLE, FLAG): appends FLAG to VARIABLE if the compiler takes it without a warning.
AC_DEFUN([ETL_TRY_CFLAG], [
  AC_MSG_CHECKING([whether $CC accepts $2])
  etl_save_cflags=$CFLAGS
  CFLAGS="$CFLAGS -Werror $2"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes]); AS_VAR_APPEND([$1], [" $2"])], [AC_MSG_RESULT([no])])
  CFLAGS=$etl_save_cflags
])

# ETL_PLUGIN(NAME, WHAT, CONDITION, NEEDS): --with-NAME[=auto|yes|no]. A plugin whose needs are missing is left out with a line that
# says so; --with-NAME makes that an error.
AC_DEFUN([ETL_PLUGIN], [
  AC_ARG_WITH([$1], [AS_HELP_STRING([--with-$1], [$2 (default: if $4 can be found)])], [], [with_$1=auto])
  etl_plugin_ok=no
  AS_IF([test "x$with_$1" != xno], [
    AS_IF([$3], [etl_plugin_ok=yes],
      [AS_IF([test "x$with_$1" = xyes], [AC_MSG_ERROR([plugin $1 needs $4])],
        [AC_MSG_NOTICE([plugin $1 is left out: it needs $4])])])])
  AM_CONDITIONAL([PLUGIN_]m4_toupper([$1]), [test "x$etl_plugin_ok" = xyes])
  AS_IF([test "x$etl_plugin_ok" = xyes], [etl_plugins_summary="$etl_plugins_summary $1"])
])
