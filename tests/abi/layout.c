/* Prints the layout of every struct of the boundary and the value of every constant, for layout.sh. Fails by itself when a field is
 * not listed here: the structs have no padding, so each field starts where the one before ended. */
#include <etlhost/abi.h>
#include <etlhost/ext/reject.h>
#include <stdio.h>
#include <stdlib.h>

static const char *current;
static size_t end;

static void begin_struct(const char *name, size_t size)
{
    printf("struct %s %zu\n", name, size);
    current = name;
    end = 0;
}

static void print_field(const char *name, size_t offset, size_t size)
{
    printf("field %s.%s %zu %zu\n", current, name, offset, size);
    if (offset != end) {
        fprintf(stderr, "layout.c does not list what stands before %s.%s\n", current, name);
        exit(EXIT_FAILURE);
    }
    end = offset + size;
}

static void end_struct(size_t size)
{
    if (end != size) {
        fprintf(stderr, "layout.c does not list the last fields of %s\n", current);
        exit(EXIT_FAILURE);
    }
}

#define STRUCT(type)      begin_struct(#type, sizeof(struct type))
#define FIELD(type, name) print_field(#name, offsetof(struct type, name), sizeof(((struct type *)0)->name))
#define END(type)         end_struct(sizeof(struct type))
#define CONSTANT(name)    printf("constant %s %lld\n", #name, (long long)(name))

static void print_etl_error(void)
{
    STRUCT(etl_error);
    FIELD(etl_error, struct_size);
    FIELD(etl_error, retry_after_ms);
    FIELD(etl_error, vendor_code);
    FIELD(etl_error, message);
    END(etl_error);
}

static void print_etl_host(void)
{
    STRUCT(etl_host);
    FIELD(etl_host, struct_size);
    FIELD(etl_host, abi_minor);
    FIELD(etl_host, ctx);
    FIELD(etl_host, log);
    FIELD(etl_host, cancelled);
    FIELD(etl_host, get_extension);
    END(etl_host);
}

static void print_etl_message(void)
{
    STRUCT(etl_message);
    FIELD(etl_message, struct_size);
    FIELD(etl_message, kind);
    FIELD(etl_message, flags);
    FIELD(etl_message, schema);
    FIELD(etl_message, batch);
    FIELD(etl_message, state);
    FIELD(etl_message, state_len);
    FIELD(etl_message, cursor);
    END(etl_message);
}

static void print_etl_read_request(void)
{
    STRUCT(etl_read_request);
    FIELD(etl_read_request, struct_size);
    FIELD(etl_read_request, flags);
    FIELD(etl_read_request, stream);
    FIELD(etl_read_request, slice);
    FIELD(etl_read_request, columns);
    FIELD(etl_read_request, state);
    FIELD(etl_read_request, state_len);
    FIELD(etl_read_request, state_version);
    FIELD(etl_read_request, max_wait_ms);
    FIELD(etl_read_request, cursor_column);
    FIELD(etl_read_request, cursor_from);
    FIELD(etl_read_request, cursor_until);
    FIELD(etl_read_request, cursor_lookback);
    FIELD(etl_read_request, batch_rows_hint);
    FIELD(etl_read_request, batch_bytes_hint);
    END(etl_read_request);
}

static void print_etl_source_ops(void)
{
    STRUCT(etl_source_ops);
    FIELD(etl_source_ops, struct_size);
    FIELD(etl_source_ops, reserved);
    FIELD(etl_source_ops, open);
    FIELD(etl_source_ops, check);
    FIELD(etl_source_ops, discover);
    FIELD(etl_source_ops, plan_slices);
    FIELD(etl_source_ops, read_open);
    FIELD(etl_source_ops, read_next);
    FIELD(etl_source_ops, committed);
    FIELD(etl_source_ops, cancel);
    FIELD(etl_source_ops, read_close);
    FIELD(etl_source_ops, close);
    FIELD(etl_source_ops, get_extension);
    END(etl_source_ops);
}

static void print_etl_write_plan(void)
{
    STRUCT(etl_write_plan);
    FIELD(etl_write_plan, struct_size);
    FIELD(etl_write_plan, mode);
    FIELD(etl_write_plan, pipeline_id);
    FIELD(etl_write_plan, stream);
    FIELD(etl_write_plan, slice);
    FIELD(etl_write_plan, target);
    FIELD(etl_write_plan, keys);
    FIELD(etl_write_plan, generation);
    FIELD(etl_write_plan, epoch);
    FIELD(etl_write_plan, committed_seq);
    FIELD(etl_write_plan, delete_mode);
    FIELD(etl_write_plan, reserved);
    FIELD(etl_write_plan, run_id);
    END(etl_write_plan);
}

