/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: every request below is read, or refused with its status and reason, the same way however
 * its bytes arrive. */
#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/http1/heads.h"

/* The reasons that come more than once. */
#define NO_METHOD    "400 the request line does not begin with a method"
#define SMALL_METHOD "400 a well-known method is not in capital letters"
#define NO_TARGET    "400 the target is missing or holds a byte that no URL may hold"
#define NO_VERSION   "400 the first line has no HTTP version where one belongs"
#define NOT_SPOKEN   "505 only HTTP/1.0 and HTTP/1.1 are spoken here"
#define NO_URL       "400 the target is neither a path nor an http URL"
#define NO_AUTHORITY "400 the target's authority is not a host and port"
#define HOST_DIFFERS "400 the Host field differs from the target's authority"
#define BAD_HOST     "400 the Host field is not a host and port"
#define TWO_HOSTS    "400 more than one Host field"
#define FOLDED       "400 a header line begins with white space (folded lines)"
#define SPACED       "400 white space in or after a header name"
#define BAD_NAME     "400 a header name is empty or holds a byte that none may hold"
#define BAD_LENGTH   "400 Content-Length is not one decimal number"
#define TWO_LENGTHS  "400 more than one Content-Length field"
#define TAB          "400 a tab in a framing field"
#define DISGUISED    "400 a framing field is spelled with an underscore"
#define BAD_CODING   "501 the only Transfer-Encoding understood is \"chunked\""
#define CONTROL      "400 a control byte"
#define BARE_CR      "400 a CR without LF"
#define BARE_LF      "400 a line ends without CR"

#define GET11 "GET / HTTP/1.1\r\n"
#define GET10 "GET / HTTP/1.0\r\n"
#define POST  "POST / HTTP/1.1\r\nHost: a\r\n"
#define HOST  "Host: a\r\n"
#define END   "\r\n"
#define X16   "xxxxxxxxxxxxxxxx"
#define X64   X16 X16 X16 X16

static const struct head_case first_lines[] = {
    CASE(GET11 HOST END, "GET / host=a 1.1 fields=1"),
    CASE("\r\n" GET11 HOST END, "GET / host=a 1.1 fields=1"),
    CASE("\r\n\r\n" GET11 HOST END, NO_METHOD),
    CASE("\n" GET11 HOST END, BARE_LF),
    CASE(" " GET11 HOST END, NO_METHOD),
    CASE("GET /a/b?c=d&e HTTP/1.1\r\n" HOST END, "GET /a/b?c=d&e host=a 1.1 fields=1"),
    CASE("GET /%00%0d%0A HTTP/1.1\r\n" HOST END, "GET /%00%0d%0A host=a 1.1 fields=1"),
    CASE("GET /{a}|[b]^`\\ HTTP/1.1\r\n" HOST END, "GET /{a}|[b]^`\\ host=a 1.1 fields=1"),
    CASE("GET //evil/ HTTP/1.1\r\n" HOST END, "GET //evil/ host=a 1.1 fields=1"),
    CASE("get / HTTP/1.1\r\n" HOST END, SMALL_METHOD),
    CASE("gET / HTTP/1.1\r\n" HOST END, SMALL_METHOD),
    CASE("Options * HTTP/1.1\r\n" HOST END, SMALL_METHOD),
    CASE("purge / HTTP/1.1\r\n" HOST END, "purge / host=a 1.1 fields=1"),
    CASE("PURGE-ALL! / HTTP/1.1\r\n" HOST END, "PURGE-ALL! / host=a 1.1 fields=1"),
    CASE("PATCH /x HTTP/1.1\r\n" HOST END, "PATCH /x host=a 1.1 fields=1"),
    CASE("G(T / HTTP/1.1\r\n" HOST END, NO_METHOD),
    CASE("GET\t/ HTTP/1.1\r\n" HOST END, NO_METHOD),
    CASE("G\xc3\x84T / HTTP/1.1\r\n" HOST END, NO_METHOD),
    CASE("/ HTTP/1.1\r\n" HOST END, NO_METHOD),
    CASE("GET\r\n", NO_METHOD),
    CASE("GET \r\n", NO_TARGET),
    CASE("GET /\r\n", NO_TARGET),
    CASE("GET  / HTTP/1.1\r\n" HOST END, NO_TARGET),
    CASE("GET /  HTTP/1.1\r\n" HOST END, NO_VERSION),
    CASE("GET / HTTP/1.1 \r\n" HOST END, NO_VERSION),
    CASE("GET /a b HTTP/1.1\r\n" HOST END, NO_VERSION),
    CASE("GET /\tHTTP/1.1\r\n" HOST END, NO_TARGET),
    CASE("GET /a#b HTTP/1.1\r\n" HOST END, NO_TARGET),
    CASE("GET /\"a\" HTTP/1.1\r\n" HOST END, NO_TARGET),
    CASE("GET /<a> HTTP/1.1\r\n" HOST END, NO_TARGET),
    CASE("GET /\xc3\xa4 HTTP/1.1\r\n" HOST END, NO_TARGET),
    CASE("GET /a\0b HTTP/1.1\r\n" HOST END, CONTROL),
    CASE("GET /\x7f HTTP/1.1\r\n" HOST END, CONTROL),
    CASE("GET / HTTP/1.1\n" HOST END, BARE_LF),
    CASE("GET / HTTP/1.1\r" HOST END, BARE_CR),
    CASE("GET /\rx HTTP/1.1\r\n" HOST END, BARE_CR),
    CASE("GET / HTTP/1.1\r\r\n" HOST END, BARE_CR),
    CASE("\x16\x03\x01\x02\x00\x01\x00", CONTROL), /* TLS on the plain port */
};

