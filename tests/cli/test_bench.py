"""``bench``: its options, and what they measure."""

import json

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


def test_bench_refuses_no_rounds_and_two_modes(cli):
    assert "--rounds" in cli("bench", "--rounds", "0").err
    result = cli("bench", "--inspect", "--scale")
    assert result.code == 2 and "--scale" in result.err
