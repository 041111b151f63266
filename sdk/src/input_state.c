/* The state of a set of files: parsing, printing, and finding out which listed file is which file on disk. */
#include "sdk/src/input_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <etlhost/sdk/json_reader.h>
#include <etlhost/sdk/value_text.h>

#include "sdk/src/file_name.h"

static etl_status fail_state(struct etl_error *err, const char *what)
{
    return etl_fail(err, ETL_STATE_INVALID, "the saved state is not one of files (%s): ask for a full refresh", what);
}

etl_status etl__input_head(int fd, const char *path, uint64_t size, char *ret_head, enum etl__codec *ret_codec,
                           struct etl_error *err)
{
    unsigned char bytes[ETL__HEAD_BYTES];
    size_t wanted = size < sizeof bytes ? (size_t)size : sizeof bytes, length = 0;
    while (length < wanted) {
        ssize_t got = pread(fd, bytes + length, wanted - length, (off_t)length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return etl_fail_errno(err, errno, "cannot read", path);
        if (got == 0)
            break;
        length += (size_t)got;
    }
    uint64_t hash = etl__hash(ETL__HASH_START, bytes, length);
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++)
        ret_head[i] = digits[hash >> (60 - 4 * i) & 15];
    ret_head[16] = '\0';
    if (ret_codec)
        *ret_codec = etl__codec_of(bytes, length);
    return ETL_OK;
}

static bool to_uint(struct etl_bytes raw, uint64_t *ret_value)
{
    return etl_parse_uint64(raw.data, raw.length, ret_value);
}

/* One member of a file's object; unknown members belong to a newer version and are passed over. */
static bool parse_member(struct etl__input_file *file, const char *key, struct etl_bytes raw)
{
    if (strcmp(key, "path") == 0) {
        free(file->path);
        file->path = etl_json_to_string(raw);
        return file->path != NULL;
    }
    if (strcmp(key, "head") == 0) {
        if (raw.length != ETL__HEAD_TEXT + 1 || raw.data[0] != '"')
            return false;
        memcpy(file->head, raw.data + 1, ETL__HEAD_TEXT - 1);
        return true;
    }
    if (strcmp(key, "done") == 0)
        return etl_parse_bool(raw.data, raw.length, &file->is_done);
    if (strcmp(key, "size") == 0)
        return to_uint(raw, &file->size);
    if (strcmp(key, "inode") == 0)
        return to_uint(raw, &file->inode);
    if (strcmp(key, "offset") == 0)
        return to_uint(raw, &file->offset);
    if (strcmp(key, "mtime_us") == 0)
        return etl_parse_int64(raw.data, raw.length, &file->mtime_us);
    return true;
}

static etl_status parse_file(struct etl_json *json, struct etl__input_list *list, struct etl_error *err)
{
    struct etl__input_file *file = NULL;
    etl_status status = etl__input_list_add(list, NULL, &file, err);
    if (status != ETL_OK)
        return status;
    enum etl_json_token token = etl_json_next(json);
    for (; token == ETL_JSON_KEY; token = etl_json_next(json)) {
        char key[16] = "";
        struct etl_bytes text = etl_json_text(json);
        memcpy(key, text.data, text.length < sizeof key ? text.length : sizeof key - 1);
        struct etl_bytes raw = etl_json_raw(json, etl_json_next(json));
        if (!raw.data || !parse_member(file, key, raw))
            return fail_state(err, "a file entry is malformed");
    }
    if (token != ETL_JSON_END_OBJECT || !file->path || !file->head[0])
        return fail_state(err, "a file entry is incomplete");
    file->is_known = true;
    return ETL_OK;
}

static etl_status parse_files(struct etl_bytes raw, struct etl__input_list *list, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct etl_json json;
    etl_json_init(&json, raw.data, raw.length, 0);
    enum etl_json_token token = etl_json_next(&json);
    if (token == ETL_JSON_BEGIN_ARRAY) {
        token = etl_json_next(&json);
        for (; token == ETL_JSON_BEGIN_OBJECT; token = etl_json_next(&json))
            ETL_TRY(parse_file(&json, list, err));
    }
    if (token != ETL_JSON_END_ARRAY)
        status = fail_state(err, "its list of files is malformed");
out:
    etl_json_fini(&json);
    return status;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct etl__input_file *)a)->path, ((const struct etl__input_file *)b)->path);
}

