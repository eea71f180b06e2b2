import pytest

from dff_widgets.evaluation import Journal


def never():
    raise AssertionError("computed again")


def test_results_outlive_the_run(tmp_path):
    path = tmp_path / "new folder" / "results.jsonl"
    key = {"k": 3, "name": "Gänse"}
    assert key not in Journal(path)
    assert Journal(path).get(key, lambda: {"iou": 0.5}) == {"iou": 0.5}
    again = Journal(path)
    assert {"name": "Gänse", "k": 3} in again
    assert again.get(key, never) == {"iou": 0.5}


def test_without_a_file_they_are_kept_in_memory():
    journal = Journal()
    journal.get({"k": 1}, lambda: 1)
    assert journal.get({"k": 1}, never) == 1


@pytest.mark.parametrize("cut", [2, 5, 20])
def test_a_line_that_was_not_finished_is_computed_again(tmp_path, cut):
    path = tmp_path / "results.jsonl"
    for k in (1, 2):
        Journal(path).get({"k": k}, lambda k=k: k)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    torn = Journal(path)
    assert torn.get({"k": 1}, never) == 1
    assert {"k": 2} not in torn
    torn.get({"k": 2}, lambda: 2)
    torn.get({"k": 3}, lambda: 3)
    assert path.read_bytes() == whole + b'{"key": {"k": 3}, "value": 3}\n'


def test_an_error_is_no_result(tmp_path):
    journal = Journal(tmp_path / "results.jsonl")
    with pytest.raises(ZeroDivisionError):
        journal.get({"k": 1}, lambda: 1 / 0)
    assert {"k": 1} not in Journal(tmp_path / "results.jsonl")


@pytest.mark.parametrize("line", ["no json", "[1]", '{"k": 1}', "3", '{"key": 3, "value": 3}'])
def test_another_file_is_refused(tmp_path, line):
    path = tmp_path / "notes.txt"
    path.write_text(line + "\n")
    with pytest.raises(ValueError, match=r"line 1 of '.*notes\.txt' is no result"):
        Journal(path)
