/* The probe: a plugin is loaded in a child, so that one that crashes, exits or hangs is a report.
 *
 * The child writes lines to its standard output: one word before each step in which code of the plugin runs, then one line of JSON, a
 * description or an error. The last word tells where a child died. What the plugin itself prints goes to /dev/null: the child
 * moves the pipe to another descriptor before it loads anything. The child leads a process group of its own, so that whatever a
 * constructor has started dies with it. */
#include "core/plugin/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/json_text.h"
#include "core/plugin/plugin.h"
#include "core/plugin/services.h"

enum {
    TIMEOUT_SECONDS = 10,
    ANSWER_MAX_BYTES = 8 * 1024 * 1024,
};

static const char *const stage_words[] = {"open", "descriptor", "load"};
static const char *const stage_places[] = {"a constructor", "etl_plugin_v1", "load"};

/* ---- the child ---- */

static int child_pipe = -1; /* global: in the child only */

static bool write_all(const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(child_pipe, data, length);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            data += n;
            length -= (size_t)n;
        }
    }
    return true;
}

static void write_stage(enum plugin_stage stage)
{
    const char *word = stage_words[stage];

    (void)(write_all(word, strlen(word)) && write_all("\n", 1));
}

static bool write_json(json_t *value)
{
    char *text = value != NULL ? json_text(value, JSON_COMPACT) : NULL;
    bool ok = text != NULL && write_all(text, strlen(text)) && write_all("\n", 1);

    free(text);
    return ok;
}

static json_t *capabilities_json(uint64_t caps)
{
    static const struct {
        uint64_t bit;
        const char *name;
    } names[] = {
        {ETL_CAP_CURSOR, "cursor"}, {ETL_CAP_DELETES, "deletes"},         {ETL_CAP_PARALLEL, "parallel"},
        {ETL_CAP_UPSERT, "upsert"}, {ETL_CAP_GENERATIONS, "generations"}, {ETL_CAP_IDEMPOTENT, "idempotent"},
        {ETL_CAP_ATOMIC, "atomic"}, {ETL_CAP_FOLDS_NAMES, "folds-names"}, {ETL_CAP_EVOLVES, "evolves"},
    };
    json_t *array = json_array();

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if ((caps & names[i].bit) != 0)
            json_array_append_new(array, json_string(names[i].name));
    return array;
}

/* The best delivery class that runs into this destination can have. */
static json_t *delivery_json(const struct connector *connector)
{
    if (connector->role != ETL_ROLE_DEST)
        return json_null();
    if ((connector->caps & ETL_CAP_ATOMIC) != 0)
        return json_string("exactly-once");
    if ((connector->caps & (ETL_CAP_IDEMPOTENT | ETL_CAP_UPSERT)) != 0)
        return json_string("effectively-once");
    return json_string("at-least-once");
}

static json_t *connector_json(const struct connector *connector)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:o}", "id", connector->id, "role",
                     connector->role == ETL_ROLE_SOURCE ? "source" : "destination", "summary", connector->summary,
                     "capabilities", capabilities_json(connector->caps), "delivery", delivery_json(connector),
                     "state_version", (json_int_t)connector->state_version, "identifier_max_bytes",
                     (json_int_t)connector->identifier_max_bytes, "config_schema",
                     json_loads(connector->config_schema, 0, NULL));
}

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static json_t *description_json(const struct plugin *plugin)
{
    const struct etl_plugin *descriptor = plugin->descriptor;
    json_t *connectors = json_array();

    if (plugin->source.id != NULL)
        json_array_append_new(connectors, connector_json(&plugin->source));
    if (plugin->dest.id != NULL)
        json_array_append_new(connectors, connector_json(&plugin->dest));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:i, s:I, s:I}, s:o}", "path", plugin->path, "name",
                     descriptor->name, "version", descriptor->version, "vendor", or_empty(descriptor->vendor),
                     "license", or_empty(descriptor->license), "abi", "major", ETL_ABI_MAJOR, "minor_built",
                     (json_int_t)descriptor->abi_minor_built, "minor_required",
                     (json_int_t)descriptor->abi_minor_required, "connectors", connectors);
}

/* Takes the pipe away from the plugin, and the child with the parent. */
static bool child_prepare(void)
{
    static const struct rlimit no_core = {0, 0};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    child_pipe = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    if (null < 0 || child_pipe < 0 || dup2(null, STDOUT_FILENO) < 0)
        return false;
    if (null > STDERR_FILENO)
        close(null);
    return true;
}

