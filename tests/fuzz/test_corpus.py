"""The files that fuzzing found, tried again; and the fuzzer itself, tested on planted faults."""

import gzip
import signal
import time

import numpy as np
import pytest
from fuzzer import CORPUS, MEMORY, TARGETS, Finding, Session, judge, known_files

import neurosim as ns

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the time limit needs a POSIX signal")


def test_the_corpus_is_small():
    files = list(CORPUS.iterdir())
    assert 20 < len(files) < 200 and sum(file.stat().st_size for file in files) < 200_000


@pytest.mark.parametrize("name", TARGETS)
def test_every_file_that_fuzzing_found_is_refused_in_one_line_or_read_rightly(name, tmp_path):
    verdicts = set()
    for file in known_files(name):
        path = tmp_path / file.stem
        path.write_bytes(gzip.decompress(file.read_bytes()))
        verdicts.add(judge(TARGETS[name], path)[0])
    assert verdicts == {"accepted", "refused"}


@pytest.mark.quick_for("idx", "npz")
@pytest.mark.parametrize("name", TARGETS)
def test_new_mutations_find_nothing(name, tmp_path):
    session = Session(TARGETS[name], tmp_path)
    session.fuzz(100, seed=12345, known=[])
    assert not session.findings and sum(session.verdicts.values()) == 100


def crash(path):
    raise KeyError("x")


def wait(path):
    end = time.process_time() + 5.0
    while time.process_time() < end:
        pass


def hoard(path):
    return np.ones(2 * MEMORY, np.uint8)


def babble(path):
    raise ns.DataError(f"{path}\nis wrong")


def invent(path):
    return np.zeros((1, 1, 1), np.uint8)


@pytest.mark.parametrize(
    ("read", "kind"),
    [(crash, "traceback"), (wait, "hang"), (hoard, "memory"), (babble, "message"), (invent, "wrong acceptance")],
)
def test_the_fuzzer_notices_a_faulty_reader(read, kind, tmp_path):
    (tmp_path / "file").write_bytes(b"nothing")
    with pytest.raises(Finding) as caught:
        judge(TARGETS["idx"]._replace(read=read), tmp_path / "file", seconds=0.2)
    assert caught.value.kind == kind


def test_the_fuzzer_keeps_what_reaches_new_lines(tmp_path):
    session = Session(TARGETS["idx"], tmp_path)
    for content in (b"", b"", b"\0\0\x08\x03", TARGETS["idx"].seeds()[0]):
        session.run(content)
    assert list(session.corpus) == [b"", b"\0\0\x08\x03", TARGETS["idx"].seeds()[0]]
