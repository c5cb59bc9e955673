/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/hash.h"

#include "common/base/rng.h"
#include "tests/lib/unit.h"

/* The values decide which users are on new: they may never change. */
static void murmur_gives_the_published_values(void **state UNUSED)
{
    assert_int_equal(hash_murmur3_32(STR(""), STR("")), 0);
    assert_int_equal(hash_murmur3_32(STR(""), STR("hello")), 0x248bfa47u);
    assert_int_equal(hash_murmur3_32(STR(""), STR("hello, world")), 0x149bbb7fu);
    assert_int_equal(hash_murmur3_32(STR(""), STR("The quick brown fox jumps over the lazy dog")),
                     0x2e4ff723u);
    assert_int_equal(hash_murmur3_32(STR(""), STR("\xff\xff\xff\xff")), 0x76293b50u);
    assert_int_equal(hash_murmur3_32(STR(""), STR("\x21\x43\x65\x87")), 0xf55b516bu);
    assert_int_equal(hash_murmur3_32(STR(""), STR("\x21\x43\x65")), 0x7e4a8634u);
    assert_int_equal(hash_murmur3_32(STR(""), STR("\x21\x43")), 0xa0f7b07au);
    assert_int_equal(hash_murmur3_32(STR(""), STR("\x21")), 0x72661cf4u);
    assert_int_equal(hash_murmur3_32(STR(""), STR("\0\0\0\0")), 0x2362f9deu);
}

static void salt_and_key_hash_as_if_concatenated(void **state UNUSED)
{
    char text[40];
    struct rng r;

    rng_seed(&r, 1);
    for (unsigned i = 0; i < 1000; i++) {
        size_t n = rng_below(&r, sizeof text + 1);
        for (size_t k = 0; k < n; k++)
            text[k] = (char)rng_below(&r, 256);
        uint32_t whole = hash_murmur3_32((struct str){text, n}, STR(""));
        for (size_t cut = 0; cut <= n; cut++)
            assert_int_equal(
                hash_murmur3_32((struct str){text, cut}, (struct str){text + cut, n - cut}), whole);
    }
}

static void sha256_gives_the_published_values(void **state UNUSED)
{
    char hex[SHA256_HEX];
    struct sha256 h = sha256_of("abc", 3);

    assert_string_equal(sha256_hex(&h, hex),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    h = sha256_of(NULL, 0);
    assert_string_equal(sha256_hex(&h, hex),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void sha256_in_pieces_is_the_same(void **state UNUSED)
{
    struct sha256 whole = sha256_of("abcdef", 6), parsed;
    struct sha256_ctx *c = sha256_new();
    char hex[SHA256_HEX];

    sha256_add(c, "abc", 3);
    sha256_add(c, "", 0);
    sha256_add(c, "def", 3);
    struct sha256 pieces = sha256_final(c);
    assert_true(sha256_eq(&whole, &pieces));
    assert_true(sha256_parse(str_of(sha256_hex(&whole, hex)), &parsed));
    assert_true(sha256_eq(&whole, &parsed));
    hex[63] = 'g';
    assert_false(sha256_parse(str_of(hex), &parsed));
    assert_false(sha256_parse((struct str){hex, 63}, &parsed));
}

static void is_mac(struct str key, struct str text, const char *want)
{
    struct sha256 mac = hash_hmac_sha256(key, text);
    char hex[SHA256_HEX];

    assert_string_equal(sha256_hex(&mac, hex), want);
}

/* RFC 4231, test cases 1, 2, 3, 4, 6 and 7. */
static void hmac_gives_the_published_values(void **state UNUSED)
{
    char key[131], data[50], counting[25];

    memset(key, 0x0b, 20);
    is_mac((struct str){key, 20}, STR("Hi There"),
           "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    is_mac(STR("Jefe"), STR("what do ya want for nothing?"),
           "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    is_mac((struct str){key, 20}, (struct str){data, sizeof data},
           "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    for (unsigned i = 0; i < sizeof counting; i++)
        counting[i] = (char)(i + 1);
    memset(data, 0xcd, sizeof data);
    is_mac((struct str){counting, sizeof counting}, (struct str){data, sizeof data},
           "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    is_mac((struct str){key, sizeof key},
           STR("Test Using Larger Than Block-Size Key - Hash Key First"),
           "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    is_mac((struct str){key, sizeof key},
           STR("This is a test using a larger than block-size key and a larger than block-size "
               "data. The key needs to be hashed before being used by the HMAC algorithm."),
           "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(murmur_gives_the_published_values),
        cmocka_unit_test(salt_and_key_hash_as_if_concatenated),
        cmocka_unit_test(sha256_gives_the_published_values),
        cmocka_unit_test(sha256_in_pieces_is_the_same),
        cmocka_unit_test(hmac_gives_the_published_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