int probe_child(const char *path)
{
    struct services services;
    struct plugin *plugin = NULL;
    struct etl_error err;
    json_t *answer = NULL;
    bool ok = false;
    etl_status status = ETL_OK;

    if (!child_prepare())
        return EXIT_FAILURE;
    etl_error_init(&err);
    services_init(&services, "probe", NULL, NULL, NULL);
    plugin_set_stage_hook(write_stage);
    status = plugin_load(path, &services.host, &plugin, &err);
    if (status == ETL_OK) {
        answer = description_json(plugin);
        if (answer == NULL)
            status = etl_fail(&err, ETL_CONFIG, "%s: a text of the descriptor is not UTF-8", path);
    }
    if (status != ETL_OK)
        answer = json_pack("{s:{s:i, s:s}}", "error", "status", (int)status, "message", err.message);
    ok = write_json(answer);
    json_decref(answer);
    return ok && status == ETL_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- the parent ---- */

struct answer {
    char *data; /* NUL-terminated */
    size_t length;
};

static etl_status spawn_child(const char *path, int output, pid_t *ret_pid, struct etl_error *err)
{
    char *arguments[] = {NULL, NULL, NULL, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int result = 0;

    arguments[0] = strdup("etlhost");
    arguments[1] = strdup("probe-plugin");
    arguments[2] = strdup(path);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    result = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (result == 0)
        result = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (result == 0)
        result = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (result == 0 && (arguments[0] == NULL || arguments[1] == NULL || arguments[2] == NULL))
        result = ENOMEM;
    if (result == 0)
        result = posix_spawn(ret_pid, "/proc/self/exe", &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; i < 3; i++)
        free(arguments[i]);
    return result == 0 ? ETL_OK : etl_fail_errno(err, result, "cannot start a process to probe", path);
}

static bool answer_append(struct answer *answer, const char *data, size_t length)
{
    char *grown = realloc(answer->data, answer->length + length + 1);

    if (grown == NULL)
        return false;
    memcpy(grown + answer->length, data, length);
    answer->data = grown;
    answer->length += length;
    grown[answer->length] = '\0';
    return true;
}

/* Reads until the child has closed the pipe. *ret_late: it had not when the time was up. */
static etl_status read_answer(int input, const char *path, struct answer *answer, bool *ret_late, struct etl_error *err)
{
    int64_t deadline = clock_monotonic_us() + (int64_t)TIMEOUT_SECONDS * 1000000;
    char buffer[16384];

    *ret_late = false;
    for (;;) {
        struct pollfd ready = {.fd = input, .events = POLLIN};
        int64_t left_us = deadline - clock_monotonic_us();
        int n = left_us > 0 ? poll(&ready, 1, (int)((left_us + 999) / 1000)) : 0;
        ssize_t length = 0;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return etl_fail_errno(err, errno, "cannot wait for the probe of", path);
        if (n == 0) {
            *ret_late = true;
            return ETL_OK;
        }
        length = read(input, buffer, sizeof(buffer));
        if (length == 0)
            return ETL_OK;
        if (length < 0 && errno != EINTR)
            return etl_fail_errno(err, errno, "cannot read from the probe of", path);
        if (length < 0)
            continue;
        if (answer->length + (size_t)length > ANSWER_MAX_BYTES)
            return etl_fail(err, ETL_INTERNAL, "%s: its description is longer than %d bytes", path, ANSWER_MAX_BYTES);
        if (!answer_append(answer, buffer, (size_t)length))
            return etl_fail_memory(err);
    }
}

/* Where the child was when it died: the last word it wrote. */
static const char *last_place(const struct answer *answer)
{
    const char *place = "the start of the probe";

    for (const char *line = answer->data; line != NULL && *line != '\0';) {
        size_t length = strcspn(line, "\n");

        for (size_t i = 0; i < sizeof(stage_words) / sizeof(stage_words[0]); i++)
            if (strlen(stage_words[i]) == length && memcmp(line, stage_words[i], length) == 0)
                place = stage_places[i];
        line += length + (line[length] == '\n');
    }
    return place;
}

static etl_status fail_died(const char *path, int wait_status, const char *place, struct etl_error *err)
{
    if (WIFSIGNALED(wait_status)) {
        const char *name = sigabbrev_np(WTERMSIG(wait_status));

        if (name != NULL)
            return etl_fail(err, ETL_INTERNAL, "%s: crashed with SIG%s in %s", path, name, place);
        return etl_fail(err, ETL_INTERNAL, "%s: crashed with signal %d in %s", path, WTERMSIG(wait_status), place);
    }
    return etl_fail(err, ETL_INTERNAL, "%s: ended the process with status %d in %s", path, WEXITSTATUS(wait_status),
                    place);
}

/* The last line of the answer is JSON when the child came to its end. */
static etl_status parse_answer(const char *path, int wait_status, const struct answer *answer, json_t **ret_description,
                               struct etl_error *err)
{
    const char *line = answer->data != NULL ? strchr(answer->data, '{') : NULL;
    json_t *value = line != NULL ? json_loads(line, 0, NULL) : NULL;
    const json_t *error = json_object_get(value, "error");
    etl_status status = ETL_OK;

    if (value == NULL) {
        status = fail_died(path, wait_status, last_place(answer), err);
    } else if (WIFSIGNALED(wait_status) || (error == NULL && WEXITSTATUS(wait_status) != EXIT_SUCCESS)) {
        status = fail_died(path, wait_status, "a destructor", err);
    } else if (error != NULL) {
        status = (etl_status)json_integer_value(json_object_get(error, "status"));
        status = etl_fail(err, status != ETL_OK ? status : ETL_INTERNAL, "%s",
                          json_string_value(json_object_get(error, "message")));
    } else {
        *ret_description = json_incref(value);
    }
    json_decref(value);
    return status;
}

/* Ends the child and all that it has started, and collects it. */
static int reap(pid_t pid, bool kill_it)
{
    int wait_status = 0;

    if (kill_it)
        (void)kill(-pid, SIGKILL);
    while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
        ;
    return wait_status;
}

etl_status probe_plugin(const char *path, json_t **ret_description, struct etl_error *err)
{
    struct answer answer = {0};
    int ends[2] = {-1, -1};
    pid_t pid = -1;
    bool late = false;
    int wait_status = 0;
    etl_status status = ETL_OK;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return etl_fail_errno(err, errno, "cannot make a pipe to probe", path);
    ETL_TRY(spawn_child(path, ends[1], &pid, err));
    close(ends[1]);
    ends[1] = -1;
    status = read_answer(ends[0], path, &answer, &late, err);
    wait_status = reap(pid, late || status != ETL_OK);
    if (status != ETL_OK)
        goto out;
    if (late)
        status = etl_fail(err, ETL_INTERNAL, "%s: no answer within %d seconds from %s", path, TIMEOUT_SECONDS,
                          last_place(&answer));
    else
        status = parse_answer(path, wait_status, &answer, ret_description, err);
out:
    free(answer.data);
    close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
    return status;
}
