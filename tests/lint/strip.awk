# SPDX-License-Identifier: Apache-2.0
# C sources with comments, and what stands between quotes, blanked out: "file:line:code", one line for one.
# A line whose comment says `allowed:`, and the line before it (a statement may wrap), are left out.

FNR == 1 { inside = "" ; flush() }

# What is held back until the next line is known not to excuse it.
function flush() {
    if (held != "")
        print held
    held = ""
}

# One character of code; blanks what is inside `inside`, which is the closing mark waited for.
function code_of(text,    out, i, c, two) {
    out = ""
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        two = substr(text, i, 2)
        if (inside == "*/") {
            if (two == "*/") { inside = ""; i++ }
        } else if (inside != "") {
            if (c == "\\") i++
            else if (c == inside) { inside = ""; out = out c }
        } else if (two == "/*") {
            inside = "*/"; i++
        } else {
            if (c == "\"" || c == "'") inside = c
            out = out c
        }
    }
    if (inside != "*/")
        inside = ""
    return out
}

{
    code = code_of($0)
    if ($0 ~ /\/\* allowed: [^ ]/) {
        held = ""
        next
    }
    flush()
    held = FILENAME ":" FNR ":" code
}

END { flush() }
