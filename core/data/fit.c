/* Fitting batches to the agreed schema. The two schemas are compared once, into a tree of steps that mirrors the agreed schema; a batch is then
 * walked column by column. What is the same is moved, the rest is built new while the incoming arrays stay alive (misfit rows are
 * reported with all their incoming values). Rows that do not fit are marked and filtered out of the finished result.
 *
 * A value below a NULL struct or list, or an item outside every list, is no value: it is never a misfit. */
#include "core/data/fit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk/json_writer.h>

#include "core/base/string.h"
#include "core/data/array.h"
#include "core/data/batch.h"
#include "core/data/cast.h"

enum { SHOWN_CHARACTERS = 80 };

enum action { ACTION_MOVE, ACTION_NULLS, ACTION_CELLS, ACTION_PAYLOAD, ACTION_STRUCT, ACTION_LIST, ACTION_REFUSE };

struct step {
    enum action action;
    bool needs_value; /* NULLs may arrive in a column that has none */
    int64_t source;   /* child of the incoming parent; -1 = missing */
    const struct ArrowSchema *to;
    struct etl_type type; /* of `to` */
    cast_cell cell;
    cast_append append;
    char *path;
    struct step *children;
    int64_t n_children;
    int64_t *dropped; /* STRUCT: incoming children that `to` lacks */
    char **dropped_paths;
    int64_t n_dropped;
};

struct fit {
    struct ArrowSchema from, to;
    struct etl_view incoming; /* for the report */
    struct etl_view working;  /* follows the slices */
    struct step root;
    bool unchanged;
    struct etl_buffer scratch;
};

/* ---- compiling ---- */

static etl_status compile_step(struct step *step, const char *path, const struct ArrowSchema *from,
                               const struct ArrowSchema *to, struct etl_error *err);

static void free_step(struct step *step)
{
    for (int64_t i = 0; step->children && i < step->n_children; i++)
        free_step(&step->children[i]);
    for (int64_t i = 0; step->dropped_paths && i < step->n_dropped; i++)
        free(step->dropped_paths[i]);
    free(step->children);
    free(step->dropped);
    free(step->dropped_paths);
    free(step->path);
}

static char *child_path(const char *path, const char *name)
{
    return string_format("%s%s%s", path, *path ? "." : "", name);
}

static etl_status compile_child(struct step *step, int64_t index, const struct ArrowSchema *from,
                                const struct ArrowSchema *to, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct step *child = &step->children[index];
    int64_t source = etl_schema_find(from, to->children[index]->name);
    char *path = child_path(step->path, to->children[index]->name);
    if (!path)
        return etl_fail_memory(err);
    ETL_TRY(compile_step(child, path, source < 0 ? NULL : from->children[source], to->children[index], err));
    child->source = source;
out:
    free(path);
    return status;
}

static etl_status note_dropped(struct step *step, const struct ArrowSchema *from, const struct ArrowSchema *to,
                               struct etl_error *err)
{
    int64_t op = etl_schema_op_column(from);
    for (int64_t i = 0; i < from->n_children; i++) {
        if (i == op || etl_schema_find(to, from->children[i]->name) >= 0)
            continue;
        step->dropped_paths[step->n_dropped] = child_path(step->path, from->children[i]->name);
        if (!step->dropped_paths[step->n_dropped])
            return etl_fail_memory(err);
        step->dropped[step->n_dropped++] = i;
    }
    return ETL_OK;
}

static bool moves_all(const struct step *step, const struct ArrowSchema *from)
{
    bool all = step->n_children == from->n_children;
    for (int64_t i = 0; all && i < step->n_children; i++) {
        const struct step *child = &step->children[i];
        all = child->action == ACTION_MOVE && !child->needs_value && child->source == i;
    }
    return all;
}

static etl_status compile_struct(struct step *step, const struct ArrowSchema *from, const struct ArrowSchema *to,
                                 struct etl_error *err)
{
    etl_status status = ETL_OK;
    step->action = ACTION_STRUCT;
    step->children = calloc((size_t)to->n_children + 1, sizeof *step->children);
    step->dropped = calloc((size_t)from->n_children + 1, sizeof *step->dropped);
    step->dropped_paths = calloc((size_t)from->n_children + 1, sizeof *step->dropped_paths);
    if (!step->children || !step->dropped || !step->dropped_paths)
        return etl_fail_memory(err);
    step->n_children = to->n_children;
    for (int64_t i = 0; i < to->n_children; i++)
        ETL_TRY(compile_child(step, i, from, to, err));
    ETL_TRY(note_dropped(step, from, to, err));
    if (moves_all(step, from))
        step->action = ACTION_MOVE;
out:
    return status;
}

