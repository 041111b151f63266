#include <etlhost/sdk/schema_json.h>

#include <string.h>

#include <criterion/criterion.h>

static struct etl_error err;

static etl_status read(const char *text, struct ArrowSchema *schema)
{
    etl_error_init(&err);
    return etl_schema_read_json(text, strlen(text), schema, &err);
}

Test(schema_json, round_trip)
{
    static const char text[] =
        "{\"columns\":[{\"name\":\"id\",\"format\":\"l\"},{\"name\":\"a \\\"b\\\"\",\"format\":\"d:18,2\"},"
        "{\"name\":\"j\",\"format\":\"u\",\"extension\":\"arrow.json\"},{\"name\":\"t\",\"format\":\"tsu:UTC\"},"
        "{\"name\":\"s\",\"format\":\"+s\",\"children\":[{\"name\":\"x\",\"format\":\"b\"},"
        "{\"name\":\"l\",\"format\":\"+l\",\"children\":[{\"name\":\"item\",\"format\":\"+l\",\"children\":["
        "{\"name\":\"item\",\"format\":\"g\"}]}]}]}]}";
    struct ArrowSchema schema, again;
    struct etl_buffer buffer = {0};

    cr_assert_eq(read(text, &schema), ETL_OK, "%s", err.message);
    etl_schema_write_json(&buffer, &schema);
    cr_assert_str_eq(etl_buffer_text(&buffer), text);
    cr_assert_eq(read(buffer.data, &again), ETL_OK);
    cr_assert(etl_schema_equal(&schema, &again));
    etl_schema_release(&schema);
    etl_schema_release(&again);
    etl_buffer_fini(&buffer);
    cr_assert_eq(read("{\"columns\":[]}", &schema), ETL_OK);
    cr_assert_eq(schema.n_children, 0);
    etl_schema_release(&schema);
}

Test(schema_json, refused)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"columns\":1}",
        "{\"columns\":[1]}",
        "{\"columns\":[{}]}",
        "{\"columns\":[{\"name\":\"a\"}]}",
        "{\"columns\":[{\"format\":\"l\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"format\":\"?\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"format\":\"l\",\"x\":\"\"}]}",
        "{\"columns\":[{\"name\":1,\"format\":\"l\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"format\":\"l\"},{\"name\":\"a\",\"format\":\"l\"}]}",
        "{\"columns\":[{\"name\":\"\",\"format\":\"l\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"name\":\"b\",\"format\":\"l\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"format\":\"+l\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"format\":\"l\"}]",
        "{\"columns\":[{\"name\":\"a\",\"format\":\"+s\",\"children\":[{\"name\":\"a\"}]}]}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ArrowSchema schema = {0};
        cr_assert_eq(read(bad[i], &schema), ETL_DATA, "%s", bad[i]);
        cr_assert_str_not_empty(err.message);
        cr_assert_null(schema.release);
    }
}

Test(schema_json, deep_nesting_is_refused)
{
    struct etl_buffer buffer = {0};
    struct ArrowSchema schema = {0};

    etl_buffer_add_text(&buffer, "{\"columns\":[");
    for (int i = 0; i < 5000; i++)
        etl_buffer_add_text(&buffer, "{\"name\":\"a\",\"format\":\"+s\",\"children\":[");
    for (int i = 0; i < 5000; i++)
        etl_buffer_add_text(&buffer, "]}");
    etl_buffer_add_text(&buffer, "]}");
    cr_assert_eq(read(etl_buffer_text(&buffer), &schema), ETL_DATA);
    etl_buffer_fini(&buffer);
}
