/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/transport/tls_words.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

static const char *const names[TLS_FAILURE_COUNT] = {
#define X(id, name) [TLS_FAILED_##id] = (name),
    TLS_FAILURES(X)
#undef X
};

const char *tls_failure_name(enum tls_failure f)
{
    return names[f];
}

struct row {
    int reason;
    enum tls_failure failure;
    const char *words;
};

/* SSL_R_ reasons. Those with ALERT come from the other side. */
static const struct row rows[] = {
    {SSL_R_HTTP_REQUEST, TLS_FAILED_PLAIN_HTTP, "the peer speaks HTTP without TLS"},
    {SSL_R_HTTPS_PROXY_REQUEST, TLS_FAILED_PLAIN_HTTP, "the peer speaks HTTP without TLS"},
    {SSL_R_WRONG_VERSION_NUMBER, TLS_FAILED_NOT_TLS, "the peer does not speak TLS"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, TLS_FAILED_NOT_TLS, "the peer does not speak TLS"},
    {SSL_R_RECORD_LENGTH_MISMATCH, TLS_FAILED_NOT_TLS, "the peer does not speak TLS"},
    {SSL_R_UNEXPECTED_MESSAGE, TLS_FAILED_NOT_TLS, "the peer does not speak TLS"},
    {SSL_R_BAD_RECORD_TYPE, TLS_FAILED_NOT_TLS, "the peer does not speak TLS"},
    {SSL_R_UNSUPPORTED_PROTOCOL, TLS_FAILED_VERSION, "the peer speaks no TLS from 1.2 on"},
    {SSL_R_VERSION_TOO_LOW, TLS_FAILED_VERSION, "the peer speaks no TLS from 1.2 on"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, TLS_FAILED_VERSION,
     "the peer wants another version of TLS than 1.2 and 1.3"},
    {SSL_R_NO_SHARED_CIPHER, TLS_FAILED_CIPHER, "no cipher in common"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, TLS_FAILED_CIPHER, "no signature in common"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, TLS_FAILED_CIPHER,
     "the peer has nothing in common with us, or wants a client certificate (handshake_failure)"},
    {SSL_R_NO_APPLICATION_PROTOCOL, TLS_FAILED_PROTOCOL, "no protocol in common (ALPN)"},
    {SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, TLS_FAILED_PROTOCOL,
     "the peer speaks none of the protocols that we offer (ALPN)"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TLS_FAILED_CERTIFICATE,
     "the peer has shown no certificate"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, TLS_FAILED_REFUSED,
     "the peer wants a client certificate"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, TLS_FAILED_REFUSED,
     "the peer does not accept our certificate"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, TLS_FAILED_REFUSED,
     "the peer does not accept our kind of certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, TLS_FAILED_REFUSED,
     "the peer does not accept our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, TLS_FAILED_REFUSED,
     "the peer says that our certificate has expired"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, TLS_FAILED_REFUSED,
     "the peer does not know the authority that signed our certificate"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME, TLS_FAILED_REFUSED, "the peer does not serve this name"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, TLS_FAILED_CLOSED,
     "the peer closed the connection during the handshake"},
};

/* X509_V_ERR_ results; `%s` is the name. */
static const struct row results[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, TLS_FAILED_CERTIFICATE, "the certificate has expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, TLS_FAILED_CERTIFICATE, "the certificate is not valid yet"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, TLS_FAILED_CERTIFICATE,
     "the certificate is signed by itself"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, TLS_FAILED_CERTIFICATE,
     "the certificate is signed by an authority that is not known here"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, TLS_FAILED_CERTIFICATE,
     "the certificate is signed by an authority that is not known here"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, TLS_FAILED_CERTIFICATE,
     "the certificate is signed by an authority that is not known here"},
    {X509_V_ERR_INVALID_PURPOSE, TLS_FAILED_CERTIFICATE,
     "the certificate is not meant for this side of a connection"},
};

static const struct row *find(const struct row *row, size_t count, int reason)
{
    for (size_t i = 0; i < count; i++) {
        if (row[i].reason == reason)
            return &row[i];
    }
    return NULL;
}

static enum tls_failure tell_result(long verified, const char *peer, char dst[TLS_WORDS_MAX])
{
    const struct row *row = find(results, ARRAY_LEN(results), (int)verified);

    if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH)
        str_fmt(dst, TLS_WORDS_MAX, "the certificate is for other names than %s", peer);
    else if (row)
        str_fmt(dst, TLS_WORDS_MAX, "%s", row->words);
    else
        str_fmt(dst, TLS_WORDS_MAX, "the certificate is not accepted: %s",
                X509_verify_cert_error_string(verified));
    return TLS_FAILED_CERTIFICATE;
}

static enum tls_failure tell_socket(int errnum, char dst[TLS_WORDS_MAX])
{
    char text[128];

    if (errnum == 0)
        str_fmt(dst, TLS_WORDS_MAX, "the peer closed the connection during the handshake");
    else
        str_fmt(dst, TLS_WORDS_MAX, "%s", strerror_r(errnum, text, sizeof text));
    return TLS_FAILED_CLOSED;
}

enum tls_failure tls_words(long verified, const char *peer, int errnum, char dst[TLS_WORDS_MAX])
{
    unsigned long code = ERR_peek_error();
    const struct row *row = find(rows, ARRAY_LEN(rows), ERR_GET_REASON(code));
    const char *reason = ERR_reason_error_string(code);

    ERR_clear_error();
    if (verified != X509_V_OK)
        return tell_result(verified, peer, dst);
    if (code == 0)
        return tell_socket(errnum, dst);
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && row) {
        str_fmt(dst, TLS_WORDS_MAX, "%s", row->words);
        return row->failure;
    }
    str_fmt(dst, TLS_WORDS_MAX, "%s", reason ? reason : "the handshake failed");
    return TLS_FAILED_OTHER;
}

void tls_words_of_file(char dst[TLS_WORDS_MAX])
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);

    ERR_clear_error();
    if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE)
        reason = "there is none in it";
    str_fmt(dst, TLS_WORDS_MAX, "%s", reason ? reason : "it cannot be read");
}
