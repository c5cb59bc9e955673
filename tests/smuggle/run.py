# SPDX-License-Identifier: Apache-2.0
"""Shows every form to our proxy, HAProxy, nginx and h11, and prints what became of them.

usage: run.py [-v] [PATTERN]     only forms whose names match; -v: all verdicts, one form a line

Fails when one of ours is not as the form says, when the origin was sent anything but whole requests
in our own hand, or when a peer refuses what we accept and `allowed.py` does not say why."""

import argparse
import asyncio
import fnmatch
import sys
from collections import Counter, defaultdict
from functools import partial

from allowed import ALLOWED
from answers import answers
from form import NEXT
from forms import forms
from origin import Origin, address_of, converse, cut_replies, faults_of, in_pieces, values_of, whole
from peers import Haproxy, Nginx, Ours, h11_answer, h11_request

PEERS = (Haproxy, Nginx)
AT_ONCE = 64
PATIENCE = 20.0


def target_of(request):
    return request.head.split(b" ")[1]


# ---- one proxy, all forms ------------------------------------------------------------------------


class Shown:
    """What one proxy made of one form."""

    def __init__(self, got, closed, requests, methods):
        self.replies, self.whole = cut_replies(got, methods)
        self.closed = closed
        self.requests = requests
        self.final = [reply for reply in self.replies if reply.status >= 200]

    @property
    def status(self):
        return self.final[0].status if self.final else 0

    def verdict_on_form(self):
        """accepted, refused, or waited: nothing that can be called an answer."""
        if self.requests and target_of(self.requests[0]) != b"/next":
            return "accepted"
        return "refused" if self.status >= 400 and self.status != 408 else "waited"

    def verdict_on_answer(self, answer):
        if self.status == 504 or not self.closed:
            return "waited"
        body = self.final[0].body if self.final else None
        good = body is not None and (answer.expect != "good" or body == answer.body)
        return "accepted" if good and self.status == answer.status != 502 else "refused"


async def show_all(proxy, origin, wires, at_once):
    """`wires` is (index, pieces, methods). Returns index -> Shown."""
    gate, shown = asyncio.Semaphore(at_once), {}

    async def show(index, pieces, methods):
        async with gate:
            got, closed = await converse(proxy, index, pieces, PATIENCE)
            shown[index] = Shown(got, closed, origin.seen[address_of(index)], methods)

    await asyncio.gather(*(show(*wire) for wire in wires))
    return shown


def with_next(pieces):
    """NEXT in one segment with the end of the form."""
    return pieces[:-1] + [pieces[-1] + NEXT]


async def run_proxy(make, all_forms, all_answers, cut=whole, at_once=AT_ONCE):
    """Returns (Shown of forms, Shown of answers, strays)."""
    origin = Origin(all_answers, cut)
    proxy = make(await origin.start())
    try:
        wires = [(i, with_next(cut(form.wire)), ["GET"] * 2) for i, form in enumerate(all_forms)]
        of_forms = await show_all(proxy, origin, wires, at_once)
        first, wires = len(all_forms), []
        for i, answer in enumerate(all_answers):
            head = f"{answer.method} /answer/{i} HTTP/1.1\r\nHost: app\r\n\r\n".encode()
            wires.append((first + i, [head + NEXT], [answer.method, "GET"]))
        of_answers = await show_all(proxy, origin, wires, at_once)
    finally:
        proxy.stop()
    return of_forms, {i - first: shown for i, shown in of_answers.items()}, origin.strays


# ---- ours: as the form says ----------------------------------------------------------------------


def head_faults(form, request):
    for line in form.has:
        if b"\r\n" + line.lower() + b"\r\n" not in b"\r\n" + request.head.lower():
            yield f"the origin missed {line!r} in {request.head!r}"
    for name in form.lacks:
        if values_of(request.fields, name):
            yield f"the origin got {name!r}"


def refusal_faults(shown):
    if not 400 <= shown.status < 600:
        yield f"not refused: {shown.status}"
    if shown.requests:
        yield f"the origin got {shown.requests[0].head!r}"
    if len(shown.final) > 1:
        yield "another answer behind the refusal"


