/* State documents of any shape: no crash, a refused one leaves nothing, an accepted one comes back from the export. */
#include "core/state/store.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/fuzz_state.XXXXXX";
static char path[64];
static struct state_store *store;

static void finish(void)
{
    state_close(store);
    unlink(path);
    rmdir(folder);
}

static void start(void)
{
    struct etl_error err;
    etl_error_init(&err);
    if (mkdtemp(folder) == NULL)
        abort();
    snprintf(path, sizeof(path), "%s/state.db", folder);
    if (state_open(path, &store, &err) != ETL_OK)
        abort();
    atexit(finish);
}

static size_t count_pipelines(void)
{
    struct etl_error err;
    json_t *document = NULL;
    etl_error_init(&err);
    if (state_export(store, NULL, &document, &err) != ETL_OK)
        abort();
    size_t count = json_array_size(json_object_get(document, "pipelines"));
    json_decref(document);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct etl_error err;
    if (store == NULL)
        start();
    json_t *document = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
    if (document == NULL)
        return 0;
    etl_error_init(&err);
    size_t before = count_pipelines();
    etl_status status = state_import(store, document, &err);
    size_t after = count_pipelines();
    if ((status != ETL_OK && (err.message[0] == '\0' || after != before)) || after < before)
        abort();
    json_decref(document);
    return 0;
}
