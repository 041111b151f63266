/* The table that all measurements move: 12 columns of a payment provider's charges, the same for the same seed and row.
 *
 *     bench_data -n ROWS [-f csv|jsonl] [-s SEED] [-u BASE]
 *
 * -u BASE makes a set of changes to a table of BASE rows: even rows change an existing id, odd rows are new. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COLUMNS = 12, CELL_MAX = 512 };

static const char *const names[COLUMNS] = {"id",      "customer_id",   "amount",      "currency",
                                           "created", "status",        "description", "paid",
                                           "fee",     "receipt_email", "metadata",    "updated_at"};
static const char *const words[] = {"Payment",  "for",    "order",   "Subscription", "renewal", "invoice", "monthly",
                                    "plan",     "Pro",    "Starter", "refund",       "partial", "gift",    "card",
                                    "shipping", "widget", "blue",    "large",        "annual",  "seat"};
static const char *const foreign[] = {"Zürich", "café", "São Paulo", "東京", "naïve", "🎁 gift"};
static const char *const currencies[] = {"usd", "eur", "gbp", "chf", "jpy", "brl"};
static const char *const states[] = {"succeeded", "succeeded", "succeeded", "succeeded",
                                     "succeeded", "succeeded", "pending",   "failed"};

/* Kind of a cell, for JSON: NULL, bare (numbers, booleans, objects) or string. */
enum cell_kind { CELL_NULL, CELL_BARE, CELL_STRING };

struct cell {
    enum cell_kind kind;
    char text[CELL_MAX];
};

static uint64_t seed = 42, state;

static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static uint64_t draw(void)
{
    return state = mix(state);
}

static void set(struct cell *cell, enum cell_kind kind, const char *text)
{
    cell->kind = kind;
    snprintf(cell->text, sizeof(cell->text), "%s", text);
}

/* `length` characters of base 62 behind a prefix. */
static void set_token(struct cell *cell, const char *prefix, uint64_t key, size_t length)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t value = mix(key ^ seed);
    size_t at = strlen(prefix);
    set(cell, CELL_STRING, prefix);
    for (size_t i = 0; i < length; i++) {
        if (i % 10 == 9)
            value = mix(value ^ key);
        cell->text[at++] = digits[value % 62];
        value /= 62;
    }
    cell->text[at] = 0;
}

static void set_description(struct cell *cell)
{
    uint64_t kind = draw() % 100, count = 2 + draw() % 5;
    size_t at = 0;
    if (kind < 25) {
        cell->kind = CELL_NULL;
        return;
    }
    cell->kind = CELL_STRING;
    for (uint64_t i = 0; i < count; i++)
        at += (size_t)snprintf(cell->text + at, sizeof(cell->text) - at, "%s%s", i ? " " : "", words[draw() % 20]);
    if (kind < 35)
        snprintf(cell->text + at, sizeof(cell->text) - at, ", %s", words[draw() % 20]);
    else if (kind < 38)
        snprintf(cell->text + at, sizeof(cell->text) - at, "\nsecond line %" PRIu64, draw() % 1000);
    else if (kind < 41)
        snprintf(cell->text + at, sizeof(cell->text) - at, " \"%s\"", words[draw() % 20]);
    else if (kind < 49)
        snprintf(cell->text + at, sizeof(cell->text) - at, " %s", foreign[draw() % 6]);
}

/* ISO 8601 with microseconds, from seconds since 1970 (civil-from-days). */
static void set_time(struct cell *cell, uint64_t seconds, uint64_t us)
{
    uint64_t z = seconds / 86400 + 719468, era = z / 146097, doe = z % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp = (5 * doy + 2) / 153, day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9,
             s = seconds % 86400;
    cell->kind = CELL_STRING;
    snprintf(cell->text, sizeof(cell->text),
             "%04" PRIu64 "-%02" PRIu64 "-%02" PRIu64 "T%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%06" PRIu64 "Z",
             yoe + era * 400 + (month <= 2), month, day, s / 3600, s / 60 % 60, s % 60, us);
}

static void set_metadata(struct cell *cell)
{
    uint64_t kind = draw() % 100;
    cell->kind = CELL_BARE;
    if (kind < 20)
        snprintf(cell->text, sizeof(cell->text), "{}");
    else
        snprintf(cell->text, sizeof(cell->text),
                 "{\"order_id\":\"%" PRIu64 "\",\"sku\":\"SKU-%05" PRIu64 "\",\"qty\":%" PRIu64 "%s}",
                 draw() % 100000000, draw() % 99999, draw() % 9 + 1, kind < 50 ? ",\"gift\":true" : "");
}

