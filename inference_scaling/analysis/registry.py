"""How a figure or a section comes into the report: one function in one file.

A decorator says where the function stands in the report; every module of
`figures/` and `report/` is looked through for them. A file like this one, put
into `figures/`, is all that a new figure takes:

  @registry.figure(45, "Tokens by level")
  @style.styled
  def tokens_by_level(analysis):
    ...

The figure is drawn into figures/tokens_by_level.png and .pdf and shown among
the others, after the one with the next smaller number. A section is a function
that returns markdown; long words of it may stand in a template, see `templates`
and those of `report/templates/`.
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
    order: figures stand in the report in rising order of it, then of names.
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
    order: sections stand in the report in rising order of it, then of names.
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
    order: its place among the figures, between the numbers of two others.
    title: what it shows, in words.
    mirrors: the figures of the paper that it mirrors, as "Figures 4 and 5".
    reads: makes the arguments of the function out of a `results.Analysis`; by
      default this is its one argument.

  Returns:
    A decorator that returns the function itself.
  """

  def decorate(draw):
    def make(analysis):
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
    order: its place among the sections, between the numbers of two others.
    reads: makes the arguments of the function out of a `sections.Content`; by
      default its one argument is the `results.Analysis`.

  Returns:
    A decorator that returns the function itself.
  """

  def decorate(write):
    def make(content):
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
  found: dict[str, Entry] = {}
  places: dict[str, str] = {}
  for package in packages:
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
      module = importlib.import_module(info.name)
      for value in vars(module).values():
        entry = getattr(value, _MARK, None)
        # Not where another module has imported it.
        if not isinstance(entry, kind) or value.__module__ != info.name:
          continue
        if entry.name in found:
          raise ValueError(
            f"two of the report are named {entry.name!r}, in"
            f" {places[entry.name]} and {info.name}; expected names that"
            " differ. Rename one of the functions."
          )
        found[entry.name], places[entry.name] = entry, info.name
  return sorted(found.values(), key=lambda entry: (entry.order, entry.name))
