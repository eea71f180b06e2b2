import sys
import threading

import pytest

from dff_widgets.cell import Cell


def interrupted(action, line, files):
    """Run `action` and raise KeyboardInterrupt at its n-th line within these files; whether there was such a line."""
    count = 0

    def trace(frame, event, _argument):
        nonlocal count
        if not frame.f_code.co_filename.endswith(files):
            return None
        if event == "line":
            count += 1
            if count == line:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_swap_gives_the_value_before_and_the_one_after() -> None:
    cell = Cell("a")
    assert cell.swap(lambda value: value + "b") == ("a", "ab")
    assert cell.value == "ab"


def test_nothing_happens_where_the_change_changes_nothing_or_fails() -> None:
    value = object()
    cell = Cell(value)
    assert cell.swap(lambda same: same) == (value, value)
    with pytest.raises(ZeroDivisionError):
        cell.swap(lambda _: 1 / 0)
    assert cell.value is value


def test_no_change_of_another_thread_is_lost() -> None:
    cell = Cell(0)

    def count() -> None:
        for _ in range(2000):
            cell.swap(lambda value: value + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cell.value == 8000


def test_a_thread_that_comes_between_makes_the_change_start_from_its_value() -> None:
    cell, seen = Cell(1), []

    def change(value: int) -> int:
        seen.append(value)
        if len(seen) == 1:
            cell.swap(lambda other: other + 10)
        return value * 2

    assert cell.swap(change) == (11, 22)
    assert seen == [1, 11]


def test_an_interrupt_at_any_line_leaves_the_old_value_or_the_new_one_and_the_next_change_works() -> None:
    seen = set()
    for line in range(1, 100):
        cell = Cell("old")
        if not interrupted(lambda cell=cell: cell.swap(lambda _: "new"), line, ("cell.py",)):
            assert line > 5
            break
        seen.add(cell.value)
        assert cell.swap(lambda value: value + "er")[1] == cell.value
        assert cell.value in ("older", "newer")
    assert seen == {"old", "new"}
