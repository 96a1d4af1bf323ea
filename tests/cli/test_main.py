"""The command line as a whole: its help, how it finds a command, how it ends."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from neurosim import __version__
from neurosim.cli.main import COMMANDS, Command, parse

ROOT = Path(__file__).parents[2]


def in_a_process(code):
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_help_names_every_command(cli):
    result = cli("--help")
    assert result.code == 0
    for name, command in COMMANDS.items():
        assert f"    {name}" in result.out and command.summary in " ".join(result.out.split())
    assert cli() == result  # no command


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_is_short_of_80_columns_and_shows_an_example(command, cli):
    result = cli(command, "--help")
    assert result.code == 0 and result.err == ""
    assert f"python main.py {command}" in result.out.split("example:")[1]
    assert max(map(len, result.out.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_every_command_can_be_parsed(command):
    assert parse([command, *COMMANDS[command].example.split()]).command == command


def test_version(cli):
    assert cli("--version") == (0, f"neurosim {__version__}\n", "")


@pytest.mark.parametrize("program", ["/opt/venv/bin/neurosim", "neurosim", "neurosim.exe"])
def test_the_installed_command_calls_itself_by_its_name(program, cli):
    result = cli("--help", program=program)
    assert result.out.startswith("usage: neurosim [-h]") and "main.py" not in result.out
    assert "\n  neurosim train --data mnist          train a network and save it" in result.out
    assert "example:\n  neurosim data --data mnist --preview" in cli("data", "--help", program=program).out
    assert "(see neurosim train --help)" in cli("train", "--epoch", "3", program=program).err
    assert "make them with: neurosim scenario" in cli("plot", "nowhere", program=program).err
    assert "make them with: python main.py scenario" in cli("plot", "nowhere").err


def test_a_command_is_a_file_and_a_line(cli, monkeypatch):
    seen = []
    lesson = SimpleNamespace(
        add_options=lambda parser: parser.add_argument("--page", type=int, default=1, help="[%(default)s]"),
        run=lambda arguments: seen.append((arguments.page, arguments.words)),
    )
    monkeypatch.setitem(COMMANDS, "lesson", Command("Teach.", "--page 2"))
    monkeypatch.setitem(sys.modules, "neurosim.cli.lesson", lesson)
    assert cli("lesson", "--page", "3") == (0, "", "") and seen == [(3, ["lesson", "--page", "3"])]
    assert "lesson Teach." in " ".join(cli("--help").out.split())
    assert "example:\n  python main.py lesson --page 2" in cli("lesson", "--help").out
    assert "did you mean '--page'" in cli("lesson", "--pge", "3").err


def test_ctrl_c_is_one_word(cli, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("neurosim.data.load", interrupt)
    assert cli("data", "--data", "digits") == (130, "", "interrupted\n")


def test_help_imports_neither_matplotlib_nor_pandas_nor_numpy():
    in_a_process(
        "import sys, main\ntry:\n    main.main(['--help'])\nexcept SystemExit: pass\n"
        "bad = {'matplotlib', 'pandas', 'numpy', 'viz', 'scenarios', 'tqdm'} & set(sys.modules)\nassert not bad, bad"
    )


@pytest.mark.quick_for("train")
@pytest.mark.parametrize("command", ["train", "step", "inspect", "data"])
def test_what_may_draw_imports_matplotlib_and_pandas_only_when_it_does(command):
    in_a_process(
        f"import sys, neurosim.cli.{command}\n"
        "bad = {'matplotlib', 'pandas', 'viz', 'scenarios'} & set(sys.modules)\nassert not bad, bad"
    )


def test_importing_neurosim_imports_nothing_that_draws():
    in_a_process(
        "import sys, neurosim\nbad = {'matplotlib', 'pandas', 'viz', 'scenarios', 'tqdm'} & set(sys.modules)\n"
        "assert not bad, bad"
    )


@pytest.mark.full
def test_what_was_typed_is_on_record(cli, tmp_path):
    words = ["scenario", "losses", "--quick", "--data", "digits", "--train-size", "50", "--epochs", "1", "--jobs", "1"]
    assert cli(*words, "--out", "my results", program="/usr/bin/neurosim").code == 0
    record = json.loads((tmp_path / "my results/losses/run.json").read_text())
    assert record["command"] == f"neurosim {' '.join(words)} --out 'my results'"