etl_status etl__input_state_parse(const char *state, size_t length, struct etl__input_list *list, char **ret_extra,
                                  struct etl_error *err)
{
    struct etl_bytes version = {NULL, 0}, files = {NULL, 0}, extra = {NULL, 0};
    if (!etl_json_find(state, length, "v", &version))
        return fail_state(err, "it has no version");
    if (version.length != 1 || version.data[0] != '1')
        return fail_state(err, "its version is not known");
    if (!etl_json_find(state, length, "files", &files))
        return fail_state(err, "it has no list of files");
    etl_status status = parse_files(files, list, err);
    if (status != ETL_OK)
        return status;
    if (list->count > 0)
        qsort(list->files, list->count, sizeof *list->files, compare_files);
    (void)etl_json_find(state, length, "extra", &extra);
    char *copy = strndup(extra.data ? extra.data : "", extra.length);
    if (!copy)
        return etl_fail_memory(err);
    *ret_extra = copy;
    return ETL_OK;
}

static struct etl__input_file *find_path(const struct etl__input_list *list, const char *path)
{
    struct etl__input_file key;
    memset(&key, 0, sizeof key);
    key.path = (char *)(uintptr_t)path;
    return list->count == 0 ? NULL : bsearch(&key, list->files, list->count, sizeof key, compare_files);
}

/* Whether `file` still begins with what `entry` has seen of it. */
static etl_status is_same_content(const struct etl__input_file *file, const struct etl__input_file *entry,
                                  enum etl__codec codec, bool *ret_is, bool *ret_plain, struct etl_error *err)
{
    char head[ETL__HEAD_TEXT];
    enum etl__codec found = ETL__CODEC_NONE;
    *ret_is = false;
    if (file->size < entry->size)
        return ETL_OK;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return etl_fail_errno(err, errno, "cannot read", file->path);
    etl_status status = etl__input_head(fd, file->path, entry->size, head, &found, err);
    close(fd);
    if (status != ETL_OK)
        return status;
    if (codec != ETL__CODEC_AUTO)
        found = codec;
    bool is_plain = found == ETL__CODEC_NONE;
    *ret_plain = is_plain;
    *ret_is = strcmp(head, entry->head) == 0 && (is_plain ? file->size >= entry->offset : file->size == entry->size);
    return ETL_OK;
}

/* The offset, not the size at the time, says how far a plain file has been read: it may have grown while it was read. Size and head
 * belong together, so the file keeps those of the entry until it is opened. */
static void claim(struct etl__input_file *file, struct etl__input_file *entry, bool is_plain)
{
    file->is_known = true;
    file->offset = entry->offset;
    file->is_done = entry->is_done && (!is_plain || file->size == entry->offset);
    file->size = entry->size;
    file->mtime_us = entry->mtime_us;
    memcpy(file->head, entry->head, sizeof file->head);
    entry->is_claimed = true;
}

/* An entry whose own name is gone or now belongs to another file, but which has the same inode and content: a renamed file. */
static etl_status find_renamed(const struct etl__input_file *file, struct etl__input_list *old, enum etl__codec codec,
                               struct etl__input_file **ret_entry, bool *ret_plain, struct etl_error *err)
{
    *ret_entry = NULL;
    for (size_t i = 0; i < old->count; i++) {
        struct etl__input_file *entry = &old->files[i];
        struct stat info;
        bool is_same = false;
        if (entry->is_claimed || entry->inode != file->inode || entry->size == 0)
            continue;
        if (stat(entry->path, &info) == 0 && (uint64_t)info.st_ino == entry->inode)
            continue;
        etl_status status = is_same_content(file, entry, codec, &is_same, ret_plain, err);
        if (status != ETL_OK)
            return status;
        if (is_same) {
            *ret_entry = entry;
            return ETL_OK;
        }
    }
    return ETL_OK;
}