static const struct head_case versions[] = {
    CASE("GET / HTTP/1.0\r\n" END, "GET / host= 1.0 fields=0 close"),
    CASE("GET / HTTP/1.2\r\n" HOST END, NOT_SPOKEN),
    CASE("GET / HTTP/2.0\r\n" HOST END, NOT_SPOKEN),
    CASE("GET / HTTP/0.9\r\n" HOST END, NOT_SPOKEN),
    CASE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NOT_SPOKEN),
    CASE("GET / HTTP/1.10\r\n" HOST END, NO_VERSION),
    CASE("GET / HTTP/01.1\r\n" HOST END, NO_VERSION),
    CASE("GET / HTTP/1\r\n" HOST END, NO_VERSION),
    CASE("GET / HTTP/1,1\r\n" HOST END, NO_VERSION),
    CASE("GET / HTTP/a.b\r\n" HOST END, NO_VERSION),
    CASE("GET / http/1.1\r\n" HOST END, NO_VERSION),
    CASE("GET / HTTPS/1.1\r\n" HOST END, NO_VERSION),
    CASE("GET / \r\n" HOST END, NO_VERSION),
};

static const struct head_case targets[] = {
    CASE("GET http://a/x HTTP/1.1\r\n" HOST END, "GET /x host=a 1.1 fields=1"),
    CASE("GET HTTP://A:80/x?y HTTP/1.1\r\n" HOST END, "GET /x?y host=A:80 1.1 fields=1"),
    CASE("GET https://a/x HTTP/1.1\r\nHost: a:443\r\n" END, "GET /x host=a 1.1 fields=1"),
    CASE("GET http://a:/ HTTP/1.1\r\n" HOST END, "GET / host=a: 1.1 fields=1"),
    CASE("GET http://a HTTP/1.1\r\n" HOST END, "GET / host=a 1.1 fields=1"),
    CASE("OPTIONS http://a HTTP/1.1\r\n" HOST END, "OPTIONS * host=a 1.1 fields=1"),
    CASE("GET http://a/ HTTP/1.0\r\n" END, "GET / host=a 1.0 fields=0 close"),
    CASE("GET http://a?x HTTP/1.1\r\n" HOST END, "400 the target has a query but no path"),
    CASE("GET http://b/ HTTP/1.1\r\n" HOST END, HOST_DIFFERS),
    CASE("GET http://a:443/ HTTP/1.1\r\n" HOST END, HOST_DIFFERS),
    CASE("GET http://a/ HTTP/1.1\r\n" END, "400 an HTTP/1.1 request needs a Host field"),
    CASE("GET http:// HTTP/1.1\r\n" HOST END, NO_URL),
    CASE("GET http:///x HTTP/1.1\r\n" HOST END, NO_AUTHORITY),
    CASE("GET http://u@a/ HTTP/1.1\r\n" HOST END, NO_AUTHORITY),
    CASE("GET http://a:b/ HTTP/1.1\r\n" HOST END, NO_AUTHORITY),
    CASE("GET ftp://a/ HTTP/1.1\r\n" HOST END, NO_URL),
    CASE("GET a HTTP/1.1\r\n" HOST END, NO_URL),
    CASE("GET ?a HTTP/1.1\r\n" HOST END, NO_URL),
    CASE("OPTIONS * HTTP/1.1\r\n" HOST END, "OPTIONS * host=a 1.1 fields=1"),
    CASE("GET * HTTP/1.1\r\n" HOST END, "400 the target * belongs to OPTIONS only"),
    CASE("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n" END, "CONNECT  host=a:443 1.1 fields=1"),
    CASE("CONNECT a HTTP/1.1\r\n" HOST END, "400 the target of CONNECT is not host:port"),
    CASE("CONNECT / HTTP/1.1\r\n" HOST END, "400 the target of CONNECT is not host:port"),
};

