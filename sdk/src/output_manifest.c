/* SLICE.json: {"v":1,"pipeline","stream","slice","target" (for people),"epoch","generation","final","committed","seq","time_us",
 * "state":"..." or "state_hex":"..." (when it is not UTF-8),"files":[staged names of the last unit]}. It is only ever replaced
 * as a whole, so a reader without the lock sees the one or the other. */
#include "sdk/src/output_manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <etlhost/sdk/json_reader.h>
#include <etlhost/sdk/value_text.h>

#define MANIFEST_BYTES_MAX ((size_t)64 * 1024 * 1024)

void etl__manifest_fini(struct etl__manifest *manifest)
{
    if (!manifest)
        return;
    for (size_t i = 0; i < manifest->file_count; i++)
        free(manifest->files[i]);
    free(manifest->files);
    free(manifest->state);
    *manifest = (struct etl__manifest){0};
}

/* Takes `name`, also on failure. */
static etl_status take_file(struct etl__manifest *manifest, char *name, struct etl_error *err)
{
    if (name && manifest->file_count == manifest->file_capacity) {
        size_t capacity = manifest->file_capacity ? manifest->file_capacity * 2 : 8;
        char **files = realloc(manifest->files, capacity * sizeof *files);
        if (files) {
            manifest->files = files;
            manifest->file_capacity = capacity;
        }
    }
    if (!name || manifest->file_count == manifest->file_capacity) {
        free(name);
        return etl_fail_memory(err);
    }
    manifest->files[manifest->file_count++] = name;
    return ETL_OK;
}

etl_status etl__manifest_add_file(struct etl__manifest *manifest, const char *name, struct etl_error *err)
{
    return take_file(manifest, strdup(name), err);
}

static etl_status fail_damaged(const struct etl__store *store, const char *what, struct etl_error *err)
{
    return etl_fail(err, ETL_STATE_INVALID,
                    "the manifest .etlhost/%s/%s.json in %s is damaged (%s): restore it, or remove it "
                    "together with the files of target %s and ask for a full refresh",
                    store->owner, store->slice, store->path, what, store->target);
}

static bool find_uint(struct etl_bytes text, const char *key, uint64_t *ret_value)
{
    struct etl_bytes raw = {NULL, 0};
    return etl_json_find(text.data, text.length, key, &raw) && etl_parse_uint64(raw.data, raw.length, ret_value);
}

