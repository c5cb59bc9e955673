# SPDX-License-Identifier: Apache-2.0
"""Requests that two implementations could read differently, each with what must become of it.

forms() is deterministic: the same names, bytes and expectations every time. A form is what one
client sends; the runner puts NEXT behind it, the request that a smuggler would like to steal."""

from framing import GROUPS as FRAMING
from heads import GROUPS as HEADS
from hops import GROUPS as HOPS


def forms():
    """All of them; no two have the same name."""
    out = [form for group in FRAMING + HEADS + HOPS for form in group()]
    names = [form.name for form in out]
    assert len(set(names)) == len(names), sorted({n for n in names if names.count(n) > 1})
    return out
