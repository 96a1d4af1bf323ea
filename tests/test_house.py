"""The house keeps its rules: who may import whom, no circles, no file and no function too long to be read."""

import ast
import io
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("neurosim", "scenarios", "viz")
FILES = [ROOT / "main.py", *sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))]

# from the ground up: a file imports only from its own floor and from those below it
FLOORS = {
    "ground": "neurosim.errors neurosim.schema neurosim.lazy neurosim.registry neurosim.checks neurosim.text "
    "neurosim.parameters neurosim.processors neurosim.console neurosim.progress neurosim.signals neurosim.streams "
    "neurosim.html neurosim.samples neurosim.labels neurosim.places neurosim.glossary",
    "rules": "neurosim.activations neurosim.losses neurosim.optimizer_base neurosim.optimizers neurosim.schedules "
    "neurosim.initializers neurosim.regularizers neurosim.augment neurosim.metrics",
    "layers": "neurosim.layers",
    "compiled": "neurosim.compiled",
    "network": "neurosim.network",
    "files": "neurosim.files",
    "data": "neurosim.data",
    "training": "neurosim.training",
    "analysis": "neurosim.analysis",
    "walk": "neurosim.walk",
    "public": "",  # the package itself, which hands out all names above: for those who stand above it
    "viz": "viz",
    "scenarios": "scenarios",
    "page": "neurosim.page",
    "cli": "neurosim.cli",
    "main": "main",
}
FLOOR_OF = {room: name for name, rooms in FLOORS.items() for room in rooms.split()}
ORDER = list(FLOORS)
DOORS = {"fit", "trace", "report", "save", "load"}  # of Network: one line each, that opens a room above


def module_of(path):
    """The dotted name of a file; of a package for its __init__."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def floor_of(module):
    """The floor that a module stands on; None if no floor lists it."""
    if module == "neurosim":
        return "public"
    room = module
    while room and room not in FLOOR_OF:
        room = room.rpartition(".")[0]
    return FLOOR_OF.get(room)


class Imports(ast.NodeVisitor):
    """Every import of a file, those inside functions included: (module, function it stands in, for types alone)."""

    def __init__(self, path):
        self.path, self.module = path, module_of(path)
        self.package = self.module if path.name == "__init__.py" else self.module.rpartition(".")[0]
        self.functions, self.for_types = [], False
        self.found = []
        self.visit(ast.parse(path.read_text("utf-8")))

    def visit_FunctionDef(self, node):
        self.functions.append(node.name)
        self.generic_visit(node)
        self.functions.pop()

    def visit_If(self, node):
        before, self.for_types = self.for_types, self.for_types or ast.unparse(node.test) == "TYPE_CHECKING"
        self.generic_visit(node)
        self.for_types = before

    def visit_Import(self, node):
        for each in node.names:
            self.add(each.name)

    def visit_ImportFrom(self, node):
        base = self.package.split(".")[: len(self.package.split(".")) - node.level + 1] if node.level else []
        name = ".".join([*base, *([node.module] if node.module else [])])
        for each in node.names:
            self.add(f"{name}.{each.name}" if f"{name}.{each.name}" in MODULES else name)

    def add(self, name):
        if name in MODULES:
            self.found.append((name, self.functions[0] if self.functions else "", self.for_types))


@cache
def imports_of(module):
    return Imports(MODULES[module]).found


def is_door(module, function, for_types):
    """Whether an import is one of the doors of network.py, or names what comes out of them."""
    return module == "neurosim.network" and (function in DOORS or for_types)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module):
    own = ORDER.index(floor_of(module))
    for other, function, for_types in imports_of(module):
        if not is_door(module, function, for_types):
            assert ORDER.index(floor_of(other)) <= own, f"{module} imports {other}, which stands above it"


def test_the_doors_are_a_line_each():
    (network,) = [
        node
        for node in ast.parse(MODULES["neurosim.network"].read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "Network"
    ]
    doors = {each.name: each.body for each in network.body if isinstance(each, ast.FunctionDef) and each.name in DOORS}
    assert doors.keys() == DOORS
    for body in doors.values():
        docstring, opening, result = body
        assert isinstance(opening, ast.ImportFrom) and isinstance(result, ast.Return)
        assert isinstance(docstring, ast.Expr)
    used = {function for _, function, for_types in imports_of("neurosim.network") if function and not for_types}
    assert used == DOORS


def test_no_circle_of_files():
    """Strongly connected components of the import graph, by Tarjan's algorithm (1972)."""
    graph = {
        module: {
            other
            for other, function, for_types in imports_of(module)
            if other != module and not is_door(module, function, for_types)
        }
        for module in MODULES
    }
    index, low, stack, circles = {}, {}, [], []

    def visit(module):
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in graph[module]:
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            component = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(component) > 1:
                circles.append(component)

    for module in graph:
        if module not in index:
            visit(module)
    assert circles == []


def test_few_places_ask_for_the_type_of_a_layer():
    classes = {"Layer", "ActivationLayer", "WeightedLayer", "Input", "Dense", "Dropout", "BatchNorm"}
    asking = []
    for module, path in MODULES.items():
        if module.startswith("neurosim.layers"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
                names = {each.id for each in ast.walk(node.args[1]) if isinstance(each, ast.Name)}
                names |= {each.attr for each in ast.walk(node.args[1]) if isinstance(each, ast.Attribute)}
                asking += [module] * bool(names & classes)
    assert len(asking) <= 6, asking


def code_lines(path):
    """The numbers of the lines that hold code: no docstrings, comments, blank lines."""
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    docstrings = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    passed_over = (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    )
    tokens = [each for each in tokenize.generate_tokens(io.StringIO(source).readline) if each.type not in passed_over]
    return tree, {line for each in tokens for line in range(each.start[0], each.end[0] + 1)} - docstrings


@pytest.mark.parametrize("module", MODULES)
def test_files_and_functions_can_be_read(module):
    tree, lines = code_lines(MODULES[module])
    assert len(lines) <= 450
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert sum(node.lineno <= line <= node.end_lineno for line in lines) <= 60, node.name


def test_main_is_a_few_lines():
    assert len((ROOT / "main.py").read_text("utf-8").splitlines()) <= 20


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("neurosim.") and ".cli" not in name])
def test_the_simulator_needs_no_pictures_and_pandas_only_where_it_is_used(module):
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    everywhere = {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    everywhere |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    assert not {name.partition(".")[0] for name in everywhere} & {"matplotlib", "viz", "scenarios"}
    at_once = {each.name for node in tree.body if isinstance(node, ast.Import) for each in node.names}
    assert not at_once & {"pandas", "tqdm", "numba"}