static void print_etl_recovery(void)
{
    STRUCT(etl_recovery);
    FIELD(etl_recovery, struct_size);
    FIELD(etl_recovery, found);
    FIELD(etl_recovery, seq);
    FIELD(etl_recovery, state);
    FIELD(etl_recovery, state_len);
    FIELD(etl_recovery, generation);
    FIELD(etl_recovery, is_final);
    FIELD(etl_recovery, guarantee);
    END(etl_recovery);
}

static void print_etl_commit(void)
{
    STRUCT(etl_commit);
    FIELD(etl_commit, struct_size);
    FIELD(etl_commit, flags);
    FIELD(etl_commit, seq);
    FIELD(etl_commit, state);
    FIELD(etl_commit, state_len);
    FIELD(etl_commit, time_us);
    END(etl_commit);
}

static void print_etl_dest_ops(void)
{
    STRUCT(etl_dest_ops);
    FIELD(etl_dest_ops, struct_size);
    FIELD(etl_dest_ops, reserved);
    FIELD(etl_dest_ops, open);
    FIELD(etl_dest_ops, check);
    FIELD(etl_dest_ops, explain);
    FIELD(etl_dest_ops, begin);
    FIELD(etl_dest_ops, set_schema);
    FIELD(etl_dest_ops, write);
    FIELD(etl_dest_ops, commit);
    FIELD(etl_dest_ops, rollback);
    FIELD(etl_dest_ops, cancel);
    FIELD(etl_dest_ops, end);
    FIELD(etl_dest_ops, close);
    FIELD(etl_dest_ops, get_extension);
    END(etl_dest_ops);
}

static void print_etl_connector(void)
{
    STRUCT(etl_connector);
    FIELD(etl_connector, struct_size);
    FIELD(etl_connector, role);
    FIELD(etl_connector, id);
    FIELD(etl_connector, summary);
    FIELD(etl_connector, config_schema);
    FIELD(etl_connector, caps);
    FIELD(etl_connector, state_version);
    FIELD(etl_connector, identifier_max_bytes);
    FIELD(etl_connector, source);
    FIELD(etl_connector, dest);
    END(etl_connector);
}

static void print_etl_plugin(void)
{
    STRUCT(etl_plugin);
    FIELD(etl_plugin, struct_size);
    FIELD(etl_plugin, magic);
    FIELD(etl_plugin, abi_minor_built);
    FIELD(etl_plugin, abi_minor_required);
    FIELD(etl_plugin, name);
    FIELD(etl_plugin, version);
    FIELD(etl_plugin, vendor);
    FIELD(etl_plugin, license);
    FIELD(etl_plugin, connectors);
    FIELD(etl_plugin, load);
    FIELD(etl_plugin, unload);
    END(etl_plugin);
}

static void print_ArrowSchema(void)
{
    STRUCT(ArrowSchema);
    FIELD(ArrowSchema, format);
    FIELD(ArrowSchema, name);
    FIELD(ArrowSchema, metadata);
    FIELD(ArrowSchema, flags);
    FIELD(ArrowSchema, n_children);
    FIELD(ArrowSchema, children);
    FIELD(ArrowSchema, dictionary);
    FIELD(ArrowSchema, release);
    FIELD(ArrowSchema, private_data);
    END(ArrowSchema);
}

static void print_ArrowArray(void)
{
    STRUCT(ArrowArray);
    FIELD(ArrowArray, length);
    FIELD(ArrowArray, null_count);
    FIELD(ArrowArray, offset);
    FIELD(ArrowArray, n_buffers);
    FIELD(ArrowArray, n_children);
    FIELD(ArrowArray, buffers);
    FIELD(ArrowArray, children);
    FIELD(ArrowArray, dictionary);
    FIELD(ArrowArray, release);
    FIELD(ArrowArray, private_data);
    END(ArrowArray);
}