static etl_status compile_list(struct step *step, const struct ArrowSchema *from, const struct ArrowSchema *to,
                               struct etl_error *err)
{
    etl_status status = ETL_OK;
    char *path = string_format("%s[]", step->path);
    step->action = ACTION_LIST;
    step->children = calloc(1, sizeof *step->children);
    if (!step->children || !path)
        ETL_TRY(etl_fail_memory(err));
    step->n_children = 1;
    ETL_TRY(compile_step(&step->children[0], path, from->children[0], to->children[0], err));
    if (moves_all(step, from))
        step->action = ACTION_MOVE;
out:
    free(path);
    return status;
}

static void compile_leaf(struct step *step, const struct etl_type *from)
{
    bool is_nested_target = step->type.kind == ETL_KIND_STRUCT || step->type.kind == ETL_KIND_LIST;
    if (!is_nested_target && cast_is_relabel(from, &step->type)) {
        step->action = ACTION_MOVE;
    } else if (cast_is_variable(&step->type)) {
        step->append = cast_find_append(from, &step->type);
        step->action = step->append ? ACTION_PAYLOAD : ACTION_REFUSE;
    } else {
        step->cell = is_nested_target ? NULL : cast_find_cell(from, &step->type);
        step->action = step->cell ? ACTION_CELLS : ACTION_REFUSE;
    }
}

static etl_status compile_step(struct step *step, const char *path, const struct ArrowSchema *from,
                               const struct ArrowSchema *to, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct etl_type type = {0};
    step->to = to;
    step->path = string_copy(path);
    if (!step->path)
        return etl_fail_memory(err);
    ETL_TRY(etl_type_of(to, &step->type, err));
    if (!from) {
        step->action = ACTION_NULLS;
        return ETL_OK;
    }
    ETL_TRY(etl_type_of(from, &type, err));
    step->needs_value = !(to->flags & ARROW_FLAG_NULLABLE) && (from->flags & ARROW_FLAG_NULLABLE);
    if (type.kind == ETL_KIND_STRUCT && step->type.kind == ETL_KIND_STRUCT)
        ETL_TRY(compile_struct(step, from, to, err));
    else if (type.kind == ETL_KIND_LIST && step->type.kind == ETL_KIND_LIST)
        ETL_TRY(compile_list(step, from, to, err));
    else
        compile_leaf(step, &type);
out:
    return status;
}

etl_status fit_new(const struct ArrowSchema *from, const struct ArrowSchema *to, struct fit **ret_fit,
                   struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct fit *fit = calloc(1, sizeof *fit);
    if (!fit)
        return etl_fail_memory(err);
    if (etl_schema_op_column(to) >= 0 && etl_schema_op_column(from) < 0)
        ETL_TRY(etl_fail(err, ETL_MISUSE, "the agreed schema has an operation column and the incoming one has none"));
    ETL_TRY(etl_schema_copy(from, &fit->from, err));
    ETL_TRY(etl_schema_copy(to, &fit->to, err));
    ETL_TRY(etl_view_init(&fit->incoming, &fit->from, err));
    ETL_TRY(etl_view_init(&fit->working, &fit->from, err));
    ETL_TRY(compile_step(&fit->root, "", &fit->from, &fit->to, err));
    fit->root.needs_value = false;
    fit->unchanged = fit->root.action == ACTION_MOVE;
    *ret_fit = fit;
    fit = NULL;
out:
    fit_free(fit);
    return status;
}

void fit_free(struct fit *fit)
{
    if (!fit)
        return;
    free_step(&fit->root);
    etl_view_fini(&fit->incoming);
    etl_view_fini(&fit->working);
    etl_schema_release(&fit->from);
    etl_schema_release(&fit->to);
    etl_buffer_fini(&fit->scratch);
    free(fit);
}

/* ---- misfits ---- */

/* Where a column stands: the view of its parent, up to the root. */
struct scope {
    const struct scope *parent;
    const struct etl_view *view; /* STRUCT or LIST */
};

struct fitting {
    struct fit *fit;
    fit_misfit misfit;
    void *arg;
    uint8_t *keep; /* NULL until the first misfit */
    int64_t rejected;
};

