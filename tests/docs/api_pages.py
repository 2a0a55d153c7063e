"""Pages of the API, one for each package: its public names, sorted.

They are made from the syntax of the files by griffe; nothing is imported.
"""

import functools
import pathlib
import re
import textwrap

import griffe

ROOT = pathlib.Path(__file__).parents[2]
NAME = "inference_scaling"
# In the order in which a user meets them.
PACKAGES = (
  "search", "sweep", "tasks", "models", "decoding", "analysis", "spec",
  "storage", "plan", "training", "profiling", "benchmark", "assets",
  "outcomes", "voting", "confidence", "stopping", "compute",
)  # fmt: skip

_SECTION = re.compile(r"[A-Z][a-z]+:$")


@functools.cache
def package() -> griffe.Module:
  """The library, as its files say it is."""
  return griffe.load(NAME, search_paths=[str(ROOT)], allow_inspection=False)


def menu() -> dict[str, str]:
  """Titles of the pages, each with its path."""
  return {"All packages": "api/index.md"} | {
    name: f"api/{name}.md" for name in PACKAGES
  }


def pages() -> dict[str, str]:
  """Texts of the pages, by path."""
  rows = [
    (f"[`{NAME}.{name}`]({name}.md)", package()[name]) for name in PACKAGES
  ]
  index = "# API\n\n" + _table(rows)
  return {"api/index.md": index} | {
    f"api/{name}.md": _page(package()[name]) for name in PACKAGES
  }


def public(module: griffe.Module) -> list[str]:
  """Names that a package offers: what it lists, and what it imports to offer.

  `search` lists what `help` prints first; all that it imports is public.
  """
  names = set(module.exports or ())
  for name, member in module.members.items():
    path = member.target_path if member.is_alias else member.path
    within = path.startswith(f"{module.path}.") and not _is_module(path)
    if within and not name.startswith("_"):
      names.add(name)
  # Constants, then classes, then functions, as the linter sorts them.
  return sorted(names, key=lambda n: (not n.isupper(), n[0].islower(), n))


def _is_module(path: str) -> bool:
  file = ROOT / path.replace(".", "/")
  return file.is_dir() or file.with_suffix(".py").exists()


def _page(module: griffe.Module) -> str:
  names = public(module)
  rows = [
    (f"[`{name}`](#{module.path}.{name})", module[name]) for name in names
  ]
  text = module.docstring.value if module.docstring else ""
  parts = [f"# {module.path}", as_markdown(text), "## Names", _table(rows)]
  return "\n\n".join([*parts, *(f"::: {module.path}.{name}" for name in names)])


def _table(rows: list[tuple[str, griffe.Object | griffe.Alias]]) -> str:
  lines = ["| name | what it is |", "|---|---|"]
  for name, member in rows:
    first = (
      member.docstring.value.partition("\n")[0] if member.docstring else ""
    )
    lines.append(f"| {name} | {first or f'`{member.value}`'} |")
  return "\n".join(lines)


class Fences(griffe.Extension):
  """Prepares the docstrings that mkdocstrings reads."""

  def on_object(self, *, obj: griffe.Object, **_: object) -> None:
    """Fences what is indented in the docstring of any object."""
    if obj.docstring:
      obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
  """Fences what is indented in a docstring: examples, lists of signatures.

  What follows the first of the sections, Args and the like, stays.
  """
  parts = re.split(r"\n{2,}", text)
  for i, part in enumerate(parts):
    lines = part.splitlines()
    if lines and _SECTION.match(lines[0]):
      break
    if lines and all(line.startswith("  ") for line in lines):
      kind = "pycon" if lines[0].lstrip().startswith(">>>") else "python"
      parts[i] = f"```{kind}\n{textwrap.dedent(part)}\n```"
  return "\n\n".join(parts)