static bool find_bool(struct etl_bytes text, const char *key, bool *ret_value)
{
    struct etl_bytes raw = {NULL, 0};
    return etl_json_find(text.data, text.length, key, &raw) && etl_parse_bool(raw.data, raw.length, ret_value);
}

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit ? strchr(digits, digit) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool parse_hex(struct etl_bytes text, char *to)
{
    for (size_t i = 0; i + 1 < text.length; i += 2) {
        int high = hex_value(text.data[i]), low = hex_value(text.data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        *to++ = (char)(unsigned char)(high << 4 | low);
    }
    return text.length % 2 == 0;
}

/* A JSON string: the state as text, or as hex digits. */
static etl_status parse_state(const struct etl__store *store, struct etl_bytes raw, bool is_hex,
                              struct etl__manifest *manifest, struct etl_error *err)
{
    struct etl_json json;
    struct etl_bytes text = {NULL, 0};
    etl_status status = ETL_OK;
    etl_json_init(&json, raw.data, raw.length, 0);
    if (etl_json_next(&json) != ETL_JSON_STRING) {
        status = fail_damaged(store, "state", err);
        goto out;
    }
    text = etl_json_text(&json);
    manifest->state_len = is_hex ? text.length / 2 : text.length;
    manifest->state = calloc(1, manifest->state_len + 1);
    if (!manifest->state)
        status = etl_fail_memory(err);
    else if (!is_hex && text.length > 0)
        memcpy(manifest->state, text.data, text.length);
    else if (is_hex && !parse_hex(text, manifest->state))
        status = fail_damaged(store, "state", err);
out:
    etl_json_fini(&json);
    return status;
}

/* A name in a manifest is a name in one folder, never a path out of it. */
static etl_status parse_files(const struct etl__store *store, struct etl_bytes raw, struct etl__manifest *manifest,
                              struct etl_error *err)
{
    struct etl_json json;
    etl_status status = ETL_OK;
    etl_json_init(&json, raw.data, raw.length, 0);
    enum etl_json_token token = etl_json_next(&json);
    bool is_ok = token == ETL_JSON_BEGIN_ARRAY;
    while (is_ok && (token = etl_json_next(&json)) == ETL_JSON_STRING) {
        struct etl_bytes text = etl_json_text(&json);
        is_ok = text.length > 0 && !memchr(text.data, '/', text.length) && !memchr(text.data, '\0', text.length);
        if (is_ok)
            ETL_TRY(take_file(manifest, strndup(text.data, text.length), err));
    }
    if (!is_ok || token != ETL_JSON_END_ARRAY)
        status = fail_damaged(store, "files", err);
out:
    etl_json_fini(&json);
    return status;
}

static etl_status parse(const struct etl__store *store, struct etl_bytes text, struct etl__manifest *manifest,
                        struct etl_error *err)
{
    struct etl_bytes raw = {NULL, 0};
    uint64_t version = 0;
    if (!find_uint(text, "v", &version))
        return fail_damaged(store, "it has no version", err);
    if (version != 1)
        return etl_fail(err, ETL_STATE_INVALID,
                        "the manifest .etlhost/%s/%s.json in %s is of version %llu: use a newer etlhost", store->owner,
                        store->slice, store->path, (unsigned long long)version);
    if (!find_uint(text, "epoch", &manifest->epoch) || !find_uint(text, "generation", &manifest->generation) ||
        !find_uint(text, "seq", &manifest->seq) || !find_bool(text, "final", &manifest->is_final) ||
        !find_bool(text, "committed", &manifest->has_commit))
        return fail_damaged(store, "a field is missing", err);
    bool is_hex = !etl_json_find(text.data, text.length, "state", &raw);
    if (is_hex && !etl_json_find(text.data, text.length, "state_hex", &raw))
        return fail_damaged(store, "state", err);
    etl_status status = parse_state(store, raw, is_hex, manifest, err);
    if (status != ETL_OK)
        return status;
    if (!etl_json_find(text.data, text.length, "files", &raw))
        return fail_damaged(store, "files", err);
    return parse_files(store, raw, manifest, err);
}

/* Reads a small file whole; an absent one leaves the buffer empty. */
static etl_status read_file(int folder, const char *name, struct etl_buffer *buffer, bool *ret_exists,
                            struct etl_error *err)
{
    struct stat info;
    etl_status status = ETL_OK;
    size_t size = 0;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    *ret_exists = fd >= 0;
    if (fd < 0)
        return errno == ENOENT ? ETL_OK : etl_fail_errno(err, errno, "cannot read the manifest", name);
    if (fstat(fd, &info) != 0 || info.st_size < 0 || (uint64_t)info.st_size > MANIFEST_BYTES_MAX) {
        status = etl_fail_errno(err, errno ? errno : EFBIG, "cannot read the manifest", name);
        goto out;
    }
    size = (size_t)info.st_size;
    if (!etl_buffer_reserve(buffer, size + 1)) {
        status = etl_fail_memory(err);
        goto out;
    }
    while (buffer->length < size) {
        ssize_t got = read(fd, buffer->data + buffer->length, size - buffer->length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = etl_fail_errno(err, errno, "cannot read the manifest", name);
        if (got <= 0)
            break;
        buffer->length += (size_t)got;
    }
out:
    close(fd);
    return status;
}

static char *manifest_name(const struct etl__store *store, const char *suffix)
{
    struct etl_buffer name = {0};
    etl_buffer_add_text(&name, store->slice);
    etl_buffer_add_text(&name, suffix);
    const char *text = etl_buffer_text(&name);
    char *copy = text ? strdup(text) : NULL;
    etl_buffer_fini(&name);
    return copy;
}

etl_status etl__manifest_read(const struct etl__store *store, struct etl__manifest *manifest, struct etl_error *err)
{
    struct etl_buffer buffer = {0};
    etl_status status = ETL_OK;
    bool exists = false;
    *manifest = (struct etl__manifest){.is_final = true};
    char *name = manifest_name(store, ".json");
    if (!name)
        return etl_fail_memory(err);
    ETL_TRY(read_file(store->line_fd, name, &buffer, &exists, err));
    if (exists)
        ETL_TRY(parse(store, (struct etl_bytes){buffer.data, buffer.length}, manifest, err));
out:
    if (status != ETL_OK)
        etl__manifest_fini(manifest);
    etl_buffer_fini(&buffer);
    free(name);
    return status;
}

static void print_state(const struct etl__manifest *manifest, struct etl_buffer *buffer)
{
    static const char digits[] = "0123456789abcdef";
    const char *state = manifest->state ? manifest->state : "";
    if (etl_is_utf8(state, manifest->state_len)) {
        etl_buffer_add_text(buffer, "\"state\":");
        etl_json_add_string(buffer, state, manifest->state_len);
        return;
    }
    etl_buffer_add_text(buffer, "\"state_hex\":\"");
    for (size_t i = 0; i < manifest->state_len; i++) {
        unsigned char byte = (unsigned char)state[i];
        char pair[2] = {digits[byte >> 4], digits[byte & 15]};
        etl_buffer_add(buffer, pair, 2);
    }
    etl_buffer_add_text(buffer, "\"");
}

static void print(const struct etl__store *store, const struct etl__manifest *manifest, struct etl_buffer *buffer)
{
    etl_buffer_add_text(buffer, "{\"v\":1,\"line\":");
    etl_json_add_string(buffer, store->owner, strlen(store->owner));
    etl_buffer_add_text(buffer, ",\"target\":");
    etl_json_add_string(buffer, store->target, strlen(store->target));
    etl_buffer_add_format(
        buffer, ",\"epoch\":%llu,\"generation\":%llu,\"final\":%s,\"committed\":%s,\"seq\":%llu,\"time_us\":%lld,",
        (unsigned long long)manifest->epoch, (unsigned long long)manifest->generation,
        manifest->is_final ? "true" : "false", manifest->has_commit ? "true" : "false",
        (unsigned long long)manifest->seq, (long long)manifest->time_us);
    print_state(manifest, buffer);
    etl_buffer_add_text(buffer, ",\"files\":[");
    for (size_t i = 0; i < manifest->file_count; i++) {
        if (i > 0)
            etl_buffer_add_text(buffer, ",");
        etl_json_add_string(buffer, manifest->files[i], strlen(manifest->files[i]));
    }
    etl_buffer_add_text(buffer, "]}\n");
}

static etl_status write_durable(int folder, const char *name, const struct etl_buffer *buffer, struct etl_error *err)
{
    etl_status status = ETL_OK;
    size_t at = 0;
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return etl_fail_errno(err, errno, "cannot write the manifest", name);
    while (at < buffer->length) {
        ssize_t written = write(fd, buffer->data + at, buffer->length - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            status = etl_fail_errno(err, errno, "cannot write the manifest", name);
            goto out;
        }
        at += (size_t)written;
    }
    if (fsync(fd) != 0)
        status = etl_fail_errno(err, errno, "cannot make durable", name);
out:
    close(fd);
    return status;
}

etl_status etl__manifest_write(const struct etl__store *store, const struct etl__manifest *manifest, bool *ret_replaced,
                               struct etl_error *err)
{
    struct etl_buffer buffer = {.limit = MANIFEST_BYTES_MAX};
    etl_status status = ETL_OK;
    char *name = manifest_name(store, ".json"), *new_name = manifest_name(store, ".json.new");
    *ret_replaced = false;
    print(store, manifest, &buffer);
    if (!name || !new_name || buffer.failed) {
        status = etl_fail_memory(err);
        goto out;
    }
    status = write_durable(store->line_fd, new_name, &buffer, err);
    if (status == ETL_OK && renameat(store->line_fd, new_name, store->line_fd, name) != 0)
        status = etl_fail_errno(err, errno, "cannot replace the manifest", name);
    if (status != ETL_OK) {
        (void)unlinkat(store->line_fd, new_name, 0);
        goto out;
    }
    *ret_replaced = true;
    if (fsync(store->line_fd) != 0)
        status = etl_fail_errno(err, errno, "cannot make durable", store->path);
out:
    etl_buffer_fini(&buffer);
    free(name);
    free(new_name);
    return status;
}

/* Generation of the last commit that a manifest tells of; *ret_found false when it tells of none. */
static etl_status read_generation(const struct etl__store *store, const char *name, bool *ret_found,
                                  uint64_t *ret_generation, bool *ret_is_final, struct etl_error *err)
{
    struct etl_buffer buffer = {0};
    bool exists = false, has_commit = false;
    etl_status status = read_file(store->line_fd, name, &buffer, &exists, err);
    struct etl_bytes text = {buffer.data, buffer.length};
    *ret_found = status == ETL_OK && exists && find_bool(text, "committed", &has_commit) && has_commit &&
                 find_uint(text, "generation", ret_generation);
    *ret_is_final = false;
    if (*ret_found)
        (void)find_bool(text, "final", ret_is_final);
    etl_buffer_fini(&buffer);
    return status;
}

/* Calls `visit` for every manifest of the stream. */
static etl_status each_manifest(const struct etl__store *store,
                                etl_status (*visit)(const struct etl__store *store, const char *name, void *arg,
                                                    struct etl_error *err),
                                void *arg, struct etl_error *err)
{
    etl_status status = ETL_OK;
    int fd = openat(store->line_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry = NULL;
    if (!dir) {
        status = etl_fail_errno(err, errno, "cannot list", store->path);
        if (fd >= 0)
            close(fd);
        return status;
    }
    while (status == ETL_OK && (entry = readdir(dir)) != NULL) {
        size_t length = strlen(entry->d_name);
        if (length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0)
            status = visit(store, entry->d_name, arg, err);
    }
    closedir(dir);
    return status;
}

struct newest {
    uint64_t generation;
    bool is_final;
};

static etl_status visit_newest(const struct etl__store *store, const char *name, void *arg, struct etl_error *err)
{
    struct newest *newest = arg;
    uint64_t generation = 0;
    bool is_found = false, is_final = false;
    etl_status status = read_generation(store, name, &is_found, &generation, &is_final, err);
    if (!is_found || generation < newest->generation)
        return status;
    newest->is_final = is_final || (newest->is_final && generation == newest->generation);
    newest->generation = generation;
    return status;
}

etl_status etl__manifest_newest(const struct etl__store *store, uint64_t *ret_generation, bool *ret_is_final,
                                struct etl_error *err)
{
    struct newest newest = {0, false};
    etl_status status = each_manifest(store, visit_newest, &newest, err);
    if (status != ETL_OK)
        return status;
    *ret_generation = newest.generation;
    *ret_is_final = newest.is_final || newest.generation == 0;
    return ETL_OK;
}

static etl_status visit_forget(const struct etl__store *store, const char *name, void *arg, struct etl_error *err)
{
    const uint64_t *generation = arg;
    uint64_t found = 0;
    bool is_found = false, is_final = false;
    char slice[NAME_MAX + 1];
    etl_status status = read_generation(store, name, &is_found, &found, &is_final, err);
    if (status != ETL_OK || !is_found || found >= *generation)
        return status;
    snprintf(slice, sizeof slice, "%.*s", (int)(strlen(name) - 5), name);
    return etl__store_remove_slice(store, slice, err);
}

etl_status etl__manifest_forget(const struct etl__store *store, uint64_t generation, struct etl_error *err)
{
    return each_manifest(store, visit_forget, &generation, err);
}