static const struct head_case hosts[] = {
    CASE(GET11 END, "400 an HTTP/1.1 request needs a Host field"),
    CASE(GET11 HOST HOST END, TWO_HOSTS),
    CASE(GET10 HOST HOST END, TWO_HOSTS),
    CASE(GET11 "Host: a\r\nhOSt: b\r\n" END, TWO_HOSTS),
    CASE(GET11 "Host:\r\n" END, BAD_HOST),
    CASE(GET11 "Host: \r\n" END, BAD_HOST),
    CASE(GET10 "Host:\r\n" END, BAD_HOST),
    CASE(GET11 "Host: :80\r\n" END, BAD_HOST),
    CASE(GET11 "Host: a:65535\r\n" END, "GET / host=a:65535 1.1 fields=1"),
    CASE(GET11 "Host: a:65536\r\n" END, BAD_HOST),
    CASE(GET11 "Host: a:00080\r\n" END, "GET / host=a:00080 1.1 fields=1"),
    CASE(GET11 "Host: a%41%c3\r\n" END, "GET / host=a%41%c3 1.1 fields=1"),
    CASE(GET11 "Host: a%4\r\n" END, BAD_HOST),
    CASE(GET11 "Host: a%4g\r\n" END, BAD_HOST),
    CASE(GET11 "Host: %\r\n" END, BAD_HOST),
    CASE(GET11 "Host: a%4:80\r\n" END, BAD_HOST),
    CASE(GET11 "host:a.example:8080\r\n" END, "GET / host=a.example:8080 1.1 fields=1"),
    CASE(GET11 "Host: [::1]:80\r\n" END, "GET / host=[::1]:80 1.1 fields=1"),
    CASE(GET11 "Host: [::1]\r\n" END, "GET / host=[::1] 1.1 fields=1"),
    CASE(GET11 "Host: [::1\r\n" END, BAD_HOST),
    CASE(GET11 "Host: []\r\n" END, BAD_HOST),
    CASE(GET11 "Host: [::1]x\r\n" END, BAD_HOST),
    CASE(GET11 "Host: a:123456\r\n" END, BAD_HOST),
    CASE(GET11 "Host: a:8o\r\n" END, BAD_HOST),
    CASE(GET11 "Host: a:1:2\r\n" END, BAD_HOST),
    CASE(GET11 "Host: a b\r\n" END, BAD_HOST),
    CASE(GET11 "Host: a,b\r\n" END, BAD_HOST),
    CASE(GET11 "Host: a/b\r\n" END, BAD_HOST),
    CASE(GET11 "Host: u@a\r\n" END, BAD_HOST),
    CASE(GET11 "Host: http://a\r\n" END, BAD_HOST),
    CASE(GET11 "Host: \xc3\xa4\r\n" END, BAD_HOST),
};

