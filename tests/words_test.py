"""Words that are gone from code, prints and pages, and what is said instead.

Whoever drops a word for good adds a line to a table.
"""

import ast
import json
import pathlib
import re
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = "inference_scaling"


def _under(*folders: str) -> tuple[str, ...]:
  """Starts of paths in the package."""
  return tuple(f"{PACKAGE}/{folder}" for folder in folders)


# Each table holds what is gone, what is said instead, and the starts of paths
# where it may still stand.
# Phrases are regular expressions, matched where no letter stands beside them;
# those of small letters match capitals, too.
PHRASES = (
  ("lanes?", "batch slot", ()),
  ("run_lanes", "continuous_batching", ()),
  (
    "rows(_| )in(_| )flight",
    "batch size",
    _under("spec/checking/old_names.py"),
  ),
  ("reward_form", "reward_format", ()),
  ("RewardForm", "RewardFormat", ()),
  ("OWN_FORM", "NATIVE_FORMAT", ()),
  ("FOREIGN", "EXTERNAL_FORMATS", ()),
  ("forgetful", "rematerialisation", ()),
  ("turned heads", "RoPE-permuted", ()),
  ("nats a token", "nats per token", ()),
  ("seconds a problem", "seconds per problem", ()),
  ("time a token", "time per token", ()),
  ("the dearest", "the most expensive", ()),
  ("what this machine allows", "roofline", ()),
  ("what more candidates could ever give", "asymptotic accuracy", ()),
)
# Of variables, arguments, functions and classes.
NAMES = (
  ("asked", "the thing", ()),
  ("beyond", "the thing", ()),
  ("found", "the thing", ()),
  ("here", "the thing", ()),
  ("judge", "reward model", ()),
  ("ours", "the thing", ()),
  # Where `place` is what a function does.
  (
    "place",
    "position, path or the like",
    _under("models/checkpoints/loading.py"),
  ),
  ("room", "space", ()),
  ("settle", "what it does", ()),
  ("settling", "what is done", ()),
  ("some", "the thing", ()),
  ("theirs", "the thing", ()),
  ("there", "the thing", ()),
  ("usual", "default", ()),
  ("LaneStats", "what it holds", ()),
  ("Opinion", "what it holds", ()),
  ("Places", "what it holds", ()),
  ("Reading", "what it holds", ()),
  ("Writer", "what it holds", ()),
  ("Writing", "what it holds", ()),
)
# Of members: `strategy.rules`.
MEMBERS = (("rules", "static_part", ()),)


def _paths() -> Iterator[pathlib.Path]:
  """The files that users read: code, pages, templates and notebooks."""
  for ending in ("py", "md", "jinja", "ipynb"):
    for folder in (f"{PACKAGE}/**", "launch", "configs", "colab", "."):
      yield from sorted(ROOT.glob(f"{folder}/*.{ending}"))


def _read(path: pathlib.Path) -> str:
  """The text of a file; of a notebook, that of its cells."""
  text = path.read_text(encoding="utf-8")
  if path.suffix != ".ipynb":
    return text
  return "\n".join(
    "".join(cell["source"]) for cell in json.loads(text)["cells"]
  )


def _defined(tree: ast.AST) -> Iterator[tuple[str, int]]:
  """Names that a file gives, each with its line."""
  for node in ast.walk(tree):
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
      yield node.id, node.lineno
    elif isinstance(node, ast.arg):
      yield node.arg, node.lineno
    elif isinstance(node, ast.FunctionDef | ast.ClassDef):
      yield node.name, node.lineno


def _members(tree: ast.AST) -> Iterator[tuple[str, int]]:
  """Names of members that a file uses, each with its line."""
  for node in ast.walk(tree):
    if isinstance(node, ast.Attribute):
      yield node.attr, node.lineno


def _lines_with(phrase: str, text: str) -> Iterator[int]:
  """Lines where a phrase begins; it may go on in the next one."""
  words = phrase.replace(" ", r"\s+")
  pattern = rf"(?<![A-Za-z])({words})(?![A-Za-z])"
  flags = re.IGNORECASE if phrase.islower() else re.NOFLAG
  for match in re.finditer(pattern, text, flags):
    yield text.count("\n", 0, match.start()) + 1


FILES = {path.relative_to(ROOT).as_posix(): _read(path) for path in _paths()}
TREES = {
  path: ast.parse(text) for path, text in FILES.items() if path.endswith(".py")
}


@pytest.mark.parametrize(("phrase", "instead", "allowed"), PHRASES)
def test_a_phrase_that_is_gone_stays_away(phrase, instead, allowed):
  places = [
    f"{path}:{line}"
    for path, text in FILES.items()
    if not path.startswith(allowed)
    for line in _lines_with(phrase, text)
  ]
  assert not places, f"say {instead!r} in {', '.join(places)}"


@pytest.mark.parametrize(
  ("name", "instead", "allowed", "names_of"),
  [
    *((*row, _defined) for row in NAMES),
    *((*row, _members) for row in MEMBERS),
  ],
)
def test_a_name_that_is_gone_stays_away(name, instead, allowed, names_of):
  places = [
    f"{path}:{line}"
    for path, tree in TREES.items()
    if not path.startswith(allowed)
    for other, line in names_of(tree)
    if other.strip("_") == name
  ]
  assert not places, f"name {instead} in {', '.join(places)}"
