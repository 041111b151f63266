# ETLHOST_PLUGIN_FLAGS: for authors of plugins. After PKG_CHECK_MODULES([ETLHOST_SDK], [etlhost-sdk]) sets
#   ETLHOST_PLUGIN_LDFLAGS  libtool flags of a module that exports only etl_plugin_v1
#   etlhost_plugindir       where etlhost finds plugins of its own prefix
AC_DEFUN([ETLHOST_PLUGIN_FLAGS], [
  AC_REQUIRE([PKG_PROG_PKG_CONFIG])
  ETLHOST_PLUGIN_LDFLAGS="-module -avoid-version -shared -export-symbols-regex '^etl_plugin_v1\$\$' -Wl,-z,defs -Wl,-z,now"
  AC_SUBST([ETLHOST_PLUGIN_LDFLAGS])
  etlhost_plugindir=`$PKG_CONFIG --variable=plugindir etlhost-sdk`
  AC_SUBST([etlhost_plugindir])
])