/* Row of the list that item `item` belongs to (counted from the start of the view's items), or -1. */
static int64_t list_row(const struct etl_view *list, int64_t item)
{
    const int32_t *offsets = (const int32_t *)list->data + list->offset;
    int64_t low = 0, high = list->length;
    item += offsets[0];
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (offsets[middle + 1] > item)
            high = middle;
        else
            low = middle + 1;
    }
    return low < list->length ? low : -1;
}

/* Row of the batch that holds cell `row` of a column, or -1 when a parent is NULL. Columns are sliced to their parent's range, so a
 * struct's children count as it does. */
static int64_t batch_row(const struct scope *scope, int64_t row)
{
    for (; scope && row >= 0; scope = scope->parent) {
        if (scope->view->type.kind == ETL_KIND_LIST)
            row = list_row(scope->view, row);
        if (row >= 0 && scope->parent && etl_view_is_null(scope->view, row))
            return -1;
    }
    return row;
}

/* Length in bytes of the first SHOWN_CHARACTERS characters. */
static size_t shown_length(const char *text, size_t length)
{
    size_t characters = 0, i = 0;
    for (; i < length; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80 && characters++ == SHOWN_CHARACTERS)
            break;
    }
    return i;
}

static etl_status report(struct fitting *fitting, int64_t row, const char *path, const char *reason,
                         struct etl_error *err)
{
    int64_t rows = fitting->fit->incoming.length;
    if (!fitting->misfit)
        return etl_fail(err, ETL_SCHEMA, "column %s: %s (row %lld of the batch)", path, reason, (long long)row);
    if (!fitting->keep) {
        fitting->keep = malloc((size_t)rows);
        if (!fitting->keep)
            return etl_fail_memory(err);
        memset(fitting->keep, 1, (size_t)rows);
    }
    if (!fitting->keep[row])
        return ETL_OK;
    fitting->keep[row] = 0;
    fitting->rejected++;
    return fitting->misfit(fitting->arg, &fitting->fit->incoming, row, path, reason, err);
}

/* The cell does not fit; `what` follows the value in the reason. */
static etl_status report_cell(struct fitting *fitting, const struct scope *scope, const struct etl_view *column,
                              int64_t row, const char *path, const char *what, struct etl_error *err)
{
    etl_status status = ETL_OK;
    int64_t at = batch_row(scope, row);
    if (at < 0 || (fitting->keep && !fitting->keep[at]))
        return ETL_OK;
    struct etl_buffer value = {0};
    etl_text_add_cell(&value, column, row);
    const char *text = etl_buffer_text(&value);
    size_t length = text ? shown_length(text, value.length) : 0;
    char *reason =
        text ? string_format("\"%.*s%s\" %s", (int)length, text, length < value.length ? "..." : "", what) : NULL;
    if (!reason)
        ETL_TRY(etl_fail_memory(err));
    ETL_TRY(report(fitting, at, path, reason, err));
out:
    free(reason);
    etl_buffer_fini(&value);
    return status;
}

static etl_status report_type(struct fitting *fitting, const struct scope *scope, const struct etl_view *column,
                              int64_t row, const struct step *step, struct etl_error *err)
{
    char what[ETL_TYPE_NAME_MAX + 16], name[ETL_TYPE_NAME_MAX];
    snprintf(what, sizeof what, "is not %s", etl_type_name(&step->type, name));
    return report_cell(fitting, scope, column, row, step->path, what, err);
}

static etl_status check_nulls(struct fitting *fitting, const struct scope *scope, const struct etl_view *column,
                              const struct step *step, struct etl_error *err)
{
    etl_status status = ETL_OK;
    const struct etl_view *incoming = &fitting->fit->incoming;
    for (int64_t row = 0; column->validity && row < column->length; row++) {
        int64_t at = etl_view_is_null(column, row) ? batch_row(scope, row) : -1;
        if (at >= 0 && etl_view_op(incoming, 0, at) != ETL_OP_DELETE) /* which needs only its key */
            ETL_TRY(report(fitting, at, step->path, "NULL in a column that must have a value", err));
    }
out:
    return status;
}

static etl_status check_dropped(struct fitting *fitting, const struct scope *scope, const struct etl_view *column,
                                const char *path, struct etl_error *err)
{
    etl_status status = ETL_OK;
    for (int64_t row = 0; row < column->length; row++) {
        if (!etl_view_is_null(column, row))
            ETL_TRY(report_cell(fitting, scope, column, row, path, "is in a new column", err));
    }
out:
    return status;
}

/* ---- columns ---- */

static etl_status fit_column(struct fitting *fitting, const struct scope *scope, const struct step *step,
                             struct etl_view *view, struct ArrowArray *array, struct ArrowArray *ret_array,
                             struct etl_error *err);

