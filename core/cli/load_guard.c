/* The handler only writes what was prepared and returns with the default action restored (SA_RESETHAND): the signal comes again and ends
 * the process. `etlhost inspect` looks at a plugin in a child process instead and survives. */
#include "core/cli/load_guard.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/plugin/plugin.h"

static const struct {
    int number;
    const char *name;
} crashes[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}, {SIGABRT, "SIGABRT"}};

enum { CRASHES = sizeof(crashes) / sizeof(crashes[0]) };

/* global: signal handlers have no argument; set on the main thread before anything else runs */
static struct sigaction former[CRASHES];
static const char *guarded_path;
static const char *volatile place;

static void enter(enum plugin_stage stage)
{
    static const char *const places[] = {"a constructor", "etl_plugin_v1", "load"};
    place = places[stage];
}

static void say(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

static void on_crash(int number)
{
    say("etlhost: ");
    say(guarded_path);
    say(": crashed with ");
    for (size_t i = 0; i < CRASHES; i++)
        if (crashes[i].number == number)
            say(crashes[i].name);
    say(" in ");
    say(place);
    say(", which is a fault of that plugin\n");
    raise(number); /* delivered on return, and now with its default action */
}

void load_guard_begin(const char *path)
{
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    guarded_path = path;
    enter(PLUGIN_STAGE_OPEN);
    plugin_set_stage_hook(enter);
    for (size_t i = 0; i < CRASHES; i++)
        sigaction(crashes[i].number, &action, &former[i]);
}

void load_guard_end(void)
{
    for (size_t i = 0; i < CRASHES; i++)
        sigaction(crashes[i].number, &former[i], NULL);
    plugin_set_stage_hook(NULL);
}
