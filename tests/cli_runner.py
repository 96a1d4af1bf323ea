"""The command line, run inside the test's own process."""

import io
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple
from unittest import mock

from neurosim.cli.main import main


class Result(NamedTuple):
    """The result of a command line: its exit status and its output."""

    code: int
    out: str
    err: str


def run_cli(*words, stdin="", program="main.py"):
    """Run a command line.

    Args:
        words: the command line.
        stdin: the text on standard input, which is a file for the program.
        program: the name that the program was started with.
    """
    out, err = io.StringIO(), io.StringIO()
    with tempfile.TemporaryFile("w+") as typed:
        typed.write(stdin)
        typed.seek(0)
        with (
            mock.patch.multiple(sys, stdin=typed, argv=[program, *map(str, words)]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main([str(word) for word in words])
                code = 0
            except SystemExit as ended:
                code = ended.code or 0
    return Result(code, out.getvalue(), err.getvalue())
