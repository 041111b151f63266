/* Inside of the null plugin. */
#ifndef NULL_DEST_H
#define NULL_DEST_H

#include <etlhost/abi.h>

extern const struct etl_dest_ops null_dest_ops;

#endif
