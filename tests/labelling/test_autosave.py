"""Autosave without a widget, and where it can be without a thread: what is written, asked, kept and said."""

import os
import threading
import time
from pathlib import Path

import pytest

from dff_widgets.labelling import Autosave, SessionFiles, UnknownFileError


class Work:
    """A session of one string, with its autosave."""

    def __init__(self, start=lambda work: None):
        self.text, self.said, self.files = "", [], SessionFiles()
        self.autosave = Autosave(
            lambda: self.text.encode(), self.files, lambda *said: self.said.append(said), start=start
        )

    def do(self, text):
        self.text = text
        self.autosave.changed()

    def load(self, path):
        checksum = self.files.read(path)
        self.text = Path(path).read_text()
        self.files.loaded(path, checksum)
        self.autosave.follow(str(path))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "work.dff"


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_new_file_is_written_without_a_question_and_without_a_backup(file):
    work = Work()
    work.autosave.follow(str(file))
    for text in ("head", "tail", "tail"):
        work.do(text)
        work.autosave.flush()
        assert file.read_text() == text
    assert work.said == [(f"autosaved in {str(file)!r}", False)] * 3
    assert names(file.parent) == ["work.dff"]


def test_a_file_of_yesterday_is_asked_about_and_left_alone_until_it_is_overwritten(file):
    file.write_text("yesterday")
    work = Work()
    work.autosave.follow(str(file))
    sentence = f"{str(file)!r} is there, and was not written here: overwrite it, or load it?"
    assert work.autosave.question == sentence
    assert work.said == [(sentence, True)]
    work.do("today")
    work.autosave.flush()
    assert file.read_text() == "yesterday"
    with pytest.raises(UnknownFileError, match="overwrite it, or load it"):
        work.files.write(file, b"today")
    work.files.write(file, b"today", overwrite=True)
    work.autosave.answered()
    work.do("later")
    work.autosave.flush()
    assert file.read_text() == "later"
    assert (file.parent / "work.dff.backup").read_text() == "yesterday"


def test_a_file_that_was_loaded_is_gone_on_with_and_kept_as_the_backup(file):
    file.write_text("yesterday")
    work = Work()
    work.autosave.follow(str(file))
    work.load(file)
    assert work.autosave.question is None
    for text in ("today", "and more"):
        work.do(text)
        work.autosave.flush()
    assert file.read_text() == "and more"
    assert (file.parent / "work.dff.backup").read_text() == "yesterday"
    assert names(file.parent) == ["work.dff", "work.dff.backup"]


def test_a_session_that_equals_its_file_is_not_written_again(file):
    file.write_text("yesterday")
    work = Work()
    work.load(file)
    before = file.stat()
    work.do("yesterday")
    work.autosave.flush()
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert names(file.parent) == ["work.dff"]


def test_two_on_one_file_notice_each_other_even_when_time_and_size_are_the_same(file):
    one, other = Work(), Work()
    one.autosave.follow(str(file))
    one.do("one")
    one.autosave.flush()
    other.load(file)
    other.do("two")
    other.autosave.flush()
    os.utime(file, ns=(10**18, 10**18))
    one.do("six")
    one.autosave.flush()
    assert file.read_text() == "two"
    assert "was changed by another notebook or program since: overwrite it, or load it?" in one.autosave.question
    one.files.write(file, b"six", overwrite=True)
    one.autosave.answered()
    assert (file.parent / "work.dff.backup").read_text() == "two"
    other.do("ten")
    other.autosave.flush()
    assert file.read_text() == "six"
    assert other.autosave.question is not None
    other.load(file)
    assert (other.text, other.autosave.question) == ("six", None)


def test_at_the_end_what_is_unsaved_is_written_and_beside_the_file_while_it_is_asked_about(file):
    work = Work()
    work.autosave.follow(str(file))
    work.do("mine")
    work.autosave.end()
    assert file.read_text() == "mine"
    for n in (1, 2):
        other = Work()
        other.autosave.follow(str(file))
        other.autosave.end()  # nothing was done
        other.autosave.follow(str(file))
        other.do(f"other {n}")
        other.autosave.end()
        other.do("after the end")
        assert (file.parent / f"work.unsaved-{n}.dff").read_text() == f"other {n}"
    assert file.read_text() == "mine"
    assert names(file.parent) == ["work.dff", "work.unsaved-1.dff", "work.unsaved-2.dff"]


def test_another_file_or_none_ends_the_question(file):
    file.write_text("yesterday")
    work = Work()
    work.autosave.follow(str(file))
    work.autosave.follow(str(file.with_name("other.dff")))
    assert work.autosave.question is None
    work.do("today")
    work.autosave.follow("")  # unticked: what is unsaved is saved first
    work.do("not for a file")
    work.autosave.flush()
    assert file.read_text() == "yesterday"
    assert file.with_name("other.dff").read_text() == "today"


def loop(folder):
    (folder / "loop").symlink_to("loop")
    return folder / "loop" / "x.dff"