static void print_etl_rejected(void)
{
    STRUCT(etl_rejected);
    FIELD(etl_rejected, struct_size);
    FIELD(etl_rejected, reserved);
    FIELD(etl_rejected, stream);
    FIELD(etl_rejected, slice);
    FIELD(etl_rejected, location);
    FIELD(etl_rejected, column);
    FIELD(etl_rejected, reason);
    FIELD(etl_rejected, record);
    FIELD(etl_rejected, record_len);
    END(etl_rejected);
}

static void print_etl_reject_service(void)
{
    STRUCT(etl_reject_service);
    FIELD(etl_reject_service, struct_size);
    FIELD(etl_reject_service, reserved);
    FIELD(etl_reject_service, reject);
    END(etl_reject_service);
}

static void print_constants(void)
{
    CONSTANT(ETL_ABI_MAJOR);
    CONSTANT(ETL_PLUGIN_MAGIC);
    CONSTANT(ETL_STATE_MAX_BYTES);
    CONSTANT(ETL_OK);
    CONSTANT(ETL_CONFIG);
    CONSTANT(ETL_AUTH);
    CONSTANT(ETL_NOT_FOUND);
    CONSTANT(ETL_UNSUPPORTED);
    CONSTANT(ETL_SCHEMA);
    CONSTANT(ETL_DATA);
    CONSTANT(ETL_TRANSIENT);
    CONSTANT(ETL_THROTTLED);
    CONSTANT(ETL_IN_DOUBT);
    CONSTANT(ETL_CONFLICT);
    CONSTANT(ETL_STATE_INVALID);
    CONSTANT(ETL_CANCELLED);
    CONSTANT(ETL_NOMEM);
    CONSTANT(ETL_IO);
    CONSTANT(ETL_INTERNAL);
    CONSTANT(ETL_MISUSE);
    CONSTANT(ETL_LOG_ERROR);
    CONSTANT(ETL_LOG_WARN);
    CONSTANT(ETL_LOG_INFO);
    CONSTANT(ETL_LOG_DEBUG);
    CONSTANT(ETL_OP_INSERT);
    CONSTANT(ETL_OP_UPSERT);
    CONSTANT(ETL_OP_DELETE);
    CONSTANT(ETL_OP_MASK);
    CONSTANT(ETL_MESSAGE_NONE);
    CONSTANT(ETL_MESSAGE_SCHEMA);
    CONSTANT(ETL_MESSAGE_BATCH);
    CONSTANT(ETL_MESSAGE_CHECKPOINT);
    CONSTANT(ETL_MESSAGE_IDLE);
    CONSTANT(ETL_MESSAGE_END);
    CONSTANT(ETL_READ_EXACT_TIES);
    CONSTANT(ETL_READ_FULL);
    CONSTANT(ETL_MODE_APPEND);
    CONSTANT(ETL_MODE_OVERWRITE);
    CONSTANT(ETL_MODE_UPSERT);
    CONSTANT(ETL_DELETE_HARD);
    CONSTANT(ETL_DELETE_SOFT);
    CONSTANT(ETL_DELETE_IGNORE);
    CONSTANT(ETL_GUARANTEE_FLUSH);
    CONSTANT(ETL_GUARANTEE_IDEMPOTENT);
    CONSTANT(ETL_GUARANTEE_ATOMIC);
    CONSTANT(ETL_ROLE_SOURCE);
    CONSTANT(ETL_ROLE_DEST);
    CONSTANT(ETL_CAP_CURSOR);
    CONSTANT(ETL_CAP_DELETES);
    CONSTANT(ETL_CAP_PARALLEL);
    CONSTANT(ETL_CAP_UPSERT);
    CONSTANT(ETL_CAP_GENERATIONS);
    CONSTANT(ETL_CAP_IDEMPOTENT);
    CONSTANT(ETL_CAP_ATOMIC);
    CONSTANT(ETL_CAP_FOLDS_NAMES);
    CONSTANT(ETL_CAP_EVOLVES);
    CONSTANT(ETL_COMMIT_FINAL);
}

int main(void)
{
    print_etl_error();
    print_etl_host();
    print_etl_message();
    print_etl_read_request();
    print_etl_source_ops();
    print_etl_write_plan();
    print_etl_recovery();
    print_etl_commit();
    print_etl_dest_ops();
    print_etl_connector();
    print_etl_plugin();
    print_ArrowSchema();
    print_ArrowArray();
    print_etl_rejected();
    print_etl_reject_service();
    print_constants();
    return 0;
}
