/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what etcd answers: refused with one line, or keys that the contract allows. */
#include "common/base/check.h"
#include "coordinator/store/etcd_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_keys(const struct store_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        CHECK(str_starts(str_of(l->item[i].key), STR(STORE_ROOT)));
        CHECK(strlen(l->item[i].key) <= STORE_KEY_MAX);
        CHECK(l->item[i].rev > 0);
    }
}

static bool is_explained(const struct err *err)
{
    return err->code == ERR_CORRUPT && err->msg[0] && !strpbrk(err->msg, "\r\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct etcd_space space = {.prefix = {"", 0}};
    const struct str text = {(const char *)data, size};
    CLEANUP(etcd_answer_deinit) struct etcd_answer answer;
    CLEANUP(etcd_watch_line_deinit) struct etcd_watch_line line = {0};
    struct etcd_refusal refusal;
    struct err err;

    etcd_answer_init(&answer);
    if (etcd_json_read(&space, text, &answer, &err) < 0)
        CHECK(is_explained(&err));
    check_keys(&answer.kvs);
    if (etcd_json_read_watch(&space, text, &line, &err) < 0)
        CHECK(is_explained(&err));
    check_keys(&line.events);
    if (etcd_json_read_refusal(text, &refusal))
        CHECK(!strpbrk(refusal.reason, "\r\n"));
    return 0;
}
