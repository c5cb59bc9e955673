# SPDX-License-Identifier: Apache-2.0
# Headers: a block is what stands between blank lines. One that declares a function must hold a comment, or
# the one before it must be nothing but a comment (the words over a group).

function finish_block() {
    if (declares != "" && !commented && !heading)
        print declares
    if (lines > 0)
        heading = commented && only_comment
    declares = ""; commented = 0; only_comment = 1; lines = 0
}

function finish_file() {
    finish_block()
    heading = 0
    in_comment = 0
}

FNR == 1 { finish_file() }

/^[ \t]*$/ && !in_comment { finish_block(); next }

{
    lines++
    starts_inside = in_comment
    if ($0 ~ /\/\*/) { commented = 1; in_comment = 1 }
    if ($0 ~ /\*\//) in_comment = 0
    if (starts_inside || $0 ~ /^[ \t]*\/\*/) next
    only_comment = 0
    if (declares == "" && $0 !~ /_(init|deinit|free|name)\(/ && $0 ~ /^[a-z].*[ *][a-z0-9_]+\(/ && $0 !~ /^(static|typedef|return|struct [a-z_]+ \{)/)
        declares = FILENAME ":" FNR ": " $0
}

END { finish_file() }
