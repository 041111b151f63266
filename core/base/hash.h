/* A small stable hash for names, not for secrets that must be safe from an attacker (masks use HMAC-SHA-256). */
#ifndef CORE_BASE_HASH_H
#define CORE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a with a final mix; the same on every machine and in every version. */
uint64_t hash_bytes(const void *data, size_t length);

#endif
