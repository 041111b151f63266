/* A main for fuzz targets without a fuzzer: runs every file of the folders and files given. Without arguments it takes the corpus that
 * belongs to the program's name (fuzz_json: $top_srcdir/tests/fuzz/corpus/json), so that `make check` runs it as it is. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long inputs;

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = 0;
    int failed = 1;

    if (!file)
        goto out;
    if (fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0)
        goto out;
    /* Exactly as large as the input, so that a sanitizer sees reads behind it. */
    data = malloc(size ? (size_t)size : 1);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size)
        goto out;
    LLVMFuzzerTestOneInput(data, (size_t)size);
    inputs++;
    failed = 0;
out:
    if (failed)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    free(data);
    if (file)
        fclose(file);
    return failed;
}

static int run_path(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry = NULL;
    int failed = 0;

    if (!dir)
        return run_file(path);
    while ((entry = readdir(dir))) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        failed |= run_file(name);
    }
    closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    const char *top = getenv("top_srcdir"), *name = strstr(argv[0], "fuzz_");
    char folder[4096];
    int failed = 0;

    for (const char *next = name; next; next = strstr(next + 1, "fuzz_"))
        name = next;
    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            failed |= run_path(argv[i]);
    } else if (name) {
        snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", top ? top : ".", name + strlen("fuzz_"));
        failed = run_path(folder);
    }
    printf("%lu inputs\n", inputs);
    return failed || inputs == 0;
}
