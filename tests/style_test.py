"""Rules of the house that a linter does not know, and the linter itself."""

import ast
import pathlib
import subprocess
import sys

import pytest

from tests import imports

PACKAGE = imports.PACKAGE
ROOT = PACKAGE.parent
# A package imports only from those that stand before it; assets are data.
PACKAGES = (
  "names", "spec", "assets", "json_lines", "storage", "runtime", "compute",
  "stopping", "search", "voting", "confidence", "outcomes", "models",
  "decoding", "tasks", "training",
  "sweep", "plan", "profiling", "benchmark", "analysis", "cluster",
  "command_line", "launching", "console",
)  # fmt: skip
# The folders of the analysis, likewise; files beside them come before all.
ANALYSIS = (
  "records", "estimates", "theory", "comparison", "stopping", "claims",
  "figures", "trees", "report",
)  # fmt: skip
# The outermost boundaries, where functions are jitted.
# One entry of the search is one: whoever ports a model finds it compiled.
JITTED = (
  "search/compiled.py", "decoding/batching/programs.py", "training/", "sweep/",
  "benchmark/",
)  # fmt: skip
MODULES = sorted(PACKAGE.rglob("*.py"))


def _name(path):
  return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_ruff(command):
  done = subprocess.run(
    [sys.executable, "-m", "ruff", *command, str(ROOT)],
    capture_output=True, text=True, cwd=ROOT,
  )  # fmt: skip
  assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_is_listed():
  found = {
    path.stem
    for path in PACKAGE.iterdir()
    if (path.is_dir() and (path / "__init__.py").exists())
    or (path.suffix == ".py" and path.stem != "__init__")
  }
  assert found == set(PACKAGES)


@pytest.mark.parametrize(
  "folder", sorted({path.parent for path in MODULES}), ids=_name
)
def test_a_folder_holds_a_dozen_files_at_most(folder):
  files = [path.name for path in folder.glob("[!_]*.py")]
  assert len(files) <= 12, files


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_packages_import_only_from_those_before_them(path):
  package = imports.package_of(path)
  if package == "__init__":
    package = PACKAGES[0]  # the package itself imports nothing
  allowed = PACKAGES[: PACKAGES.index(package) + 1]
  for name in imports.imported(imports.parse(path)):
    first, *rest = name.split(".")
    if first == PACKAGE.name and rest:
      assert rest[0] in allowed, f"{_name(path)} imports {name}"


def test_every_folder_of_the_analysis_is_listed():
  folders = {path.parent.name for path in PACKAGE.glob("analysis/*/*.py")}
  assert folders == set(ANALYSIS)


@pytest.mark.parametrize(
  "path", sorted(PACKAGE.glob("analysis/**/[!_]*.py")), ids=_name
)
def test_analysis_imports_only_from_folders_before(path):
  folder = path.relative_to(PACKAGE / "analysis").parts[0]
  allowed = ANALYSIS[: ANALYSIS.index(folder) + 1] if folder in ANALYSIS else ()
  for name in imports.imported(imports.parse(path)):
    _, package, first, *_ = [*name.split("."), *[""] * 3]
    if package == "analysis" and first in ANALYSIS:
      assert first in allowed, f"{_name(path)} imports {name}"


@pytest.mark.parametrize(
  "path", [p for p in MODULES if not _name(p).startswith(JITTED)], ids=_name
)
def test_only_boundaries_jit(path):
  for node in ast.walk(imports.parse(path)):
    if isinstance(node, ast.Attribute) and node.attr in ("jit", "pmap"):
      raise AssertionError(f"{_name(path)}:{node.lineno} jits")
    if isinstance(node, ast.ImportFrom) and node.module == "jax":
      assert "jit" not in [alias.name for alias in node.names]


def test_analysis_needs_no_jax():
  """Neither do the packages that it imports from."""
  packages, seen = {"analysis"}, set()
  while packages:
    seen |= packages
    paths = [path for path in MODULES if imports.package_of(path) in packages]
    packages = set()
    for path in paths:
      for name in imports.imported(imports.parse(path)):
        root, *rest = name.split(".")
        assert root not in ("jax", "flax", "optax"), f"{_name(path)}: {root}"
        if root == PACKAGE.name:
          packages |= {*rest[:1]} - seen
  assert {"names", "voting"} <= seen


@pytest.mark.parametrize(
  "path", sorted(PACKAGE.glob("*/__init__.py")), ids=_name
)
def test_public_names_are_listed_in_order(path):
  tree = imports.parse(path)
  listed = [
    ast.literal_eval(node.value)
    for node in tree.body
    if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
  ]
  assert len(listed) == 1, f"{_name(path)} has no __all__"
  # Constants, then classes, then functions, each in the order of letters.
  assert listed[0] == sorted(
    listed[0], key=lambda name: (not name.isupper(), name.islower(), name)
  )
  assert len(set(listed[0])) == len(listed[0])
  defined = {name.split(".")[-1] for name in imports.imported(tree)}
  for node in tree.body:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
      defined.add(node.name)
    elif isinstance(node, ast.Assign):
      defined |= {target.id for target in node.targets}
  assert set(listed[0]) <= defined


def test_launchers_are_short():
  for path in sorted((ROOT / "launch").glob("*.py")):
    assert len(path.read_text().splitlines()) < 100, path


def test_tests_mirror_the_package():
  # Every tested folder is a package (or a folder beside the package, or the
  # site of the documentation, which is made of all of them).
  beside = {"launch", "configs", "colab", "docs"}
  tests = ROOT / "tests"
  folders = {
    path.parent.relative_to(tests) for path in tests.rglob("*_test.py")
  }
  for folder in folders - {pathlib.Path()}:
    assert folder.parts[0] in beside or (PACKAGE / folder).is_dir(), folder
