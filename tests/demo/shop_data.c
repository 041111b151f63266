/* Sample data of a small web shop, the same for the same seed: customers and orders as CSV, events as JSON lines.
 *
 *     shop_data SEED DAY FOLDER
 *
 * Day 1 writes customers.csv, orders-2026-01.csv, orders-2026-02.csv and events.jsonl. Day 2 changes that source: it appends new customers
 * and events (the events with a new field) and adds orders-2026-03.csv, an export of changes with new, changed and deleted orders
 * and a new column. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CUSTOMERS = 900, ORDERS_A_MONTH = 800, EVENTS = 900, NEW_CUSTOMERS = 30, NEW_EVENTS = 80 };
enum { NEW_ORDERS = 150, CHANGED_ORDERS = 60, DELETED_ORDERS = 12 };

static const char *const first_names[] = {"Ana", "Björn", "Chloé", "Dmitri", "Elif",  "Fatou",
                                          "Gül", "Hana",  "Ines",  "João",   "Kenji", "Łukasz"};
static const char *const last_names[] = {"Almeida", "Berg",  "Çelik", "Dubois", "Eriksen", "Fischer",
                                         "García",  "Huang", "Ito",   "Jansen", "O'Neil"};
static const char *const countries[] = {"DE", "FR", "US", "BR", "JP", "TR", "PL", "SE"};
static const char *const currencies[] = {"EUR", "EUR", "USD", "BRL", "SEK"};
static const char *const states[] = {"paid", "paid", "paid", "shipped", "shipped", "pending", "cancelled"};
static const char *const products[] = {"mug",           "poster 50x70", "notebook \"dotted\"",
                                       "t-shirt, blue", "sticker set",  "tote bag"};
static const char *const pages[] = {"/", "/cart", "/product/mug", "/product/poster", "/checkout", "/help"};

static uint64_t seed;

/* Number `salt` of thing `key`: a pure function, so that day 2 can tell again what day 1 said. */
static uint64_t draw(uint64_t key, uint64_t salt)
{
    uint64_t x = seed * 0x9E3779B97F4A7C15u ^ key * 0xBF58476D1CE4E5B9u ^ salt * 0x94D049BB133111EBu;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

#define PICK(list, key, salt) ((list)[draw(key, salt) % (sizeof(list) / sizeof((list)[0]))])

static FILE *open_file(const char *folder, const char *name, const char *mode)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, mode);
    if (!file) {
        fprintf(stderr, "shop_data: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    return file;
}

static void close_file(FILE *file)
{
    if (fclose(file)) {
        fprintf(stderr, "shop_data: %s\n", strerror(errno));
        exit(1);
    }
}

/* Day `day` of the year (from 1), second of the day. */
static void print_time(FILE *out, unsigned day, unsigned second)
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned month = 0;
    for (day--; day >= lengths[month]; month++)
        day -= lengths[month];
    fprintf(out, "2026-%02u-%02uT%02u:%02u:%02uZ", month + 1, day + 1, second / 3600, second / 60 % 60, second % 60);
}

static void print_customers(FILE *out, uint64_t from, uint64_t to)
{
    for (uint64_t id = from; id < to; id++) {
        const char *first = PICK(first_names, id, 1), *last = PICK(last_names, id, 2);
        fprintf(out, "%" PRIu64 ",%s %s,", id, first, last);
        if (draw(id, 3) % 10)
            fprintf(out, "customer%" PRIu64 "@example.com", id);
        fprintf(out, ",%s,%s,", PICK(countries, id, 4), draw(id, 5) % 3 ? "true" : "false");
        print_time(out, (unsigned)(draw(id, 6) % 31 + 1), (unsigned)(draw(id, 7) % 86400));
        fputc('\n', out);
    }
}

/* A CSV cell that holds JSON: quotes are doubled. */
static void print_items(FILE *out, uint64_t id)
{
    uint64_t count = draw(id, 10) % 3 + 1;
    fputs("\"[", out);
    for (uint64_t i = 0; i < count; i++) {
        fprintf(out, "%s{\"\"sku\"\":\"\"SKU-%03" PRIu64 "\"\",\"\"quantity\"\":%" PRIu64 ",\"\"name\"\":\"\"",
                i ? "," : "", draw(id, 20 + i) % 1000, draw(id, 30 + i) % 4 + 1);
        for (const char *c = PICK(products, id, 40 + i); *c; c++)
            fputs(*c == '"' ? "\\\"\"" : (char[]){*c, 0}, out);
        fputs("\"\"}", out);
    }
    fputs("]\"", out);
}