static void make_row(struct cell *cells, uint64_t row, uint64_t version)
{
    state = mix(row * 0x9E37u ^ seed ^ version);
    uint64_t created = 1577836800u + row * 25 + draw() % 25, amount = (draw() % 50000 + 50) * (draw() % 100 ? 1 : 1000);
    uint64_t fee = amount * 29 / 1000 + 30, status = draw() % 8;
    char domain[32];
    set_token(&cells[0], "ch_", row * 2 + 1, 24);
    set_token(&cells[1], "cus_", draw() % 400000 * 2, 14);
    cells[2].kind = cells[4].kind = cells[8].kind = CELL_BARE;
    snprintf(cells[2].text, CELL_MAX, "%" PRIu64, amount);
    set(&cells[3], CELL_STRING, currencies[draw() % 6]);
    snprintf(cells[4].text, CELL_MAX, "%" PRIu64, created);
    set(&cells[5], CELL_STRING, states[status]);
    set_description(&cells[6]);
    set(&cells[7], CELL_BARE, status < 6 ? "true" : "false");
    snprintf(cells[8].text, CELL_MAX, "%" PRIu64 ".%02" PRIu64, fee / 100, fee % 100);
    set_token(&cells[9], "", draw() % 400000, 4 + draw() % 8);
    snprintf(domain, sizeof(domain), "@example.%s", draw() & 1 ? "com" : "org");
    strncat(cells[9].text, domain, CELL_MAX - 32);
    if (draw() % 100 < 30)
        cells[9].kind = CELL_NULL;
    set_metadata(&cells[10]);
    set_time(&cells[11], created + draw() % 864000, draw() % 1000000);
}

static void print_csv(const struct cell *cells)
{
    for (int i = 0; i < COLUMNS; i++) {
        const char *text = cells[i].kind == CELL_NULL ? "" : cells[i].text;
        if (i)
            putchar_unlocked(',');
        if (!strpbrk(text, ",\"\n\r")) {
            fputs_unlocked(text, stdout);
            continue;
        }
        putchar_unlocked('"');
        for (; *text; text++) {
            if (*text == '"')
                putchar_unlocked('"');
            putchar_unlocked(*text);
        }
        putchar_unlocked('"');
    }
    putchar_unlocked('\n');
}

static void print_jsonl(const struct cell *cells)
{
    for (int i = 0; i < COLUMNS; i++) {
        fputs_unlocked(i ? ",\"" : "{\"", stdout);
        fputs_unlocked(names[i], stdout);
        fputs_unlocked("\":", stdout);
        if (cells[i].kind != CELL_STRING) {
            fputs_unlocked(cells[i].kind == CELL_NULL ? "null" : cells[i].text, stdout);
            continue;
        }
        putchar_unlocked('"');
        for (const char *c = cells[i].text; *c; c++) {
            if (*c == '\n') {
                fputs_unlocked("\\n", stdout);
                continue;
            }
            if (*c == '"')
                putchar_unlocked('\\');
            putchar_unlocked(*c);
        }
        putchar_unlocked('"');
    }
    fputs_unlocked("}\n", stdout);
}

int main(int argc, char **argv)
{
    static struct cell cells[COLUMNS];
    uint64_t rows = 1000000, base = 0;
    int option, jsonl = 0;
    while ((option = getopt(argc, argv, "n:f:s:u:")) != -1) {
        switch (option) {
        case 'n': rows = strtoull(optarg, NULL, 10); break;
        case 'f': jsonl = strcmp(optarg, "jsonl") == 0; break;
        case 's': seed = strtoull(optarg, NULL, 10); break;
        case 'u': base = strtoull(optarg, NULL, 10); break;
        default: return 2;
        }
    }
    seed = mix(seed);
    for (int i = 0; i < COLUMNS && !jsonl; i++)
        printf("%s%s", names[i], i < COLUMNS - 1 ? "," : "\n");
    for (uint64_t i = 0; i < rows; i++) {
        uint64_t row = !base ? i : i & 1 ? base + i / 2 : (i / 2 * 2999999u + 17) % base;
        make_row(cells, row, base ? 0x5555 : 0);
        if (jsonl)
            print_jsonl(cells);
        else
            print_csv(cells);
    }
    return fflush(stdout) ? 1 : 0;
}
