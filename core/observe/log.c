/* The log. A line is built in buffers on the stack and leaves in one write(2), so logging works when memory is out and lines of
 * different threads do not mix.
 *
 * Secrets are replaced before anything is cut, in a pass over the raw bytes. A secret is known in the forms in which it is likely to turn
 * up: as it is, each of its lines, percent-encoded (URLs) and with JSON escapes. Text that somebody else has already cut may end in
 * the middle of a secret; the tail rule of scrub() covers that.
 *
 * Locks: secrets_lock guards the list of secrets, write_lock the terminal (pause, write, resume). Never both at once. */
#include "core/observe/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"

enum {
    MESSAGE_MAX = 8192,   /* bytes of a message in a line */
    NAME_MAX_BYTES = 256, /* bytes of each name of the context */
    LINE_MAX_BYTES = 2 * (MESSAGE_MAX + 4 * NAME_MAX_BYTES) + 512,
    SECRET_MIN = 4,
    SECRET_LINE = 8, /* lines of a secret from this length on are secrets too */
    CUT_MIN = 200,   /* nobody cuts text that is shorter */
};

struct secret {
    char *value;
    size_t length;
};

/* global: the configuration, set before threads start */
static uint32_t log_level = ETL_LOG_INFO;
static bool log_json;
static bool log_colour;
static void (*log_pause)(bool begin);

/* global: the secrets, under secrets_lock */
static pthread_mutex_t secrets_lock = PTHREAD_MUTEX_INITIALIZER;
static struct secret *secrets;
static size_t secret_count;
static bool secret_first[256]; /* some secret starts with this byte */

static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;

void log_configure(uint32_t level, bool json)
{
    const char *term = getenv("TERM");

    log_level = level;
    log_json = json;
    log_colour =
        !json && isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL && term != NULL && strcmp(term, "dumb") != 0;
}

bool log_is_json(void)
{
    return log_json;
}

void log_set_pause(void (*pause)(bool begin))
{
    pthread_mutex_lock(&write_lock);
    log_pause = pause;
    pthread_mutex_unlock(&write_lock);
}

/* ---- secrets ---- */

static bool secret_known(const char *value, size_t length)
{
    for (size_t i = 0; i < secret_count; i++)
        if (secrets[i].length == length && memcmp(secrets[i].value, value, length) == 0)
            return true;
    return false;
}

/* With secrets_lock held. Without memory a secret cannot be scrubbed; the caller has no way to act on that. */
static void secret_insert(const char *value, size_t length)
{
    struct secret *grown = NULL;
    char *copy = NULL;

    if (length < SECRET_MIN || secret_known(value, length))
        return;
    grown = realloc(secrets, (secret_count + 1) * sizeof(*secrets));
    if (grown == NULL)
        return;
    secrets = grown;
    copy = malloc(length);
    if (copy == NULL)
        return;
    memcpy(copy, value, length);
    secrets[secret_count].value = copy;
    secrets[secret_count].length = length;
    secret_count++;
    secret_first[(unsigned char)value[0]] = true;
}

static void secret_insert_lines(const char *value)
{
    while (*value != '\0') {
        size_t length = strcspn(value, "\r\n");

        if (length >= SECRET_LINE)
            secret_insert(value, length);
        value += length;
        value += strspn(value, "\r\n");
    }
}

static bool url_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

static void secret_insert_url(const char *value, const char digits[16])
{
    size_t length = 0;
    char *text = malloc(3 * strlen(value) + 1);

    if (text == NULL)
        return;
    for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++) {
        if (url_unreserved(*c)) {
            text[length++] = (char)*c;
        } else {
            text[length++] = '%';
            text[length++] = digits[*c >> 4];
            text[length++] = digits[*c & 15];
        }
    }
    secret_insert(text, length);
    free(text);
}

static void secret_insert_json(const char *value)
{
    static const char plain[] = "\"\\\n\r\t";
    static const char escaped[] = "\"\\nrt";
    size_t length = 0;
    char *text = malloc(2 * strlen(value) + 1);

    if (text == NULL)
        return;
    for (const char *c = value; *c != '\0'; c++) {
        const char *found = strchr(plain, *c);

        if (found != NULL)
            text[length++] = '\\';
        text[length++] = found != NULL ? escaped[found - plain] : *c;
    }
    secret_insert(text, length);
    free(text);
}

void log_add_secret(const char *value)
{
    if (value == NULL || strlen(value) < SECRET_MIN)
        return;
    pthread_mutex_lock(&secrets_lock);
    secret_insert(value, strlen(value));
    secret_insert_lines(value);
    secret_insert_url(value, "0123456789ABCDEF");
    secret_insert_url(value, "0123456789abcdef");
    secret_insert_json(value);
    pthread_mutex_unlock(&secrets_lock);
}