def pipe(folder):
    os.mkfifo(folder / "pipe.dff")
    return folder / "pipe.dff"


BAD = {
    "no such folder": (lambda folder: folder / "nowhere" / "x.dff", "autosave failed: no folder at"),
    "a loop of links": (loop, "leads nowhere"),
    "nobody's home": (lambda _folder: "~nobody-at-all/x.dff", "leads nowhere"),
    "a null byte": (lambda folder: f"{folder}/a\0b", "leads nowhere"),
    "a folder": (lambda folder: folder, "is no regular file"),
    "a pipe": (pipe, "is no regular file"),
}


@pytest.mark.parametrize("which", BAD)
def test_a_bad_place_is_said_in_a_sentence_and_the_next_good_one_works(tmp_path, which):
    make, said = BAD[which]
    path = str(make(tmp_path))
    work = Work()
    work.autosave.follow(path)
    for _ in range(2):
        work.do("head")
        work.autosave.flush()
        assert said in work.said[-1][0]
        assert "\n" not in work.said[-1][0]
        assert work.said[-1][1]
    work.autosave.follow(str(tmp_path / "good.dff"))
    work.do("tail")
    work.autosave.flush()
    assert (tmp_path / "good.dff").read_text() == "tail"


def test_what_a_failed_save_left_unsaved_is_saved_later(file):
    work = Work()
    work.autosave.follow(str(file.parent / "later" / "work.dff"))
    work.do("head")
    work.autosave.flush()
    (file.parent / "later").mkdir()
    work.autosave.end()
    assert (file.parent / "later" / "work.dff").read_text() == "head"


def test_the_backup_of_a_private_file_is_private(file):
    file.write_text("yesterday")
    file.chmod(0o600)
    SessionFiles().write(file, b"today", overwrite=True)
    assert (file.parent / "work.dff.backup").stat().st_mode & 0o777 == 0o600


# ------------------------------------------------------------------------------------------------- in its own thread
@pytest.fixture
def threaded(monkeypatch, file):
    monkeypatch.setattr(Autosave, "quiet", 0.1)
    monkeypatch.setattr(Autosave, "most", 0.5)
    work = Work(start=None)
    work.autosave.follow(str(file))
    return work


def test_a_burst_is_saved_once_and_the_thread_ends(threaded, file):
    for n in range(20):
        threaded.do(str(n))
    assert threaded.autosave.wait(10)
    assert file.read_text() == "19"
    assert len(threaded.said) == 1
    threaded.do("again")
    assert threaded.autosave.wait(10)
    assert file.read_text() == "again"


def test_changes_that_never_rest_are_saved_nevertheless(threaded, file):
    end, n, oldest = time.monotonic() + 2, 0, 0.0
    when = {}
    while time.monotonic() < end:
        n += 1
        when[n] = time.monotonic()
        threaded.do(str(n))
        time.sleep(0.02)
        saved = int(file.read_text()) if file.exists() else 0
        oldest = max(oldest, time.monotonic() - when[saved + 1]) if saved < n else oldest
    assert 2 <= len(threaded.said) <= 5
    assert oldest < 5  # 0.5 and a busy machine's delay; the clock of the machine is not what is tested here
    assert threaded.autosave.wait(10)
    assert file.read_text() == str(n)


def test_a_change_while_a_save_is_made_is_saved_too(monkeypatch, file):
    monkeypatch.setattr(Autosave, "quiet", 0.01)
    inside, go = threading.Event(), threading.Event()
    work = Work(start=None)
    write = work.files.write

    def slow(path, data, **options):
        inside.set()
        assert go.wait(10)
        write(path, data, **options)

    monkeypatch.setattr(work.files, "write", slow)
    work.autosave.follow(str(file))
    work.do("first")
    assert inside.wait(10)
    work.do("second")
    go.set()
    assert work.autosave.wait(10)
    assert file.read_text() == "second"


@pytest.mark.parametrize("error", [OSError("no room"), MemoryError(), KeyboardInterrupt(), SystemExit()])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_whatever_ends_a_save_the_next_change_is_saved(threaded, file, monkeypatch, error):
    write, errors = threaded.files.write, [error]

    def fail(path, data, **options):
        if errors:
            raise errors.pop()
        write(path, data, **options)

    monkeypatch.setattr(threaded.files, "write", fail)
    threaded.do("head")
    assert threaded.autosave.wait(10)
    assert not file.exists()
    threaded.do("tail")
    assert threaded.autosave.wait(10)
    assert file.read_text() == "tail"


def test_an_interrupt_while_the_thread_is_started_costs_nothing(file):
    errors = [KeyboardInterrupt()]

    def start(run):
        if errors:
            raise errors.pop()
        run()

    work = Work(start=start)
    work.autosave.quiet = 0.0
    work.autosave.follow(str(file))
    with pytest.raises(KeyboardInterrupt):
        work.do("head")
    work.do("tail")
    assert file.read_text() == "tail"
