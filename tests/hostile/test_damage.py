"""Files that a disk or a kill damaged: refused in one sentence, or read as they were written; never something else."""

import os
import subprocess
import sys

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.evaluation import Journal
from dff_widgets.labelling import History, PartLabels, PartMasks, Session

from ..small_networks import small

FLIPS = 400


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(0)
    images = dff.ImageSet.from_arrays([rng.integers(0, 256, (40, 48, 3), dtype=np.uint8) for _ in range(3)])
    return dff.DeepFeatureFactorization(k=2, network=small(), size=32).fit(images)


def session_of(result):
    truth = PartMasks(result.images)
    truth.fill(1, "head")
    labels = History(PartLabels({0: ["head"]}, k=2), [PartLabels(k=2)], [PartLabels({1: ["tail"]}, k=2)])
    settings = {"network": "small", "seed": 7, "percentile": 75.0}
    return Session(result, labels, settings, result.images.names, truth.to_tensors(), {})


def all_of(session):
    """Everything that a session holds, as bytes and text."""
    result, (content, masks) = session.result, session.painted
    arrays = [
        result.factorization.W,
        result.factorization.H,
        *result.images.sources,
        *(masks[n] for n in sorted(masks)),
    ]
    labels = session.labels
    text = (result.sizes, result.shapes, result.network, result.layer, labels.past, labels.value, labels.future)
    return [np.asarray(np.frombuffer(a, np.uint8) if isinstance(a, bytes) else a).tobytes() for a in arrays], repr(
        (text, dict(session.settings), session.names, content, result.factorization.error, result.images.names)
    )


def read(path):
    try:
        return all_of(Session.load(path))
    except ValueError as error:
        return None if "\n" not in str(error) else error


@pytest.fixture
def file(result, tmp_path):
    session_of(result).save(tmp_path / "work.dff")
    return tmp_path / "work.dff"


def test_a_flipped_bit_gives_no_other_session(file):
    whole, expected, rng = file.read_bytes(), read(file), np.random.default_rng(0)
    start = 8 + int.from_bytes(whole[:8], "little")
    read_as_they_were = 0
    for flip in range(FLIPS):
        low, high = ((0, start), (start, len(whole)))[flip % 2]  # half of them in the header
        at, bit = int(rng.integers(low, high)), int(rng.integers(8))
        file.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :])
        found = read(file)
        assert found in (None, expected), f"bit {bit} of byte {at}"
        read_as_they_were += found is not None
    assert read_as_they_were < FLIPS / 20  # such as one in the name of the checksum


def test_a_tail_of_zeros_is_refused(file):
    """What a power cut leaves: the size is right, and the end was never written."""
    whole, rng = file.read_bytes(), np.random.default_rng(0)
    end = len(whole.rstrip(b"\0"))
    for _ in range(100):
        at = int(rng.integers(1, end))
        file.write_bytes(whole[:at].ljust(len(whole), b"\0"))
        assert read(file) is None, f"zeros from {at} of {len(whole)}"


def test_a_result_is_kept_the_same_way(result, tmp_path):
    file = tmp_path / "x.dff"
    result.save(file)
    whole = file.read_bytes()
    at = whole.index(result.factorization.W.tobytes())
    file.write_bytes(whole[: at + 2] + bytes([whole[at + 2] ^ 64]) + whole[at + 3 :])
    with pytest.raises(ValueError, match="is damaged: its checksum is not that of what it holds"):
        dff.DFFResult.load(file)


def test_a_file_of_the_first_edition_has_no_checksum_and_is_read(file):
    from safetensors import safe_open
    from safetensors.numpy import save_file

    expected = read(file)
    with safe_open(file, framework="numpy") as content:
        tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 - not a mapping
        metadata = {name: value for name, value in content.metadata().items() if "checksum" not in name}
    assert len(metadata) == 1
    save_file(tensors, file, metadata)
    assert read(file) == expected


# ------------------------------------------------------------------------------------------------------------ journals
def computed(journal, *ks):
    for k in ks:
        journal.get({"k": k}, lambda k=k: k * 10)


def known(path):
    journal = Journal(path)
    return [k for k in range(20) if {"k": k} in journal]


def test_what_another_process_wrote_after_a_torn_line_stays(tmp_path):
    path = tmp_path / "trials.jsonl"
    computed(Journal(path), 1, 2)
    path.write_bytes(path.read_bytes()[:-5])  # a kill in the middle of the second
    one, other = Journal(path), Journal(path)
    computed(other, 3, 4, 5)
    computed(one, 6)
    computed(other, 7)
    assert known(path) == [1, 3, 4, 5, 6, 7]
    assert len(path.read_text().splitlines()) == 6


def test_a_line_that_only_lacks_its_end_is_whole(tmp_path):
    path = tmp_path / "trials.jsonl"
    computed(Journal(path), 1, 2)
    path.write_bytes(path.read_bytes()[:-1])
    assert known(path) == [1, 2]
    computed(Journal(path), 3)
    assert known(path) == [1, 2, 3]


def test_a_long_torn_line_is_forgotten(tmp_path):
    path = tmp_path / "trials.jsonl"
    journal = Journal(path)
    computed(journal, 1)
    with path.open("ab") as file:
        file.write(b'{"key": {"k": 2}, "value": "' + b"x" * 200_000)
    computed(Journal(path), 3)
    assert known(path) == [1, 3]


WRITE = """
import sys
from dff_widgets.evaluation import Journal
journal = Journal(sys.argv[1])
for k in range(int(sys.argv[2]), int(sys.argv[3])):
    journal.get({"k": k}, lambda: "x" * 3000)
"""


def test_two_processes_write_to_one_journal(tmp_path):
    path = str(tmp_path / "trials.jsonl")
    spans = (("0", "10"), ("10", "20"))
    runs = [subprocess.Popen([sys.executable, "-c", WRITE, path, *span], env=os.environ) for span in spans]
    assert [run.wait(120) for run in runs] == [0, 0]
    assert known(path) == list(range(20))
