/* Type inference: what a text looks like, and the tree of fields that remembers what has been seen. Private to the shredder. */
#ifndef ETL_SRC_INFER_H
#define ETL_SRC_INFER_H

#include <etlhost/sdk/batch_builder.h>

/* What one value looks like. */
enum look {
    LOOK_NULL,
    LOOK_BOOL,
    LOOK_NUMBER,
    LOOK_DATE,
    LOOK_TIMESTAMP,
    LOOK_TIMESTAMP_UTC,
    LOOK_TEXT,
    LOOK_OBJECT,
    LOOK_ARRAY
};

/* Facts about numbers, of one or of all seen so far. */
struct number_facts {
    int int_digits; /* at least those before the point */
    int scale;      /* at least those behind it */
    bool has_plain; /* some without exponent */
    bool has_exponent;
    bool not_int64;  /* some plain one is no int64 */
    bool is_extreme; /* some with an exponent out of all proportion */
    bool not_double; /* some is beyond the range of doubles */
};

struct value {
    enum look look;
    bool is_cell; /* from a cell, not from JSON: text must come back as it was */
    struct number_facts number;
    struct etl_bytes text; /* scalars: as in the cell, or JSON without quotes */
};

struct value infer_cell(struct etl_bytes text);
struct value infer_json_number(struct etl_bytes text);
struct value infer_json_string(struct etl_bytes text);

/* What is known about a field. */
enum known {
    KNOWN_NOTHING,
    KNOWN_BOOL,
    KNOWN_NUMBER,
    KNOWN_DOUBLE, /* announced as double: stays one for every number */
    KNOWN_DATE,
    KNOWN_TIMESTAMP,
    KNOWN_TIMESTAMP_UTC,
    KNOWN_TEXT,
    KNOWN_STRUCT,
    KNOWN_LIST,
    KNOWN_JSON,
    KNOWN_SEEDED /* a type that is never inferred: as announced */
};

struct field {
    struct field *parent;
    char *name;
    size_t name_length;
    uint32_t hash;
    enum known known;
    bool is_item;
    bool is_pinned; /* part of a schema that has been taken: `pinned` may only widen */
    struct etl_type pinned;
    struct number_facts number;
    struct etl_column *column; /* of the current builder; NULL = not in its schema */
    struct field **children;   /* STRUCT: the first n_pinned are pinned, in schema order */
    size_t n_children, capacity, n_pinned, index;
    struct field **table; /* by hash; open addressing, a power of two, at most half full */
    size_t table_size;
    struct field *item; /* LIST */
};

/* NULL when memory is out. */
struct field *field_new(struct field *parent, const char *name, size_t length, uint32_t hash);
void field_free(struct field *field);

uint32_t field_hash(const char *name, size_t length);
struct field *field_find(const struct field *parent, const char *name, size_t length);
/* Appends a child that is not there yet. NULL when memory is out. */
struct field *field_add(struct field *parent, const char *name, size_t length);
/* The item of a list, made when there is none. NULL when memory is out. */
struct field *field_item(struct field *list);
/* From here on the field is arrow.json; what was known below is dropped. */
void field_set_json(struct field *field);

/* True when a scalar fits an announced type as it is. */
bool infer_fits(const struct etl_type *type, const struct value *value);

/* Widens what is known by one value that is neither NULL nor to be looked into (objects and arrays only bring KNOWN_NOTHING to
 * STRUCT or LIST, and everything else but that to JSON). */
void infer_join(struct field *field, const struct value *value);

/* The type as known now; false when nothing is known. */
bool infer_type(const struct field *field, struct etl_type *ret_type);

/* Takes over the type of a schema node as announced. */
void infer_seed(struct field *field, const struct etl_type *type);

#endif
