/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: every response head below is read, or refused as a bad gateway with its reason, the same
 * way however its bytes arrive. */
#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/http1/heads.h"

/* The reasons that come more than once. */
#define NO_STATUS_LINE "502 the status line is not HTTP/1.x, status, reason"
#define NO_STATUS      "502 the status is not a number from 100 to 999"
#define NO_VERSION     "502 the first line has no HTTP version where one belongs"
#define NOT_SPOKEN     "502 only HTTP/1.0 and HTTP/1.1 are spoken here"
#define BAD_CODING     "502 the only Transfer-Encoding understood is \"chunked\""
#define INTERIM_BODY   "502 an interim answer that announces a body"
#define BAD_LENGTH     "502 Content-Length is not one decimal number"

#define OK11 "HTTP/1.1 200 OK\r\n"
#define OK10 "HTTP/1.0 200 OK\r\n"
#define END  "\r\n"
#define X16  "xxxxxxxxxxxxxxxx"

static const struct head_case status_lines[] = {
    CASE(OK11 END, "200 [OK] 1.1 fields=0"),
    CASE(OK10 END, "200 [OK] 1.0 fields=0 close"),
    CASE("HTTP/1.1 404 Not Found Here\r\n" END, "404 [Not Found Here] 1.1 fields=0"),
    CASE("HTTP/1.1 200 \r\n" END, "200 [] 1.1 fields=0"),
    CASE("HTTP/1.1 200\r\n" END, "200 [] 1.1 fields=0"),
    CASE("HTTP/1.1 200 \xc3\x9c\t!\r\n" END, "200 [\xc3\x9c\t!] 1.1 fields=0"),
    CASE("HTTP/1.1 200  OK\r\n" END, "200 [ OK] 1.1 fields=0"),
    CASE("HTTP/1.1 100 Continue\r\n" END, "100 [Continue] 1.1 fields=0"),
    CASE("HTTP/1.1 999 X\r\n" END, "999 [X] 1.1 fields=0"),
    CASE("HTTP/1.1 099 X\r\n" END, NO_STATUS),
    CASE("HTTP/1.1 000 X\r\n" END, NO_STATUS),
    CASE("HTTP/1.1 20 OK\r\n" END, NO_STATUS_LINE),
    CASE("HTTP/1.1 +20 OK\r\n" END, NO_STATUS),
    CASE("HTTP/1.1 2x0 OK\r\n" END, NO_STATUS),
    CASE("HTTP/1.1 2000 OK\r\n" END, NO_STATUS_LINE),
    CASE("HTTP/1.1 200OK\r\n" END, NO_STATUS_LINE),
    CASE("HTTP/1.1 200\tOK\r\n" END, NO_STATUS_LINE),
    CASE("HTTP/1.1  200 OK\r\n" END, NO_STATUS_LINE),
    CASE("HTTP/1.1\t200 OK\r\n" END, NO_STATUS_LINE),
    CASE("HTTP/1.1 \r\n" END, NO_STATUS_LINE),
    CASE("200 OK\r\n" END, NO_STATUS_LINE),
    CASE("HTTP/1.2 200 OK\r\n" END, NOT_SPOKEN),
    CASE("HTTP/2.0 200 OK\r\n" END, NOT_SPOKEN),
    CASE("http/1.1 200 OK\r\n" END, NO_VERSION),
    CASE("ICYXX1.1 200 OK\r\n" END, NO_VERSION),
    CASE("HTTP/1.1 200 O\0K\r\n" END, "502 a control byte"),
    CASE("HTTP/1.1 200 OK\n" END, "502 a line ends without CR"),
    CASE("HTTP/1.1 200 O\rK\r\n" END, "502 a CR without LF"),
    CASE("\r\n" OK11 END, NO_STATUS_LINE),      /* lenience is for requests */
    CASE("\x15\x03\x01", "502 a control byte"), /* TLS answered in the clear */
};

