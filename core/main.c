/* The program: what must happen once per process, before any thread, then the command. */
#include "core/cli/command.h"
#include "core/cli/signals.h"
#include "core/plugin/plugin.h"
#include "core/plugin/probe.h"
#include <locale.h>
#include <string.h>

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C"); /* numbers are read and written the same everywhere */
    if (argc == 3 && !strcmp(argv[1], "probe-plugin"))
        return probe_child(argv[2]);
    signals_block();
    int code = cli_main(argc, (const char **)(void *)argv);
    plugin_shutdown();
    return code;
}
