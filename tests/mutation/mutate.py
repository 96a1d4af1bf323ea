"""Breaks the simulator on purpose, one small change at a time, and checks whether the tests notice.

    python -m tests.mutation.mutate --count 300 --seed 0
    python -m tests.mutation.mutate --modules losses --count 50 --list

A *mutant* is a module with one change: another operator, comparison or constant, two arguments exchanged, or a
statement left out. Docstrings, annotations and the words of messages do not change. For each mutant, the tests of its
module (`TESTS`) run up to the first failure, in a copy of the project in a temporary folder. A mutant that no test
catches is printed: either a test is missing, or the change has no effect.

Reference: DeMillo, Lipton and Sayward (1978), Hints on test data selection; Offutt et al. (1996), An experimental
determination of sufficient mutant operators, for the choice of changes.
"""

import argparse
import ast
import contextlib
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import hypothesis  # noqa: F401  # loaded before the forks, as NumPy is, so that no mutant pays for it
import numpy  # noqa: F401
import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("neurosim", "scenarios", "viz", "tests", "main.py", "pyproject.toml")
LAYER_TESTS = (
    "layers/test_layers.py",
    "layers/test_hooks.py",
    "test_regularizers.py",
    "test_live_arrays.py",
    "layers/test_interventions.py",
)
TESTS = {  # module -> test files in tests/neurosim, the quickest to fail first
    "activations": ("test_activations.py", "analysis/test_gradients.py"),
    "losses": ("test_losses.py", "test_adding.py", "analysis/test_gradients.py"),
    "optimizers": ("test_optimizers.py",),
    "optimizer_base": ("test_optimizers.py",),
    "layers/base": (*LAYER_TESTS, "layers/test_own_layer.py"),
    **dict.fromkeys(("layers/input", "layers/weighted", "layers/dense", "layers/dropout"), LAYER_TESTS),
    "layers/batch_norm": LAYER_TESTS,
}
BAR = 0.9  # share of the mutants that must be caught

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
BOOLEANS = {ast.And: ast.Or, ast.Or: ast.And}
FUNCTIONS = {
    "add": "subtract",
    "subtract": "add",
    "multiply": "divide",
    "divide": "multiply",
    "maximum": "minimum",
    "minimum": "maximum",
    "greater": "greater_equal",
    "less": "less_equal",
    "exp": "expm1",
    "expm1": "exp",
    "log": "log1p",
    "log1p": "log",
}
COMMUTATIVE = {"add", "multiply", "maximum", "minimum", "logaddexp"}  # exchanging their arguments changes nothing


class Mutant(NamedTuple):
    """A module with one change."""

    module: str
    line: int
    kind: str
    change: str
    source: str


def mutants_of(module):
    """Yield all mutants of a module, in the order of its lines."""
    tree = ast.parse((ROOT / "neurosim" / f"{module}.py").read_text(encoding="utf-8"))
    unchanged = ast.unparse(tree)
    for kind, node, fields, shown in list(_changes_below(tree)):
        old, kept = ast.unparse(shown), {name: getattr(node, name) for name in fields}
        vars(node).update(fields)
        source, new = ast.unparse(tree), "left out" if kind == "statement" else ast.unparse(shown)
        vars(node).update(kept)
        if source != unchanged:
            yield Mutant(module, shown.lineno, kind, f"{_on_a_line(old)}  ->  {_on_a_line(new)}", source)


def _on_a_line(text):
    return " ".join(text.split())[:90]


def _changes_below(node):
    """Yield all changes below a node: the kind, the changed node, its new fields, and the node to show."""
    for child in ast.iter_child_nodes(node):
        if not _is_left_alone(node, child):
            yield from _changes(child)
            yield from _changes_below(child)


def _is_left_alone(parent, child):
    """Return whether a node is not behaviour: a message, an annotation, a base, `__repr__`, code for type checkers."""
    if isinstance(child, (ast.Raise, ast.JoinedStr, ast.Assert, ast.Import, ast.ImportFrom)):
        return True
    if isinstance(child, ast.FunctionDef):
        return child.name in ("__repr__", "_repr_html_") or any(
            "abstractmethod" in ast.unparse(each) for each in child.decorator_list
        )
    if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
        return True
    if isinstance(child, ast.BinOp) and isinstance(child.op, ast.BitOr) and isinstance(parent, ast.Assign):
        return True  # a type alias, A | B
    of_no_value = [
        *getattr(parent, "decorator_list", ()),
        *getattr(parent, "bases", ()),
        getattr(parent, "annotation", None),
        getattr(parent, "returns", None),
    ]
    return any(child is each for each in of_no_value)