/* Rows [from, from + count) of what the array holds. */
static void slice(struct ArrowArray *array, int64_t from, int64_t count)
{
    if (from == 0 && array->length == count)
        return;
    array->offset += from;
    array->length = count;
    if (array->null_count > 0)
        array->null_count = -1;
}

static etl_status cast_cells(struct fitting *fitting, const struct scope *scope, const struct step *step,
                             const struct etl_view *view, struct ArrowArray *out, struct etl_error *err)
{
    etl_status status = ETL_OK;
    bool is_bool = step->type.kind == ETL_KIND_BOOL;
    size_t width = is_bool ? 0 : etl_type_width(&step->type);
    size_t bytes = is_bool ? ((size_t)view->length + 7) / 8 : (size_t)view->length * width;
    char slot[16], *data = array_buffer(out, 1, bytes + sizeof slot, err);
    if (!data)
        return ETL_NOMEM;
    memset(data, 0, bytes);
    for (int64_t row = 0; row < view->length; row++) {
        char *to = is_bool ? slot : data + (size_t)row * width;
        if (etl_view_is_null(view, row))
            continue;
        if (!step->cell(view, row, &step->type, to))
            ETL_TRY(report_type(fitting, scope, view, row, step, err));
        else if (is_bool)
            data[row >> 3] = (char)(data[row >> 3] | *slot << (row & 7));
    }
out:
    return status;
}

static etl_status cast_payload(struct fitting *fitting, const struct scope *scope, const struct step *step,
                               const struct etl_view *view, struct ArrowArray *out, struct etl_error *err)
{
    etl_status status = ETL_OK;
    bool is_large = step->type.is_large;
    struct etl_buffer payload = {.limit = is_large ? 0 : INT32_MAX};
    void *offsets = array_buffer(out, 1, ((size_t)view->length + 1) * (is_large ? 8 : 4), err);
    if (!offsets)
        return ETL_NOMEM;
    memset(offsets, 0, is_large ? 8 : 4);
    for (int64_t row = 0; row < view->length; row++) {
        if (!etl_view_is_null(view, row) && !step->append(view, row, &payload))
            ETL_TRY(report_type(fitting, scope, view, row, step, err));
        if (is_large)
            ((int64_t *)offsets)[row + 1] = (int64_t)payload.length;
        else
            ((int32_t *)offsets)[row + 1] = (int32_t)payload.length;
    }
    if (payload.failed || !etl_buffer_reserve(&payload, 1))
        ETL_TRY(etl_fail(err, ETL_NOMEM, "column %s: no memory for its values as text, or more than 2 GiB in a batch",
                         step->path));
    array_own(out, 2, payload.data);
    payload = (struct etl_buffer){0};
out:
    etl_buffer_fini(&payload);
    return status;
}

static etl_status fit_leaf(struct fitting *fitting, const struct scope *scope, const struct step *step,
                           const struct etl_view *view, const struct ArrowArray *array, struct ArrowArray *ret_array,
                           struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowArray out = {0};
    ETL_TRY(array_init(&out, view->length, step->action == ACTION_CELLS ? 2 : 3, 0, err));
    ETL_TRY(array_copy_validity(array, &out, err));
    if (step->action == ACTION_CELLS)
        ETL_TRY(cast_cells(fitting, scope, step, view, &out, err));
    else
        ETL_TRY(cast_payload(fitting, scope, step, view, &out, err));
    etl_array_move(&out, ret_array);
out:
    etl_array_release(&out);
    return status;
}

static etl_status fit_refuse(struct fitting *fitting, const struct scope *scope, const struct step *step,
                             const struct etl_view *view, struct ArrowArray *ret_array, struct etl_error *err)
{
    etl_status status = ETL_OK;
    for (int64_t row = 0; row < view->length; row++) {
        if (!etl_view_is_null(view, row))
            ETL_TRY(report_type(fitting, scope, view, row, step, err));
    }
    ETL_TRY(array_nulls(step->to, view->length, ret_array, err));
out:
    return status;
}