static const struct head_case field_lines[] = {
    CASE(GET11 HOST "A: 1\r\nB:2\r\nC: \t 3 \t\r\nD:\r\nE: \r\n" END, "GET / host=a 1.1 fields=6"),
    CASE(GET11 HOST "A: \x80\xff:;\"(\t)\r\n" END, "GET / host=a 1.1 fields=2"),
    CASE(GET11 HOST "!#$%&'*+-.^_`|~09azAZ: x\r\n" END, "GET / host=a 1.1 fields=2"),
    CASE(GET11 HOST "A: x\r\n y\r\n" END, FOLDED),
    CASE(GET11 HOST "A: x\r\n\ty\r\n" END, FOLDED),
    CASE(GET11 " " HOST END, FOLDED),
    CASE(GET11 "Host : a\r\n" END, SPACED),
    CASE(GET11 HOST "A\t: x\r\n" END, SPACED),
    CASE(GET11 HOST "A B: x\r\n" END, SPACED),
    CASE(GET11 HOST ": x\r\n" END, BAD_NAME),
    CASE(GET11 HOST "A(B): x\r\n" END, BAD_NAME),
    CASE(GET11 HOST "\xc3\xa4: x\r\n" END, BAD_NAME),
    CASE(GET11 HOST "A\r\n" END, "400 a header line has no colon"),
    CASE(GET11 HOST "A: x\n" END, BARE_LF),
    CASE(GET11 HOST "A: x\r" END, BARE_CR),
    CASE(GET11 HOST "A: x\ry\r\n" END, BARE_CR),
    CASE(GET11 HOST "A: x\r\r\n" END, BARE_CR),
    CASE(GET11 HOST "A: \0\r\n" END, CONTROL),
    CASE(GET11 HOST "A\0: x\r\n" END, CONTROL),
    CASE(GET11 HOST "A: \x1f\r\n" END, CONTROL),
    CASE(GET11 HOST "A: \x0b\r\n" END, CONTROL),
    CASE(GET11 HOST "A: xxxxxxxxxxxxx\x7f\r\n" END, CONTROL),
    CASE(GET11 HOST "\n", BARE_LF),
    CASE(GET11 HOST "\rx", BARE_CR),
};

static const struct head_case lengths[] = {
    CASE(POST "Content-Length: 5\r\n" END "hello",
         "POST / host=a 1.1 fields=2 length=5 hop=Content-Length"),
    CASE(POST "content-LENGTH:0\r\n" END, "POST / host=a 1.1 fields=2 length=0 hop=content-LENGTH"),
    CASE(POST "Content-Length:  007 \r\n" END,
         "POST / host=a 1.1 fields=2 length=7 hop=Content-Length"),
    CASE(POST "Content-Length: 9223372036854775807\r\n" END,
         "POST / host=a 1.1 fields=2 length=9223372036854775807 hop=Content-Length"),
    CASE(POST "Content-Length: 9223372036854775808\r\n" END, BAD_LENGTH),
    CASE(POST "Content-Length: 99999999999999999999999\r\n" END, BAD_LENGTH),
    CASE(POST "Content-Length: 5\r\nContent-Length: 5\r\n" END, TWO_LENGTHS),
    CASE(POST "Content-Length: 5\r\nContent-Length: 6\r\n" END, TWO_LENGTHS),
    CASE(POST "Content-Length: 0\r\nA: b\r\ncontent-length: 0\r\n" END, TWO_LENGTHS),
    CASE(POST "Content-Length:\t5\r\n" END, TAB),
    CASE(POST "Content-Length: 5\t\r\n" END, TAB),
    CASE(POST "Content-Length: 5, 5\r\n" END, BAD_LENGTH),
    CASE(POST "Content-Length:\r\n" END, BAD_LENGTH),
    CASE(POST "Content-Length: +5\r\n" END, BAD_LENGTH),
    CASE(POST "Content-Length: -5\r\n" END, BAD_LENGTH),
    CASE(POST "Content-Length: 0x5\r\n" END, BAD_LENGTH),
    CASE(POST "Content-Length: 5 5\r\n" END, BAD_LENGTH),
    CASE(POST "Content-Length: 5.0\r\n" END, BAD_LENGTH),
    CASE(POST "Content_Length: 5\r\n" END, DISGUISED),
    CASE(POST "cONTENT_lENGTH: 5\r\n" END, DISGUISED),
    CASE(POST "Content_Lengthy: 5\r\nContent-Lengtx: 5\r\nContent_Lengtx: 5\r\n" END,
         "POST / host=a 1.1 fields=4"),
};

