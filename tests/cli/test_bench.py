"""``bench``: its options, and what they measure."""

import json

import pandas as pd
import pytest

from scenarios.bench import inside


@pytest.mark.full
def test_bench_measures_what_it_is_asked_to(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(inside, "LOOKING_REPEATS", 1)
    result = cli("bench", "--inspect", "--rounds", "1", "--data", "digits", "--out", "out")
    assert result.code == 0, result.err
    assert "data: digits" in result.out and "numpy" in result.out and (tmp_path / "out/inspect.png").exists()
    assert max(map(len, result.out.partition("\n  out/")[0].splitlines())) <= 80
    record = json.loads((tmp_path / "out/inspect.json").read_text())
    assert record["rounds_asked"] == 1 and record["data"]["name"] == "digits"
    assert record["command"] == "python main.py bench --inspect --rounds 1 --data digits --out out"


@pytest.mark.full
def test_bench_goes_on_where_it_stopped_and_takes_a_number_of_threads(cli, tmp_path):
    words = [
        "bench",
        "--data",
        "digits",
        "--rounds",
        "1",
        "--peers",
        "none",
        "--threads",
        "1",
        "--out",
        "out",
        "--cases",
    ]
    result = cli(*words, "784-30-10/10/sgd")
    assert result.code == 0 and "reused" not in result.err, result.err
    assert max(map(len, result.out.partition("\n  out/")[0].splitlines())) <= 80
    first = pd.read_csv(tmp_path / "out/bench.csv")
    assert (first["threads"] == 1).all()
    result = cli(*words, "784-30-10/10/sgd,784-30-10/10/adam")
    assert result.code == 0 and "bench: 1 of 2 cases were finished before and are reused" in result.err
    both = pd.read_csv(tmp_path / "out/bench.csv")
    assert both["case"].nunique() == 2
    pd.testing.assert_frame_equal(both[: len(first)], first)
    result = cli(*words, "784-30-10/10/sgd", "--fresh")
    assert result.code == 0 and "reused" not in result.err
    assert pd.read_csv(tmp_path / "out/bench.csv")["seconds"].tolist() != first["seconds"].tolist()
    assert len(list((tmp_path / "out/cases").iterdir())) == 1


def test_bench_refuses_no_rounds_and_two_modes(cli):
    assert "--rounds" in cli("bench", "--rounds", "0").err
    result = cli("bench", "--threads", "1000")
    assert result.code == 2 and "threads: expected at most" in result.err
    result = cli("bench", "--inspect", "--scale")
    assert result.code == 2 and "--scale" in result.err
