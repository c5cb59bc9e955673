# SPDX-License-Identifier: Apache-2.0
"""The daily summary and the weekly review: the numbers are those of the requests that were sent, in every form."""

import re
from collections import Counter

import pytest

from switchyard import wait_for

USERS = [f"user-{i}" for i in range(400)]


class Day:
    """A day's work: traffic on both systems, some of it failing on new, and a rollback."""

    def __init__(self, yard):
        self.yard = yard
        yard.open(nodes=2)
        yard.apply(stages=(25, 100), breaker={"errors": 100000})
        yard.cli("start", "app", "--reason", "CHG-1")
        yard.wait_status("the stage is ready", phase="ready")
        served = sum((Counter(sidecar.client().sides(USERS).values()) for sidecar in yard.sidecars), Counter())
        failing = self.fail_on_new()
        self.sent = {"legacy": (served["legacy"] + failing[200], 0), "new": (served["new"] + failing[503], failing[503])}
        assert failing[503] > 10 and served["legacy"] > served["new"] > 100
        wait_for(lambda: counted(self.report("daily")) == self.sent, f"the report counts {self.sent}")
        yard.cli("rollback", "app", "--to", "0", "--reason", "INC-9: new fails")
        yard.wait_status("every node is on legacy", phase="rolled_back")

    def fail_on_new(self):
        """The answers while new is down; none falls back, since they are for POST."""
        self.yard.new.become(503)
        client = self.yard.sidecars[0].client()
        answers = Counter(client.request(user, method="POST")[0].status for user in USERS[:100])
        self.yard.new.become(200)
        return answers

    def report(self, word):
        return self.yard.cli("report", word, "app", "-o", "json").json

    def tells(self, page):
        """The table of both systems has what was sent."""
        (legacy, _), (new, _) = self.sent["legacy"], self.sent["new"]
        return re.search(rf"^\W*requests\W+{legacy}\W+{new}\b", page, re.MULTILINE)


@pytest.fixture
def day(yard):
    return Day(yard)


def numbers(systems):
    return {s: (int(systems[s]["requests"]), int(systems[s]["errors"])) for s in ("legacy", "new")}


def counted(report):
    return numbers(report["migrations"][0]["stats"])


def test_the_daily_summary_counts_what_was_sent(day):
    app = day.report("daily")["migrations"][0]
    assert numbers(app["stats"]) == day.sent
    assert app["status"]["phase"] == "rolled_back" and app["status"]["weight"] == 0
    assert [(e["operator"], e["reason"]) for e in app["rollbacks"]] == [("tester", "INC-9: new fails")]
    assert {"apply", "start"} <= {e["event"] for e in app["changes"]}

    share = 100 * day.sent["new"][0] / (day.sent["legacy"][0] + day.sent["new"][0])
    for form, title in (("table", "Daily summary, "), ("markdown", "# Daily summary, ")):
        page = day.yard.cli("report", "daily", "app", "-o", form).out
        assert page.startswith(title) and day.tells(page), page
        assert f"{share:.2f} % of requests went to new" in page and "INC-9: new fails" in page, page


def test_the_weekly_review_goes_day_by_day(day):
    app = day.report("weekly")["migrations"][0]
    assert numbers(app["stats"]) == day.sent
    days = [numbers(d) for d in app["days"] if "legacy" in d and "new" in d]
    for system, sent in day.sent.items():
        assert tuple(map(sum, zip(*(d[system] for d in days)))) == sent, app["days"]
    for form, title in (("table", "Weekly review, "), ("markdown", "# Weekly review, ")):
        page = day.yard.cli("report", "weekly", "-o", form).out
        assert page.startswith(title) and day.tells(page), page


def test_a_report_of_what_is_not_there(yard):
    yard.coordinator.start()
    assert "There is no migration." in yard.cli("report", "daily").out
    assert yard.cli("report", "weekly", "-o", "json").json["migrations"] == []
    assert "nope" in yard.cli("report", "daily", "nope", status=1).err
