/* Names the connector that crashes while it is being loaded: the process still ends by the signal, but says why. Main thread only. */
#ifndef CORE_CLI_LOAD_GUARD_H
#define CORE_CLI_LOAD_GUARD_H

/* From here to load_guard_end a crash is reported for `path`, which must stay valid. */
void load_guard_begin(const char *path);
void load_guard_end(void);

#endif