def passing_faults(form, shown):
    count = 2 if form.expect == "one" else 1
    if [reply.status for reply in shown.final] != [200] * count:
        yield f"answers: {[reply.status for reply in shown.replies]}"
    if len(shown.requests) != count:
        yield f"the origin got {len(shown.requests)} requests, not {count}"
        return
    if shown.requests[0].body != form.body:
        yield f"the origin got the body {shown.requests[0].body!r}"
    if shown.requests[0].trailers != form.trailers:
        yield f"the origin got the trailers {shown.requests[0].trailers!r}"
    if count == 2 and target_of(shown.requests[1]) != b"/next":
        yield f"the next request became {shown.requests[1].head!r}"
    yield from head_faults(form, shown.requests[0])


def form_faults(form, shown):
    if not shown.closed:
        yield "the connection was left open"
    if form.expect == "refused":
        yield from refusal_faults(shown)
    elif form.expect == "mute":
        if shown.replies or shown.requests:
            yield "an incomplete request was answered or sent on"
    else:
        yield from passing_faults(form, shown)
    for request in shown.requests:
        yield from faults_of(request, form.has)


def next_faults(shown):
    """Of the second request on the connection, whose answer must be its own."""
    if len(shown.final) != 2 or not shown.whole:
        yield f"answers: {[reply.status for reply in shown.replies]}, whole: {shown.whole}"
    elif shown.final[1].body != b"next":
        yield f"the next request was answered with {shown.final[1].body!r}"


def answer_faults(answer, shown):
    if not shown.closed:
        yield "the connection was left open"
    if answer.expect == "cut":
        if shown.final and shown.final[0].status == 200 and shown.final[0].body is not None:
            yield "the client cannot know that the answer is cut"
        return
    if shown.status != answer.status:
        yield f"status {shown.status}, not {answer.status}"
        return
    interim = tuple(reply.status for reply in shown.replies if reply.status < 200)
    if answer.expect == "good" and interim != answer.interim:
        yield f"interim answers {interim}"
    if answer.expect == "good" and shown.final[0].body != answer.body:
        yield f"body {shown.final[0].body!r}"
    if answer.expect == "good" and shown.final[0].trailers != answer.trailers:
        yield f"trailers {shown.final[0].trailers!r}"
    for name in answer.lacks:
        if values_of(shown.final[0].fields, name):
            yield f"the client got {name!r}"
    yield from next_faults(shown)


# ---- peers: never stricter than ours -------------------------------------------------------------


def verdicts_of(run, all_forms, all_answers):
    of_forms, of_answers, _ = run
    out = {form.name: of_forms[i].verdict_on_form() for i, form in enumerate(all_forms)}
    for i, answer in enumerate(all_answers):
        out[answer.name] = of_answers[i].verdict_on_answer(answer)
    return out


def rules_for(peer, form):
    return [r for r in ALLOWED if r[0] == peer and fnmatch.fnmatchcase(form.name, r[1])]


def look_again(make, verdicts, all_forms, all_answers):
    """A peer that is short of time may cut a good form short: what would be a fault is shown to it
    once more, one form at a time and with patience."""

    def is_doubtful(form):
        refused = verdicts[form.name] == "refused"
        return accepts(form) and refused != bool(rules_for(make.name, form))

    some_forms = [form for form in all_forms if is_doubtful(form)]
    some_answers = [answer for answer in all_answers if is_doubtful(answer)]
    if some_forms or some_answers:
        slowly = partial(make, wait=3000)
        run = asyncio.run(run_proxy(slowly, some_forms, some_answers, at_once=1))
        verdicts.update(verdicts_of(run, some_forms, some_answers))


def peer_verdicts(make, run, all_forms, all_answers):
    """The peer's name, and form name -> accepted, refused or waited."""
    verdicts = verdicts_of(run, all_forms, all_answers)
    look_again(make, verdicts, all_forms, all_answers)
    return make.name, verdicts