static const struct head_case fields[] = {
    CASE(OK11 "Content-Length: 5\r\n" END "hello",
         "200 [OK] 1.1 fields=1 length=5 hop=Content-Length"),
    CASE(OK11 "Content-Length: 5\r\nContent-Length: 5\r\n" END,
         "502 more than one Content-Length field"),
    CASE(OK11 "Content-Length: 5\r\nTransfer_Encoding: chunked\r\n" END,
         "502 a framing field is spelled with an underscore"),
    CASE(OK11 "Transfer-Encoding:\tchunked\r\n" END, "502 a tab in a framing field"),
    CASE(OK11 "Content-Length: 5,5\r\n" END, BAD_LENGTH),
    CASE(OK11 "Content-Length: five\r\n" END, BAD_LENGTH),
    CASE(OK11 "Transfer-Encoding: chunked\r\n" END,
         "200 [OK] 1.1 fields=1 chunked hop=Transfer-Encoding"),
    CASE(OK11 "Transfer-Encoding: gzip\r\n" END, BAD_CODING),
    CASE(OK11 "Transfer-Encoding: chunked, gzip\r\n" END, BAD_CODING),
    CASE(OK11 "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n" END,
         "502 both Content-Length and Transfer-Encoding"),
    CASE(OK10 "Transfer-Encoding: chunked\r\n" END, "502 Transfer-Encoding in an HTTP/1.0 message"),
    CASE("HTTP/1.1 204 X\r\nContent-Length: 0\r\n" END,
         "204 [X] 1.1 fields=1 length=0 hop=Content-Length"),
    CASE("HTTP/1.1 204 X\r\nContent-Length: 5\r\n" END,
         "204 [X] 1.1 fields=1 length=5 close hop=Content-Length"),
    CASE("HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n" END,
         "204 [X] 1.1 fields=1 chunked close hop=Transfer-Encoding"),
    CASE("HTTP/1.1 304 X\r\nContent-Length: 5\r\n" END,
         "304 [X] 1.1 fields=1 length=5 hop=Content-Length"),
    CASE("HTTP/1.1 103 X\r\nContent-Length: 0\r\n" END,
         "103 [X] 1.1 fields=1 length=0 hop=Content-Length"),
    CASE("HTTP/1.1 103 X\r\nContent-Length: 1\r\n" END, INTERIM_BODY),
    CASE("HTTP/1.1 100 X\r\nTransfer-Encoding: chunked\r\n" END, INTERIM_BODY),
    CASE(OK11 "Connection: close\r\n" END, "200 [OK] 1.1 fields=1 close hop=Connection"),
    CASE(OK10 "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n" END,
         "200 [OK] 1.0 fields=2 hop=Connection,Keep-Alive"),
    CASE(OK11 "Connection: X-Internal\r\nX-Internal: 1\r\nX-Other: 1\r\n" END,
         "200 [OK] 1.1 fields=3 hop=Connection,X-Internal"),
    CASE("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n" END,
         "101 [Switching Protocols] 1.1 fields=2 upgrade hop=Connection,Upgrade"),
    CASE(OK11 "Host: a b\r\nHost: c\r\nExpect: x\r\n" END, /* mean nothing here */
         "200 [OK] 1.1 fields=3 hop=Expect"),
    CASE(OK11 "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nServer:\r\n" END, "200 [OK] 1.1 fields=3"),
    CASE(OK11 "A: b\r\n c\r\n" END, "502 a header line begins with white space (folded lines)"),
    CASE(OK11 "A : b\r\n" END, "502 white space in or after a header name"),
    CASE(OK11 "A: b\n" END, "502 a line ends without CR"),
    CASE(OK11 "\n", "502 a line ends without CR"),
};

static const struct head_case limits[] = {
    CASE("", "more"),
    CASE("HTTP/1.1 200", "more"),
    CASE(OK11 "A: b\r\n", "more"),
    CASE("HTTP/1.1 200 " X16 X16 X16 "xxx\r\n" END, "200 [" X16 X16 X16 "xxx] 1.1 fields=0"),
    CASE("HTTP/1.1 200 " X16 X16 X16 "xxxx\r\n" END, "502 the first line is too long"),
    CASE(OK11 "a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\ni:\r\nj:\r\nk:\r\nl:\r\n" END,
         "200 [OK] 1.1 fields=12"),
    CASE(OK11 "a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\ni:\r\nj:\r\nk:\r\nl:\r\nm:\r\n" END,
         "502 too many header fields"),
};

static void check_all(const struct head_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        heads_check(HTTP1_RESPONSE, &cases[i]);
}

static void status_lines_hold(void **state UNUSED)
{
    check_all(status_lines, ARRAY_LEN(status_lines));
}

static void fields_hold(void **state UNUSED)
{
    check_all(fields, ARRAY_LEN(fields));
}

static void limits_hold(void **state UNUSED)
{
    check_all(limits, ARRAY_LEN(limits));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_lines_hold),
        cmocka_unit_test(fields_hold),
        cmocka_unit_test(limits_hold),
    };

    return cmocka_run_group_tests_name("http1 responses", tests, NULL, NULL);
}
