# SPDX-License-Identifier: Apache-2.0
"""The yard of each story: closed whatever happens, its logs shown when the story or the closing fails."""

import pytest

from switchyard import Yard


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.story_failed = outcome.get_result().failed


@pytest.fixture
def yard(request):
    yard = Yard()
    problems = []
    try:
        yield yard
    finally:
        problems = yard.close()
        if problems or getattr(request.node, "story_failed", True):
            yard.show_logs()
        yard.remove()
    assert not problems, "\n".join(problems)
