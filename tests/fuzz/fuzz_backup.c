/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a backup, as they are and with the checksum that belongs to them: refused with one
 * line, or a document that, written again, reads the same. */
#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/model/backup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_one_line(const char *s)
{
    return s[0] != '\0' && !strpbrk(s, "\r\n");
}

static void check_same(const struct backup *a, const struct backup *b)
{
    CHECK(a->head.keys == b->head.keys && a->head.revision == b->head.revision);
    CHECK(strcmp(a->head.incarnation, b->head.incarnation) == 0);
    for (unsigned i = 0; i < a->head.keys; i++) {
        CHECK(strcmp(a->kv[i].key, b->kv[i].key) == 0 && a->kv[i].rev == b->kv[i].rev);
        CHECK(str_eq(a->kv[i].value, b->kv[i].value));
    }
}

static void try(struct str text)
{
    CLEANUP(buf_deinitp) struct buf again = BUF_INIT(BACKUP_BYTES_MAX);
    struct backup first, second;
    struct err err;

    if (backup_read(text, &first, &err) < 0) {
        CHECK(err.code != ERR_NONE && is_one_line(err.msg));
        return;
    }
    CHECK(backup_write(&first.head, first.kv, first.head.keys, &again, &err) == 0);
    CHECK(backup_read(buf_view(&again), &second, &err) == 0);
    check_same(&first, &second);
    backup_deinit(&first);
    backup_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_deinitp) struct buf summed = BUF_INIT(BACKUP_BYTES_MAX);
    struct sha256 sum = sha256_of(data, size);
    char hex[SHA256_HEX];

    try((struct str){(const char *)data, size});
    CHECK(buf_add(&summed, data, size));
    CHECK(buf_addf(&summed, "{\"sha256\":\"%s\"}\n", sha256_hex(&sum, hex)));
    try(buf_view(&summed));
    return 0;
}