def _changes(node):
    """Yield the changes to one node."""
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in OPERATORS:
        yield "operator", node, {"op": OPERATORS[type(node.op)]()}, node
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "operator", node, {"op": ast.UAdd()}, node
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield "comparison", node, {"ops": [COMPARISONS[type(node.ops[0])](), *node.ops[1:]]}, node
    if isinstance(node, ast.BoolOp):
        yield "boolean", node, {"op": BOOLEANS[type(node.op)]()}, node
    if isinstance(node, (ast.If, ast.IfExp)):
        yield "boolean", node, {"test": ast.UnaryOp(ast.Not(), node.test)}, node.test
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield "constant", node, {"value": _another(node.value)}, node
    if isinstance(node, ast.Call):
        if (
            len(node.args) >= 2
            and not any(isinstance(each, ast.Starred) for each in node.args[:2])
            and getattr(node.func, "attr", "") not in COMMUTATIVE
        ):
            yield "arguments", node, {"args": [node.args[1], node.args[0], *node.args[2:]]}, node
        if isinstance(node.func, ast.Attribute) and node.func.attr in FUNCTIONS:
            yield "function", node.func, {"attr": FUNCTIONS[node.func.attr]}, node
    if isinstance(node, (ast.FunctionDef, ast.If, ast.For, ast.While, ast.With, ast.Try)):
        for name in ("body", "orelse"):
            block = getattr(node, name, [])
            for k, statement in enumerate(block):
                is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
                if not is_text and not isinstance(statement, (ast.FunctionDef, ast.ImportFrom, ast.Pass, ast.Assert)):
                    rest = [*block[:k], *block[k + 1 :]]
                    yield "statement", node, {name: rest or [ast.Pass()]}, statement


def _another(value):
    """Return another constant of the same type."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else 2 * value or 1.0


def run_tests(folder, module, deadline):
    """Return whether a test fails: "failed", "passed" or "time-out"."""
    files = [str(folder / "tests" / "neurosim" / name) for name in TESTS[module]]
    child = multiprocessing.get_context("fork").Process(target=_in_child, args=(folder, files))
    child.start()
    child.join(deadline)
    if child.is_alive():
        child.kill()
        child.join()
        return "time-out"
    return "passed" if child.exitcode == 0 else "failed"


def _in_child(folder, files):
    """Run pytest on the copy without output, and exit with its exit code."""
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    with contextlib.suppress(ImportError):  # a mutant may fail at import; pytest reports that
        import neurosim

        if folder not in Path(neurosim.__file__).parents:
            os._exit(99)
    os._exit(int(pytest.main(["-x", "-q", "-n0", "-m", "not slow", "-p", "no:cacheprovider", "--no-header", *files])))


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.mutate", description=__doc__.split("\n")[0])
    parser.add_argument("--modules", nargs="+", choices=TESTS, default=list(TESTS))
    parser.add_argument("--count", type=int, default=300, help="how many mutants, drawn at random; 300")
    parser.add_argument("--seed", type=int, default=0, help="of the draw; 0")
    parser.add_argument("--line", type=int, help="only the mutants of this line")
    parser.add_argument("--list", action="store_true", help="print the mutants and run nothing")
    arguments = parser.parse_args()
    mutants = [
        each for module in arguments.modules for each in mutants_of(module) if arguments.line in (None, each.line)
    ]
    chosen = sorted(random.Random(arguments.seed).sample(mutants, min(arguments.count, len(mutants))))
    print(f"{len(chosen)} of {len(mutants)} mutants of {', '.join(arguments.modules)}, seed {arguments.seed}")
    if arguments.list:
        for each in chosen:
            print(f"{each.module}.py:{each.line}  {each.kind:<10}  {each.change}")
        return 0
    sys.dont_write_bytecode = True  # otherwise a mutant could run another mutant's code
    survivors = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
            else:
                shutil.copy(ROOT / part, folder / part)
        deadlines = {}
        for module in arguments.modules:
            began = time.perf_counter()
            if run_tests(folder, module, None) != "passed":
                print(f"the tests of {module} do not pass as they are: {', '.join(TESTS[module])}")
                return 2
            seconds = time.perf_counter() - began
            deadlines[module] = 5 * seconds + 20
            print(f"{module}: its tests take {seconds:.1f} s", flush=True)
        for each in chosen:
            path = folder / "neurosim" / f"{each.module}.py"
            before = path.read_text(encoding="utf-8")
            path.write_text(each.source, encoding="utf-8")
            result = run_tests(folder, each.module, deadlines[each.module])
            path.write_text(before, encoding="utf-8")
            if result == "passed":
                survivors.append(each)
                print(f"survived  {each.module}.py:{each.line}  {each.kind:<10}  {each.change}", flush=True)
    caught = len(chosen) - len(survivors)
    for module in arguments.modules:
        of_it = [each for each in chosen if each.module == module]
        lost = sum(each.module == module for each in survivors)
        print(f"{module:<12} {len(of_it) - lost:>4} of {len(of_it):>4} caught")
    print(f"{'in all':<12} {caught:>4} of {len(chosen):>4} caught, {caught / max(len(chosen), 1):.1%} (bar {BAR:.0%})")
    return 0 if caught >= BAR * len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
