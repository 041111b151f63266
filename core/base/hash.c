/* The library hash functions of OpenSSL cost more start-up time than the rest of a small run, and its initialisation does not survive a
 * lack of memory. FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
#include "core/base/hash.h"

uint64_t hash_bytes(const void *data, size_t length)
{
    const unsigned char *bytes = data;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93u;
    return hash ^ (hash >> 32);
}
