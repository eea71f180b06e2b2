import threading

import pytest

from dff_widgets.explore import CancelledError
from dff_widgets.explore.memo import Memo


def silent(*_said) -> None:
    return None


def test_a_value_is_made_once() -> None:
    memo, made = Memo(), []
    for _ in range(3):
        assert memo.get("key", lambda: made.append(1) or "value", silent) == "value"
    assert made == [1]
    assert memo.known("other") is None


def test_the_least_recently_used_values_leave_when_there_is_no_room() -> None:
    memo = Memo(room=10, size=len)
    for key, value in (("a", "aaaa"), ("b", "bbbb")):
        memo.put(key, value)
    memo.get("a", lambda: "", silent)
    memo.put("c", "cccc")
    assert (memo.known("a"), memo.known("b"), memo.known("c")) == ("aaaa", None, "cccc")
    assert memo.nbytes == 8
    memo.put("huge", "x" * 99)  # the latest stays, whatever its size
    assert len(memo) == 1
    assert memo.known("huge") is not None


def test_no_more_than_so_many() -> None:
    memo = Memo(most=2)
    for key in "abc":
        memo.put(key, key)
    assert [memo.known(key) for key in "abc"] == [None, "b", "c"]


def test_what_fails_is_not_remembered_and_can_be_tried_again() -> None:
    memo = Memo()
    with pytest.raises(ZeroDivisionError):
        memo.get("key", lambda: 1 / 0, silent)
    assert memo.get("key", lambda: 7, silent) == 7


def test_threads_that_want_the_same_share_the_work_and_others_do_not_wait() -> None:
    memo, made, entered, gate = Memo(), [], threading.Event(), threading.Event()

    def make() -> str:
        made.append(1)
        entered.set()
        assert gate.wait(10)
        return "value"

    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(memo.get("key", make, silent))) for _ in range(3)]
    threads[0].start()
    assert entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    assert memo.get("other", lambda: "at once", silent) == "at once"
    gate.set()
    for thread in threads:
        thread.join(10)
    assert (found, made) == (["value"] * 3, [1])


def test_who_waits_for_another_can_be_cancelled_and_takes_over_where_the_other_fails() -> None:
    memo, entered, gate = Memo(), threading.Event(), threading.Event()

    def fail() -> str:
        entered.set()
        assert gate.wait(10)
        raise CancelledError

    def first() -> None:
        with pytest.raises(CancelledError):
            memo.get("key", fail, silent)

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(10)

    def cancelled(*_said) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        memo.get("key", lambda: "never", cancelled)
    said = []

    def told(*what) -> None:
        said.append(what)
        gate.set()

    assert memo.get("key", lambda: "mine", told) == "mine"
    assert said[0] == ("waiting", 0, 0)
    thread.join(10)
