/* The built-in destination of `read`: one JSON object per line on standard output, {"stream": NAME, "record": {...}}. */
#ifndef CORE_CLI_RECORD_PRINTER_H
#define CORE_CLI_RECORD_PRINTER_H

#include "core/plugin/plugin.h"

const struct connector *record_printer(void);

#endif