/* Bytes of secret at the start of `text`: the longest secret that stands there whole; or all of `text` when it is the beginning of a
 * secret and `may_be_cut`. */
static size_t secret_at(const char *text, size_t length, bool may_be_cut)
{
    size_t longest = 0;

    if (!secret_first[(unsigned char)text[0]])
        return 0;
    for (size_t i = 0; i < secret_count; i++) {
        size_t compare = secrets[i].length <= length ? secrets[i].length : length;

        if (compare <= longest || (compare < secrets[i].length && (!may_be_cut || compare < SECRET_MIN)))
            continue;
        if (memcmp(text, secrets[i].value, compare) == 0)
            longest = compare;
    }
    return longest;
}

/* Copies `text` to `out` with every run of secret bytes replaced by "***" and stops when `out` is full (*ret_cut). Overlapping secrets
 * are one run. `out` never needs more room than the text, because the shortest secret is longer than its replacement. */
static size_t scrub(const char *text, size_t length, char *out, size_t capacity, bool *ret_cut)
{
    size_t written = 0;
    size_t hidden_end = 0; /* all bytes before belong to a secret or have been copied */
    size_t i = 0;
    bool may_be_cut = length >= CUT_MIN;

    pthread_mutex_lock(&secrets_lock);
    for (i = 0; i < length; i++) {
        size_t hidden = secret_at(text + i, length - i, may_be_cut);

        if (hidden > 0 && i + hidden > hidden_end) {
            if (i > hidden_end || hidden_end == 0) {
                if (capacity - written < 3)
                    break;
                memcpy(out + written, "***", 3);
                written += 3;
            }
            hidden_end = i + hidden;
        }
        if (i >= hidden_end) {
            if (written == capacity)
                break;
            out[written++] = text[i];
        }
    }
    pthread_mutex_unlock(&secrets_lock);
    *ret_cut = i < length;
    return written;
}

/* ---- text ---- */

/* What the first byte of a character of well-formed UTF-8 demands: how many bytes, and the range of the second (it shuts out overlong
 * forms, surrogates and what is beyond Unicode). */
static const struct {
    unsigned char first_min, first_max, size, second_min, second_max;
} utf8_forms[] = {
    {0x00, 0x7f, 1, 0x00, 0x00}, {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

/* Length of the character at `text` when it is well-formed UTF-8, else 0. */
static size_t utf8_length(const unsigned char *text, size_t length)
{
    size_t form = 0;
    size_t forms = sizeof(utf8_forms) / sizeof(utf8_forms[0]);

    while (form < forms && (text[0] < utf8_forms[form].first_min || text[0] > utf8_forms[form].first_max))
        form++;
    if (form == forms || utf8_forms[form].size > length)
        return 0;
    if (utf8_forms[form].size > 1 && (text[1] < utf8_forms[form].second_min || text[1] > utf8_forms[form].second_max))
        return 0;
    for (size_t i = 2; i < utf8_forms[form].size; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return utf8_forms[form].size;
}

/* Makes `text` valid UTF-8 without control characters (they could drive a terminal or fake a line), in place. A line end or tab becomes
 * a blank unless `keep_lines`. Returns the new length. */
static size_t clean(char *text, size_t length, bool keep_lines)
{
    size_t written = 0;

    for (size_t i = 0; i < length;) {
        const unsigned char *c = (const unsigned char *)text + i;
        size_t size = utf8_length(c, length - i);
        bool blank = *c == '\n' || *c == '\r' || *c == '\t';

        if (blank) {
            text[written++] = keep_lines ? text[i] : ' ';
        } else if (size == 0 || *c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0)) {
            text[written++] = '?';
        } else {
            memmove(text + written, text + i, size);
            written += size;
        }
        i += size == 0 ? 1 : size;
    }
    return written;
}

/* Scrubs, cleans and cuts `text` into `out`; NUL-terminated. */
static size_t prepare(const char *text, size_t length, char *out, size_t size)
{
    size_t used = 0;
    bool cut = false;

    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
        length--;
    used = scrub(text, length, out, size - 4, &cut);
    if (cut) { /* not in the middle of a character */
        while (used > 0 && ((unsigned char)out[used - 1] & 0xc0) == 0x80)
            used--;
        if (used > 0 && (unsigned char)out[used - 1] >= 0xc0)
            used--;
    }
    used = clean(out, used, false);
    if (cut) {
        memcpy(out + used, "...", 3);
        used += 3;
    }
    out[used] = '\0';
    return used;
}

char *log_scrub(const char *text)
{
    size_t length = 0;
    char *copy = NULL;
    bool cut = false;

    if (text == NULL)
        return NULL;
    length = strlen(text);
    copy = malloc(length + 1);
    if (copy == NULL)
        return NULL;
    length = scrub(text, length, copy, length, &cut);
    length = clean(copy, length, true);
    copy[length] = '\0';
    return copy;
}

/* ---- lines ---- */

struct line {
    size_t length;
    char text[LINE_MAX_BYTES];
};

/* The sizes of the parts are bounded, so that the checks only guard against a change of the constants. */
static void line_add(struct line *line, const char *text)
{
    size_t length = strlen(text);

    if (length > sizeof(line->text) - 1 - line->length)
        length = sizeof(line->text) - 1 - line->length;
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

static void line_add_escaped(struct line *line, const char *text)
{
    for (; *text != '\0' && line->length < sizeof(line->text) - 3; text++) {
        if (*text == '"' || *text == '\\')
            line->text[line->length++] = '\\';
        line->text[line->length++] = *text;
    }
}

static const char *level_name(uint32_t level)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};

    return names[level - 1];
}

static void line_add_member(struct line *line, const char *key, const char *value)
{
    char name[NAME_MAX_BYTES];

    if (value == NULL)
        return;
    prepare(value, strlen(value), name, sizeof(name));
    line_add(line, ",\"");
    line_add(line, key);
    line_add(line, "\":\"");
    line_add_escaped(line, name);
    line_add(line, "\"");
}

static void line_json(struct line *line, uint32_t level, const struct log_context *context, const char *message)
{
    int64_t now = clock_now_us();
    time_t seconds = (time_t)(now / 1000000);
    struct tm tm;
    char text[64] = "";

    if (gmtime_r(&seconds, &tm) != NULL)
        snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now % 1000000));
    line_add(line, "{\"ts\":\"");
    line_add(line, text);
    line_add(line, "\",\"level\":\"");
    line_add(line, level_name(level));
    line_add(line, "\",\"msg\":\"");
    line_add_escaped(line, message);
    line_add(line, "\"");
    if (context != NULL) {
        line_add_member(line, "pipeline", context->pipeline);
        line_add_member(line, "run_id", context->run_id);
        line_add_member(line, "stream", context->stream);
        line_add_member(line, "connector", context->connector);
    }
    line_add(line, "}\n");
}