static const struct head_case codings[] = {
    CASE(POST "Transfer-Encoding: chunked\r\n" END,
         "POST / host=a 1.1 fields=2 chunked hop=Transfer-Encoding"),
    CASE(POST "transfer-encoding:CHUNKED \r\n" END,
         "POST / host=a 1.1 fields=2 chunked hop=transfer-encoding"),
    CASE(POST "Transfer-Encoding:\tchunked\r\n" END, TAB),
    CASE(POST "Transfer-Encoding: chunked\t\r\n" END, TAB),
    CASE(POST "Transfer_Encoding: chunked\r\n" END, DISGUISED),
    CASE(POST "Transfer_Encodings: chunked\r\nTransfer_Encodinx: chunked\r\n" END,
         "POST / host=a 1.1 fields=3"),
    CASE(POST "Transfer-Encoding: gzip, chunked\r\n" END, BAD_CODING),
    CASE(POST "Transfer-Encoding: chunked, chunked\r\n" END, BAD_CODING),
    CASE(POST "Transfer-Encoding: xchunked\r\n" END, BAD_CODING),
    CASE(POST "Transfer-Encoding: \"chunked\"\r\n" END, BAD_CODING),
    CASE(POST "Transfer-Encoding: identity\r\n" END, BAD_CODING),
    CASE(POST "Transfer-Encoding: chunked;q=1\r\n" END, BAD_CODING),
    CASE(POST "Transfer-Encoding: ,chunked\r\n" END, BAD_CODING),
    CASE(POST "Transfer-Encoding: \x0b"
              "chunked\r\n" END,
         CONTROL),
    CASE(POST "Transfer-Encoding:\r\n" END, "400 Transfer-Encoding is empty"),
    CASE(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END,
         "400 more than one Transfer-Encoding field"),
    CASE(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END,
         "400 both Content-Length and Transfer-Encoding"),
    CASE(POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n" END,
         "400 both Content-Length and Transfer-Encoding"),
    CASE("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" END,
         "400 Transfer-Encoding in an HTTP/1.0 message"),
};

static const struct head_case connections[] = {
    CASE(GET11 HOST "Connection: close\r\n" END, "GET / host=a 1.1 fields=2 close hop=Connection"),
    CASE(GET11 HOST "Connection: keep-alive\r\n" END, "GET / host=a 1.1 fields=2 hop=Connection"),
    CASE(GET10 "Connection: Keep-Alive\r\n" END, "GET / host= 1.0 fields=1 hop=Connection"),
    CASE(GET10 "Connection: keep-alive, close\r\n" END,
         "GET / host= 1.0 fields=1 close hop=Connection"),
    CASE(GET11 HOST "Connection: X-A,\t, x-b\r\nX-a: 1\r\nX-B: 2\r\nX-C: 3\r\n" END,
         "GET / host=a 1.1 fields=5 hop=Connection,X-a,X-B"),
    CASE(GET11 HOST "Connection: a\r\nA: 1\r\nConnection: CLOSE\r\n" END,
         "GET / host=a 1.1 fields=4 close hop=Connection,A,Connection"),
    CASE(GET11 HOST "Connection: host\r\n" END, "GET / host=a 1.1 fields=2 hop=Connection"),
    CASE(GET11 HOST "Connection: Cookie, X-Forwarded-For, via\r\nCookie: a\r\nVia: b\r\n" END,
         "GET / host=a 1.1 fields=4 hop=Connection"),
    CASE(GET11 HOST "Connection: a b\r\n" END, "400 Connection is not a list of tokens"),
    CASE(GET11 HOST "Connection: \"close\"\r\n" END, "400 Connection is not a list of tokens"),
    CASE(GET11 HOST "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,1,2,3,4,5,6"
                    "\r\n" END,
         "GET / host=a 1.1 fields=2 hop=Connection"),
    CASE(GET11 HOST "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,1,2,3,4,5,6,7"
                    "\r\n" END,
         "400 Connection names too many options"),
    CASE(GET11 HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n" END,
         "GET / host=a 1.1 fields=3 upgrade hop=Connection,Upgrade"),
    CASE(GET11 HOST "Upgrade: h2c\r\n" END, "GET / host=a 1.1 fields=2 hop=Upgrade"),
    CASE(GET11 HOST "Connection: upgrade\r\n" END, "GET / host=a 1.1 fields=2 hop=Connection"),
    CASE(GET11 HOST "TE: trailers\r\nTrailer: X\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n" END,
         "GET / host=a 1.1 fields=5 trailers hop=TE,Keep-Alive,Proxy-Connection"),
    CASE(GET11 HOST "TE: gzip;q=0.5,\tTrailers ,x\r\nTE: deflate\r\n" END,
         "GET / host=a 1.1 fields=3 trailers hop=TE,TE"),
    CASE(GET11 HOST "TE: trailers;q=0, no-trailers, trailers x\r\n" END,
         "GET / host=a 1.1 fields=2 hop=TE"),
    CASE("GET / HTTP/1.0\r\nTE: trailers\r\n" END, "GET / host= 1.0 fields=1 close hop=TE"),
    CASE(GET11 HOST "Trailer: A\r\nConnection: TE, trailer\r\n" END,
         "GET / host=a 1.1 fields=3 hop=Trailer,Connection"),
    CASE(GET11 HOST "Test: 1\r\nTraiier: 1\r\nKeepAlive: 1\r\nExpert: 1\r\n" END,
         "GET / host=a 1.1 fields=5"),
    CASE(POST "Expect: 100-Continue\r\nContent-Length: 1\r\n" END,
         "POST / host=a 1.1 fields=3 length=1 expect hop=Expect,Content-Length"),
    CASE("POST / HTTP/1.0\r\nExpect: 100-continue\r\n" END,
         "POST / host= 1.0 fields=1 close hop=Expect"),
    CASE(POST "Expect: tea\r\n" END, "417 the only expectation understood is \"100-continue\""),
};