/* Finds the entry of one file. A file of the same name with another content is only noted here: its entry may still turn out to
 * belong to a renamed file. */
static etl_status match_by_path(struct etl__input_file *file, struct etl__input_list *old, enum etl__codec codec,
                                struct etl_error *err)
{
    bool is_same = false, is_plain = false;
    struct etl__input_file *entry = find_path(old, file->path);
    if (!entry)
        return ETL_OK;
    etl_status status = is_same_content(file, entry, codec, &is_same, &is_plain, err);
    if (status == ETL_OK && is_same)
        claim(file, entry, is_plain);
    return status;
}

static etl_status match_by_inode(const struct etl_host *host, struct etl__input_file *file, struct etl__input_list *old,
                                 enum etl__codec codec, struct etl_error *err)
{
    struct etl__input_file *entry = NULL;
    bool is_plain = false;
    etl_status status = find_renamed(file, old, codec, &entry, &is_plain, err);
    if (status != ETL_OK)
        return status;
    if (entry) {
        etl_log(host, ETL_LOG_INFO, "%s is the renamed %s: reading goes on where it stopped", file->path, entry->path);
        claim(file, entry, is_plain);
    }
    return ETL_OK;
}

etl_status etl__input_state_apply(const struct etl_host *host, struct etl__input_list *list,
                                  struct etl__input_list *old, enum etl__codec codec, struct etl_error *err)
{
    etl_status status = ETL_OK;
    for (size_t i = 0; i < list->count && old->count > 0; i++) {
        if (!list->files[i].is_pipe)
            ETL_TRY(match_by_path(&list->files[i], old, codec, err));
    }
    for (size_t i = 0; i < list->count && old->count > 0; i++) {
        if (!list->files[i].is_pipe && !list->files[i].is_known)
            ETL_TRY(match_by_inode(host, &list->files[i], old, codec, err));
    }
    for (size_t i = 0; i < old->count && !old->lost; i++)
        if (!old->files[i].is_claimed && old->files[i].offset > 0)
            old->lost = old->files[i].path;
    for (size_t i = 0; i < list->count; i++) {
        struct etl__input_file *file = &list->files[i], *entry = file->is_known ? NULL : find_path(old, file->path);
        if (!entry || entry->is_claimed)
            continue;
        entry->is_claimed = true;
        etl_log(host, ETL_LOG_WARN, "%s is no longer the file that was read before: it is read again from its start",
                file->path);
    }
out:
    return status;
}

static void print_file(const struct etl__input_file *file, bool is_first, struct etl_buffer *buffer)
{
    etl_buffer_add_text(buffer, is_first ? "{\"path\":" : ",{\"path\":");
    etl_json_add_string(buffer, file->path, strlen(file->path));
    etl_buffer_add_format(
        buffer, ",\"size\":%llu,\"mtime_us\":%lld,\"inode\":%llu,\"offset\":%llu,\"done\":%s,\"head\":\"%s\"}",
        (unsigned long long)file->size, (long long)file->mtime_us, (unsigned long long)file->inode,
        (unsigned long long)file->offset, file->is_done ? "true" : "false", file->head);
}

void etl__input_state_print(const struct etl__input_list *list, const struct etl__input_list *gone, const char *extra,
                            struct etl_buffer *buffer)
{
    bool is_first = true;
    etl_buffer_add_text(buffer, "{\"v\":1,\"files\":[");
    for (size_t i = 0; gone && i < gone->count; i++) {
        if (gone->files[i].is_claimed)
            continue;
        print_file(&gone->files[i], is_first, buffer);
        is_first = false;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (!list->files[i].is_known)
            continue;
        print_file(&list->files[i], is_first, buffer);
        is_first = false;
    }
    etl_buffer_add_text(buffer, "]");
    if (extra && *extra) {
        etl_buffer_add_text(buffer, ",\"extra\":");
        etl_buffer_add_text(buffer, extra);
    }
    etl_buffer_add_text(buffer, "}");
}
