/* etl.reject/1: a source sets one bad record aside. See etlhost-plugin(7), "Rejected records".
 *
 * A source calls this when it cannot turn a piece of input into a record (a ragged CSV row, a broken JSON line). The host
 * decides by the stream's contract: with discard-row and dead-letter it takes the record and answers ETL_OK, and the source
 * goes on; otherwise it answers ETL_DATA with a message in `err`, which the source returns from read_next. The rejected
 * record belongs to the commit unit that is being read: it is stored exactly when that unit commits.
 */
#ifndef ETL_EXT_REJECT_H
#define ETL_EXT_REJECT_H

#include <etlhost/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ETL_EXT_REJECT "etl.reject/1"

/* Allocated by the source, which sets struct_size; read by the host during the call. */
struct etl_rejected {
    uint32_t struct_size;
    uint32_t reserved;
    const char *stream;   /* from the read request */
    const char *slice;    /* from the read request */
    const char *location; /* where it stands, for people: "orders.csv: line 17" */
    const char *column;   /* "" = the whole record */
    const char *reason;   /* one sentence */
    const char *record;   /* the input as it was, `record_len` bytes, any bytes */
    uint64_t record_len;
};

struct etl_reject_service {
    uint32_t struct_size;
    uint32_t reserved;

    /* Offers one bad record to the host. Only from within read_next of the reader that it names. [reader] */
    etl_status(ETL_CALL *reject)(const struct etl_host *host, const struct etl_rejected *rejected, struct etl_error *err);
};

#ifdef __cplusplus
}
#endif

#endif /* ETL_EXT_REJECT_H */