/* `version` 0 as first seen; a later version has another state and time. `coupon` NULL = a file without that column. */
static void print_order(FILE *out, uint64_t id, unsigned version, const char *operation, unsigned day,
                        const char *coupon)
{
    uint64_t cents = draw(id, 50) % 30000 + 500;
    fprintf(out, "%s,%" PRIu64 ",%" PRIu64 ",%s,%s,%" PRIu64 ".%02" PRIu64 ",", operation, id,
            draw(id, 51) % CUSTOMERS + 1, version ? "refunded" : PICK(states, id, 52), PICK(currencies, id, 53),
            cents / 100, cents % 100);
    print_items(out, id);
    fputc(',', out);
    if (draw(id, 54) % 4 == 0)
        fputs("\"Please ring twice,\nthen leave it at the door\"", out);
    fputc(',', out);
    print_time(out, day, (unsigned)(draw(id, 55 + version) % 86400));
    if (coupon)
        fprintf(out, ",%s", coupon);
    fputc('\n', out);
}

static void print_events(FILE *out, uint64_t from, uint64_t to, int with_campaign)
{
    for (uint64_t id = from; id < to; id++) {
        uint64_t customer = draw(id, 60) % CUSTOMERS + 1;
        fprintf(out, "{\"id\":\"evt_%06" PRIu64 "\",\"type\":\"page_view\",\"occurred_at\":\"", id);
        print_time(out, (unsigned)(id * 59 / (EVENTS + NEW_EVENTS) + 1), (unsigned)(draw(id, 61) % 86400));
        fprintf(out,
                "\",\"customer\":{\"id\":%" PRIu64
                ",\"country\":\"%s\"},\"page\":{\"path\":\"%s\",\"milliseconds\":%" PRIu64 "},\"tags\":[%s]",
                customer, PICK(countries, customer, 4), PICK(pages, id, 62), draw(id, 63) % 4000,
                draw(id, 64) % 2 ? "\"mobile\",\"returning\"" : "\"desktop\"");
        if (with_campaign)
            fprintf(out, ",\"campaign\":\"spring-%" PRIu64 "\"", draw(id, 65) % 3 + 1);
        fputs("}\n", out);
    }
}

static void write_month(const char *folder, const char *name, uint64_t from, unsigned first_day)
{
    FILE *out = open_file(folder, name, "w");
    fputs("operation,id,customer_id,status,currency,total,items,note,updated_at\n", out);
    for (uint64_t i = 0; i < ORDERS_A_MONTH; i++)
        print_order(out, from + i, 0, "c", first_day + (unsigned)(i * 28 / ORDERS_A_MONTH), NULL);
    close_file(out);
}

static void first_day(const char *folder)
{
    FILE *out = open_file(folder, "customers.csv", "w");
    fputs("id,name,email,country,newsletter,created_at\n", out);
    print_customers(out, 1, CUSTOMERS + 1);
    close_file(out);
    write_month(folder, "orders-2026-01.csv", 10001, 1);
    write_month(folder, "orders-2026-02.csv", 10001 + ORDERS_A_MONTH, 32);
    out = open_file(folder, "events.jsonl", "w");
    print_events(out, 1, EVENTS + 1, 0);
    close_file(out);
}

static void second_day(const char *folder)
{
    FILE *out = open_file(folder, "customers.csv", "a");
    print_customers(out, CUSTOMERS + 1, CUSTOMERS + NEW_CUSTOMERS + 1);
    close_file(out);
    out = open_file(folder, "events.jsonl", "a");
    print_events(out, EVENTS + 1, EVENTS + NEW_EVENTS + 1, 1);
    close_file(out);
    out = open_file(folder, "orders-2026-03.csv", "w");
    fputs("operation,id,customer_id,status,currency,total,items,note,updated_at,coupon\n", out);
    for (uint64_t i = 0; i < NEW_ORDERS; i++)
        print_order(out, 10001 + 2 * ORDERS_A_MONTH + i, 0, "c", 60, i % 3 ? "" : "SPRING10");
    for (uint64_t i = 0; i < CHANGED_ORDERS; i++)
        print_order(out, 10001 + i * 17, 1, "u", 61, "");
    for (uint64_t i = 0; i < DELETED_ORDERS; i++)
        fprintf(out, "d,%" PRIu64 ",,,,,,,,\n", 10006 + i * 100);
    close_file(out);
}

int main(int argc, char **argv)
{
    if (argc != 4 || (strcmp(argv[2], "1") != 0 && strcmp(argv[2], "2") != 0)) {
        fputs("usage: shop_data SEED 1|2 FOLDER\n", stderr);
        return 2;
    }
    seed = strtoull(argv[1], NULL, 10);
    if (argv[2][0] == '1')
        first_day(argv[3]);
    else
        second_day(argv[3]);
    return 0;
}
