"""Which packages import from which, read from the code.

  python -m tests.imports

draws the picture in inference_scaling/README.md again.
"""

import ast
import pathlib
import re
from collections.abc import Iterator, Mapping

PACKAGE = pathlib.Path(__file__).parents[1] / "inference_scaling"
PAGE = PACKAGE / "README.md"
_PICTURE = re.compile(r"(?<=```mermaid\n).*?(?=```)", re.DOTALL)


def package_of(path: pathlib.Path) -> str:
  """The package that a file is in, or the module beside the packages."""
  return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[str]:
  """Dotted names of all modules (or members) that a file imports."""
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, "imports are absolute"
      yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parse(path: pathlib.Path) -> ast.Module:
  """Reads the syntax of a file."""
  return ast.parse(path.read_text(encoding="utf-8"))


def read() -> dict[str, set[str]]:
  """Finds, for each package, those that it imports from."""
  graph: dict[str, set[str]] = {}
  for path in sorted(PACKAGE.rglob("*.py")):
    used = graph.setdefault(package_of(path), set())
    for name in imported(parse(path)):
      root, _, rest = name.partition(".")
      if root == PACKAGE.name and rest:
        used.add(rest.partition(".")[0])
  return {name: used - {name} for name, used in graph.items()}


def draw(graph: Mapping[str, set[str]]) -> str:
  """Draws a graph without loops as text of mermaid.

  Args:
    graph: the nodes that each node has an arrow to.

  Returns:
    Lines. An arrow that a longer way makes needless is left out.
  """
  lines = ["flowchart BT"]
  for node in sorted(graph):
    ways = set().union(*(_reached(graph, near) for near in graph[node]))
    lines += [f"  {node} --> {near}" for near in sorted(graph[node] - ways)]
  return "\n".join(lines) + "\n"


def _reached(graph: Mapping[str, set[str]], node: str) -> set[str]:
  """The nodes that a way leads to, but for the node itself."""
  near = graph[node]
  return near.union(*(_reached(graph, other) for other in near))


def shown(page: str) -> str:
  """The picture that a page shows."""
  picture = _PICTURE.search(page)
  assert picture, f"{PAGE} has no block of mermaid"
  return picture[0]


if __name__ == "__main__":
  text = PAGE.read_text(encoding="utf-8")
  PAGE.write_text(_PICTURE.sub(draw(read()), text, count=1), encoding="utf-8")
