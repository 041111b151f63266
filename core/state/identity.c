/* Identity of this process and the judgement on another one, from /proc and the machine id. Any thread; keeps nothing.
 * When something cannot be read the answer is "not certain", and the lease's expiry decides. */
#include "core/state/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/hash.h"

/* The first line of a small file, "" when it cannot be read. */
static void read_line(const char *path, char *buffer, size_t size)
{
    buffer[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t got = read(fd, buffer, size - 1);
    close(fd);
    buffer[got > 0 ? got : 0] = '\0';
    buffer[strcspn(buffer, "\n")] = '\0';
}

/* The machine id is confidential; 64 bits of a hash of its 128 do not give it back. */
static void hash_machine_id(char *hex, size_t size)
{
    char id[64], text[96];
    hex[0] = '\0';
    read_line("/etc/machine-id", id, sizeof(id));
    if (strlen(id) < 32)
        read_line("/var/lib/dbus/machine-id", id, sizeof(id));
    if (strlen(id) < 32)
        return;
    int length = snprintf(text, sizeof(text), "etlhost state %s", id);
    snprintf(hex, size, "%016llx", (unsigned long long)hash_bytes(text, (size_t)length));
}

/* State letter and start time of a process; false when there is none. */
static bool read_process(int64_t pid, char *ret_state, int64_t *ret_start)
{
    char path[64], text[1024];
    long long start = 0;
    snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    read_line(path, text, sizeof(text));
    /* "PID (NAME) STATE ..."; the name may hold anything, so look for its end from behind. The start time is field 22. */
    char *field = strrchr(text, ')');
    if (field == NULL || field[1] != ' ')
        return false;
    field += 2;
    *ret_state = *field;
    for (int i = 3; i < 22 && field != NULL; i++) {
        field = strchr(field, ' ');
        field = field != NULL ? field + 1 : NULL;
    }
    if (field != NULL)
        start = strtoll(field, NULL, 10);
    *ret_start = start;
    return true;
}

void identity_self(struct identity *identity)
{
    char state = 0;
    memset(identity, 0, sizeof(*identity));
    hash_machine_id(identity->host, sizeof(identity->host));
    if (gethostname(identity->host_name, sizeof(identity->host_name) - 1) != 0)
        identity->host_name[0] = '\0';
    read_line("/proc/sys/kernel/random/boot_id", identity->boot, sizeof(identity->boot));
    ssize_t length = readlink("/proc/self/ns/pid", identity->name_space, sizeof(identity->name_space) - 1);
    identity->name_space[length > 0 ? length : 0] = '\0';
    identity->pid = getpid();
    if (!read_process(identity->pid, &state, &identity->pid_start))
        identity->pid_start = 0;
}

static bool is_known_and_same(const char *a, const char *b)
{
    return a[0] != '\0' && strcmp(a, b) == 0;
}

bool identity_is_dead(const struct identity *identity)
{
    struct identity self;
    char state = 0;
    int64_t start = 0;
    identity_self(&self);
    if (identity->boot[0] == '\0' || self.boot[0] == '\0')
        return false;
    if (strcmp(identity->boot, self.boot) != 0)
        return is_known_and_same(identity->host, self.host);
    if (!is_known_and_same(identity->name_space, self.name_space) || self.pid_start == 0)
        return false;
    if (!read_process(identity->pid, &state, &start))
        return access("/proc/self/stat", R_OK) == 0;
    /* A zombie holds nothing any more. */
    return state == 'Z' || state == 'X' || (identity->pid_start != 0 && start != identity->pid_start);
}