def h11_verdicts(all_forms, all_answers):
    out = {}
    for form in all_forms:
        out[form.name] = "accepted" if h11_request(form.wire + NEXT) else "refused"
    for answer in all_answers:
        out[answer.name] = "accepted" if h11_answer(answer) else "refused"
    return "h11", out


def accepts(form):
    return form.expect in ("one", "last", "good")


def lenient_faults(peers, everything):
    """Where a peer refuses, we accept, and nobody says why."""
    used = set()
    for peer, verdicts in peers:
        for form in everything:
            if not accepts(form) or verdicts[form.name] != "refused":
                continue
            rules = rules_for(peer, form)
            used.update(rules)
            if not rules:
                yield form.name, f"{peer} refuses it and we do not"
    for rule in ALLOWED:
        if rule not in used and any(fnmatch.fnmatchcase(f.name, rule[1]) for f in everything):
            yield rule[1], f"allowed for {rule[0]}, but it refuses no such form"


# ---- report --------------------------------------------------------------------------------------


def print_table(peers, everything, broken):
    rows = defaultdict(Counter)
    for form in everything:
        row = rows[form.name.split("/")[0]]
        row["forms"] += 1
        row["ours refused"] += not accepts(form)
        row["ours wrong"] += form.name in broken
        for peer, verdicts in peers:
            row[f"{peer} refused"] += verdicts[form.name] == "refused"
            row[f"{peer} more"] += verdicts[form.name] == "accepted" and not accepts(form)
    rows["total"] = sum(rows.values(), Counter())
    columns = ["forms", "ours refused", "ours wrong"]
    columns += [f"{peer} {what}" for peer, _ in peers for what in ("refused", "more")]
    print(f"{'':<20}" + "".join(f"{c:>16}" for c in columns))
    for name, row in rows.items():
        print(f"{name:<20}" + "".join(f"{row[c]:>16}" for c in columns))
    print("more: what this one takes and we refuse. What is neither was waited for.")


def print_verdicts(peers, everything):
    for form in everything:
        verdicts = " ".join(f"{peer}={verdicts[form.name]}" for peer, verdicts in peers)
        print(f"{form.name:<60} {form.expect:<8} {verdicts}  ({form.why})")


def has_an_end(answer):
    """Nothing follows it that the proxy could take for the answer to the next request."""
    return not answer.name.startswith("answer-extra/") and "evil" not in answer.name


async def run_all(all_forms, all_answers, ended):
    return await asyncio.gather(
        run_proxy(Ours, all_forms, all_answers),
        run_proxy(Ours, all_forms, ended, in_pieces),
        *(run_proxy(make, all_forms, all_answers) for make in PEERS),
    )


def our_faults(run, all_forms, all_answers):
    of_forms, of_answers, strays = run
    for i, shown in of_forms.items():
        yield from ((all_forms[i].name, what) for what in form_faults(all_forms[i], shown))
    for i, shown in of_answers.items():
        yield from ((all_answers[i].name, what) for what in answer_faults(all_answers[i], shown))
    for client, data in strays:
        yield f"client {client}", f"bytes at the origin that are no request: {data!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("-v", action="store_true", dest="verbose")
    parser.add_argument("pattern", nargs="?", default="*")
    args = parser.parse_args()
    all_forms = [f for f in forms() if fnmatch.fnmatchcase(f.name, args.pattern)]
    all_answers = [a for a in answers() if fnmatch.fnmatchcase(a.name, args.pattern)]
    everything = all_forms + all_answers
    ended = [answer for answer in all_answers if has_an_end(answer)]
    ours, pieces, *others = asyncio.run(run_all(all_forms, all_answers, ended))
    peers = [peer_verdicts(m, r, all_forms, all_answers) for m, r in zip(PEERS, others)]
    peers.append(h11_verdicts(all_forms, all_answers))
    faults = list(our_faults(ours, all_forms, all_answers))
    faults += [(n, f"in pieces: {what}") for n, what in our_faults(pieces, all_forms, ended)]
    faults += lenient_faults(peers, everything)
    if args.verbose:
        print_verdicts(peers, everything)
    print_table(peers, everything, {name for name, _ in faults})
    for name, what in faults:
        print(f"FAULT {name}: {what}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
