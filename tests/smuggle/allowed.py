# SPDX-License-Identifier: Apache-2.0
"""Where a peer refuses what we accept, and why we may: (peer, names of forms, reason).

A rule that no form needs any more is an error."""

INTERIM = "RFC 9110 15.2: interim answers are to be passed on; this nginx cannot read them"
LIMIT = (
    "limits are a matter of taste: ours are 32 KiB of head and 128 fields, and nothing is ambiguous"
)

ALLOWED = (
    ("haproxy", "limit/100-fields", LIMIT),
    ("haproxy", "line-byte/name-X%2daaa*-ok", LIMIT),
    ("nginx", "line/options-asterisk", "RFC 9112 3.2.4: it asks about the server as a whole"),
    ("nginx", "answer-interim/10[023]*", INTERIM),
    ("nginx", "answer-interim/length-0", INTERIM),
    (
        "h11",
        "line-end/blank-before",
        "RFC 9112 2.2: one empty line before a request is to be ignored",
    ),
)
