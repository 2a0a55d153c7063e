"""Registers figures and sections of the report: one function in one file.

A decorator gives the function its position in the report; every module of
`figures/` and `report/` is searched for decorated functions. A file like this
one, put into `figures/`, is all that a new figure takes:

  @registry.figure(45, "Tokens by level")
  @style.styled
  def tokens_by_level(analysis):
    ...

The figure is drawn into figures/tokens_by_level.png and .pdf and shown after
the figure with the next smaller number. A section is a function that returns
markdown; its text may be in a template, see `templates` and those of
`report/templates/`.
"""

import dataclasses
import importlib
import pkgutil
import types
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

_MARK = "in_report"  # the attribute of a decorated function


@dataclasses.dataclass(frozen=True)
class Figure:
  """A figure of the report.

  Attributes:
    name: of the function, and of the files.
    order: figures are sorted by it, then by name.
    make: draws it of a `results.Analysis`; None if there is nothing to show.
    title: what it shows, in words.
    mirrors: the figures of the paper that it mirrors; "" for none.
  """

  name: str
  order: float
  make: Callable[[Any], Any]
  title: str
  mirrors: str


@dataclasses.dataclass(frozen=True)
class Section:
  """A section of the report.

  Attributes:
    name: of the function.
    order: sections are sorted by it, then by name.
    make: writes it, as markdown, of a `sections.Content`; "" if there is
      nothing to say.
  """

  name: str
  order: float
  make: Callable[[Any], str]


Entry = TypeVar("Entry", Figure, Section)


def figure(
  order: float,
  title: str,
  *,
  mirrors: str = "",
  reads: Callable[[Any], tuple] = lambda analysis: (analysis,),
) -> Callable[[Callable], Callable]:
  """Decorates a function that draws a figure of the report.

  Args:
    order: its position among the figures, between the numbers of two others.
    title: what it shows, in words.
    mirrors: the figures of the paper that it mirrors, as "Figures 4 and 5".
    reads: makes the arguments of the function out of a `results.Analysis`; by
      default this is its one argument.

  Returns:
    A decorator that returns the function itself.
  """

  def decorate(draw: Callable) -> Callable:
    def make(analysis: Any) -> Any:
      return draw(*reads(analysis))

    setattr(draw, _MARK, Figure(draw.__name__, order, make, title, mirrors))
    return draw

  return decorate


def section(
  order: float,
  *,
  reads: Callable[[Any], tuple] = lambda content: (content.analysis,),
) -> Callable[[Callable], Callable]:
  """Decorates a function that writes a section of the report.

  Args:
    order: its position among the sections, between the numbers of two others.
    reads: makes the arguments of the function out of a `sections.Content`; by
      default its one argument is the `results.Analysis`.

  Returns:
    A decorator that returns the function itself.
  """

  def decorate(write: Callable) -> Callable:
    def make(content: Any) -> str:
      return write(*reads(content))

    setattr(write, _MARK, Section(write.__name__, order, make))
    return write

  return decorate


def find(
  kind: type[Entry], packages: Iterable[types.ModuleType]
) -> list[Entry]:
  """Imports all modules of packages and lists what they have registered.

  Args:
    kind: Figure or Section.
    packages: where to look; not in packages within them.

  Returns:
    The entries, in the order of the report.

  Raises:
    ValueError: if two have one name.
  """
  entries: dict[str, Entry] = {}
  modules: dict[str, str] = {}
  for package in packages:
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
      module = importlib.import_module(info.name)
      for value in vars(module).values():
        entry = getattr(value, _MARK, None)
        # Not where another module has imported it.
        if not isinstance(entry, kind) or value.__module__ != info.name:
          continue
        if entry.name in entries:
          raise ValueError(
            f"two of the report are named {entry.name!r}, in"
            f" {modules[entry.name]} and {info.name}; expected names that"
            " differ. Rename one of the functions."
          )
        entries[entry.name], modules[entry.name] = entry, info.name
  return sorted(entries.values(), key=lambda entry: (entry.order, entry.name))