static void line_add_name(struct line *line, const char *value)
{
    char name[NAME_MAX_BYTES];

    if (value == NULL || *value == '\0')
        return;
    prepare(value, strlen(value), name, sizeof(name));
    line_add(line, name);
    line_add(line, ": ");
}

static void line_text(struct line *line, uint32_t level, const struct log_context *context, const char *message)
{
    static const char *const words[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};
    static const char *const colours[] = {"\033[31m", "\033[33m", "\033[32m", "\033[2m"};
    time_t seconds = (time_t)(clock_now_us() / 1000000);
    struct tm tm;
    char text[16] = "";

    if (localtime_r(&seconds, &tm) != NULL)
        strftime(text, sizeof(text), "%H:%M:%S ", &tm);
    line_add(line, text);
    line_add(line, log_colour ? colours[level - 1] : "");
    line_add(line, words[level - 1]);
    line_add(line, log_colour ? "\033[0m " : " ");
    if (context != NULL) {
        line_add_name(line, context->stream);
        line_add_name(line, context->connector);
    }
    line_add(line, message);
    line_add(line, "\n");
}

/* A line that cannot be written is lost: there is no place to say so. */
static void line_write(const struct line *line)
{
    size_t done = 0;

    pthread_mutex_lock(&write_lock);
    if (log_pause != NULL)
        log_pause(true);
    while (done < line->length) {
        ssize_t n = write(STDERR_FILENO, line->text + done, line->length - done);

        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};

            if (poll(&ready, 1, 1000) == 0)
                break;
        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    if (log_pause != NULL)
        log_pause(false);
    pthread_mutex_unlock(&write_lock);
}

void log_write_text(uint32_t level, const struct log_context *context, const char *message, size_t length)
{
    struct line line;
    char text[MESSAGE_MAX];
    int saved_errno = errno;

    if (level < ETL_LOG_ERROR || level > ETL_LOG_DEBUG) /* from a plugin built for a newer host */
        level = ETL_LOG_INFO;
    if (level > log_level)
        return;
    line.length = 0;
    if (message == NULL)
        length = 0;
    prepare(message, length, text, sizeof(text));
    if (log_json)
        line_json(&line, level, context, text);
    else
        line_text(&line, level, context, text);
    line_write(&line);
    errno = saved_errno;
}

void log_write(uint32_t level, const struct log_context *context, const char *format, ...)
{
    char text[MESSAGE_MAX + 1];
    int length = 0;
    va_list args;

    if (level > log_level)
        return;
    va_start(args, format);
    length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (length < 0)
        return;
    log_write_text(level, context, text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}