static etl_status fit_struct(struct fitting *fitting, const struct scope *parent, const struct step *step,
                             struct etl_view *view, struct ArrowArray *array, struct ArrowArray *ret_array,
                             struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowArray out = {0};
    struct scope scope = {.parent = parent, .view = view};
    ETL_TRY(array_init(&out, array->length, 1, step->n_children, err));
    ETL_TRY(array_copy_validity(array, &out, err));
    for (int64_t i = 0; i < array->n_children; i++) {
        slice(array->children[i], array->offset, array->length);
        etl_view_set(&view->children[i], array->children[i]);
    }
    for (int64_t i = 0; i < step->n_dropped; i++)
        ETL_TRY(check_dropped(fitting, &scope, &view->children[step->dropped[i]], step->dropped_paths[i], err));
    for (int64_t i = 0; i < step->n_children; i++) {
        const struct step *child = &step->children[i];
        if (child->action == ACTION_NULLS)
            ETL_TRY(array_nulls(child->to, array->length, out.children[i], err));
        else
            ETL_TRY(fit_column(fitting, &scope, child, &view->children[child->source], array->children[child->source],
                               out.children[i], err));
    }
    etl_array_move(&out, ret_array);
out:
    etl_array_release(&out);
    return status;
}

static etl_status fit_list(struct fitting *fitting, const struct scope *parent, const struct step *step,
                           struct etl_view *view, struct ArrowArray *array, struct ArrowArray *ret_array,
                           struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowArray out = {0};
    struct scope scope = {.parent = parent, .view = view};
    const int32_t *from = (const int32_t *)view->data + view->offset;
    int32_t *offsets = NULL;
    if (view->length == 0)
        return array_nulls(step->to, 0, ret_array, err);
    ETL_TRY(array_init(&out, view->length, 2, 1, err));
    ETL_TRY(array_copy_validity(array, &out, err));
    offsets = array_buffer(&out, 1, ((size_t)view->length + 1) * sizeof *offsets, err);
    if (!offsets)
        ETL_TRY(ETL_NOMEM);
    for (int64_t row = 0; row <= view->length; row++)
        offsets[row] = from[row] - from[0];
    slice(array->children[0], from[0], offsets[view->length]);
    etl_view_set(&view->children[0], array->children[0]);
    ETL_TRY(
        fit_column(fitting, &scope, &step->children[0], &view->children[0], array->children[0], out.children[0], err));
    etl_array_move(&out, ret_array);
out:
    etl_array_release(&out);
    return status;
}

/* The view has been set to the array, which is sliced to the parent's range. */
static etl_status fit_column(struct fitting *fitting, const struct scope *scope, const struct step *step,
                             struct etl_view *view, struct ArrowArray *array, struct ArrowArray *ret_array,
                             struct etl_error *err)
{
    etl_status status = ETL_OK;
    if (step->needs_value && array_count_nulls(array))
        ETL_TRY(check_nulls(fitting, scope, view, step, err));
    switch (step->action) {
    case ACTION_MOVE: etl_array_move(array, ret_array); break;
    case ACTION_NULLS: status = array_nulls(step->to, view->length, ret_array, err); break;
    case ACTION_CELLS:
    case ACTION_PAYLOAD: status = fit_leaf(fitting, scope, step, view, array, ret_array, err); break;
    case ACTION_STRUCT: status = fit_struct(fitting, scope, step, view, array, ret_array, err); break;
    case ACTION_LIST: status = fit_list(fitting, scope, step, view, array, ret_array, err); break;
    case ACTION_REFUSE: status = fit_refuse(fitting, scope, step, view, ret_array, err); break;
    }
out:
    return status;
}

etl_status fit_apply(struct fit *fit, struct ArrowArray *batch, fit_misfit misfit, void *arg, int64_t *ret_rejected,
                     struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowArray result = {0};
    struct fitting fitting = {.fit = fit, .misfit = misfit, .arg = arg};
    if (fit->unchanged) {
        *ret_rejected = 0;
        return ETL_OK;
    }
    if (batch->n_children != fit->from.n_children)
        ETL_TRY(etl_fail(err, ETL_DATA, "a batch has %lld columns, its schema has %lld", (long long)batch->n_children,
                         (long long)fit->from.n_children));
    ETL_TRY(batch_normalise(batch, err));
    etl_view_set(&fit->incoming, batch);
    etl_view_set(&fit->working, batch);
    ETL_TRY(fit_struct(&fitting, NULL, &fit->root, &fit->working, batch, &result, err));
    if (fitting.keep)
        ETL_TRY(batch_filter(&fit->to, &result, fitting.keep, err));
    etl_array_release(batch);
    etl_array_move(&result, batch);
    *ret_rejected = fitting.rejected;
out:
    free(fitting.keep);
    etl_array_release(&result);
    if (status != ETL_OK)
        etl_array_release(batch);
    return status;
}