static const struct head_case limits[] = {
    CASE("", "more"),
    CASE("\r", "more"),
    CASE("\r\n", "more"),
    CASE("GE", "more"),
    CASE(GET11 HOST, "more"),
    CASE(GET11 HOST "\r", "more"),
    CASE("GET /" X16 X16 X16 "xx HTTP/1.1\r\n" HOST END,
         "GET /" X16 X16 X16 "xx host=a 1.1 fields=1"), /* a line of 64 */
    CASE("GET /" X16 X16 X16 "xxx HTTP/1.1\r\n" HOST END, "414 the first line is too long"),
    CASE("GET /" X64 X64, "414 the first line is too long"),
    CASE("\r\nGET /" X64 X64, "414 the first line is too long"),
    CASE("GET /" X64 X64 "\x01", "414 the first line is too long"),
    CASE(GET11 "a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\ni:\r\nj:\r\nk:\r\n" HOST END,
         "GET / host=a 1.1 fields=12"),
    CASE(GET11 "a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\ni:\r\nj:\r\nk:\r\nl:\r\n" HOST END,
         "431 too many header fields"),
    /* 16 + 9 + 2 + 481 + 2 + 2 = 512 */
    CASE(GET11 HOST "a:" X64 X64 X64 X64 X64 X64 X64 X16 X16 "x\r\n" END,
         "GET / host=a 1.1 fields=2"),
    CASE(GET11 HOST "a:" X64 X64 X64 X64 X64 X64 X64 X16 X16 "xx\r\n" END,
         "431 the head is too large"),
    CASE(GET11 HOST "a:" X64 X64 X64 X64 X64 X64 X64 X64, "431 the head is too large"),
    CASE(GET11 HOST "a:" X64 X64 X64 X64 X64 X64 X64 X64 "\n", "431 the head is too large"),
};

static void check_all(const struct head_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        heads_check(HTTP1_REQUEST, &cases[i]);
}

#define TABLE_TEST(table)                     \
    static void table##_hold(void **s UNUSED) \
    {                                         \
        check_all(table, ARRAY_LEN(table));   \
    }

TABLE_TEST(first_lines)
TABLE_TEST(versions)
TABLE_TEST(targets)
TABLE_TEST(hosts)
TABLE_TEST(field_lines)
TABLE_TEST(lengths)
TABLE_TEST(codings)
TABLE_TEST(connections)
TABLE_TEST(limits)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_lines_hold), cmocka_unit_test(versions_hold),
        cmocka_unit_test(targets_hold),     cmocka_unit_test(hosts_hold),
        cmocka_unit_test(field_lines_hold), cmocka_unit_test(lengths_hold),
        cmocka_unit_test(codings_hold),     cmocka_unit_test(connections_hold),
        cmocka_unit_test(limits_hold),
    };

    return cmocka_run_group_tests_name("http1 requests", tests, NULL, NULL);
}
