"""A figure or a section is one function in one file."""

import sys

import pytest

from inference_scaling import analysis
from inference_scaling.analysis import figures, registry
from inference_scaling.analysis import report as report_lib
from inference_scaling.analysis.figures import style
from tests.analysis import factory

FIGURE = """
from inference_scaling.analysis import registry
from inference_scaling.analysis.figures import style


@registry.figure(15, "Tokens by level", mirrors="Figure 99")
@style.styled
def tokens_by_level(analysis):
  figure, axes = style.new_figure(1, 1)
  axes[0, 0].plot([r.level for r in analysis.records], "o")
  return figure


@registry.figure(16, "Nothing to show")
def nothing(analysis):
  return None
"""
SECTION = """
from inference_scaling.analysis import registry
from inference_scaling.analysis.report import claim_sections
from inference_scaling.analysis.report.claim_sections import search_gain


@registry.section(35)
def levels(analysis):
  return f"## Levels\\n\\nOf {len(analysis.records)} records."


@registry.section(36)
def silence(analysis):
  return ""
"""


@pytest.fixture(name="add")
def _add(tmp_path, monkeypatch):
  """Puts a file into a package, for one test."""
  added = []

  def add(package, name, text):
    folder = tmp_path / package.__name__
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    added.append(f"{package.__name__}.{name}")

  yield add
  for name in added:
    package, _, attribute = name.rpartition(".")
    sys.modules.pop(name, None)
    vars(sys.modules[package]).pop(attribute, None)


def test_a_figure_and_a_section_in_a_file_of_their_own_are_shown(
  add, tmp_path, monkeypatch
):
  add(figures, "tokens_by_level", FIGURE)
  add(report_lib, "levels", SECTION)
  drawn = {}
  monkeypatch.setattr(
    style, "save", lambda figure, folder, name: drawn.update({name: figure})
  )
  records = factory.sweep(2, ("small",), (("sampling", 2),), seeds=1)
  workdir = factory.write(tmp_path / "sweep", records)
  text = analysis.write_report(workdir).read_text("utf-8")
  (line,) = drawn["tokens_by_level"].axes[0].get_lines()
  assert list(line.get_ydata()) == [1, 2]
  assert "nothing" not in drawn
  assert (
    "![Tokens by level](figures/tokens_by_level.png)\n\nTokens by level;"
    " mirrors Figure 99 of the paper ([PDF](figures/tokens_by_level.pdf))"
  ) in text
  places = [
    text.index(words)
    for words in (
      "(Table 4 of the paper)",
      "## Levels\n\nOf 2 records.\n\n##",
      "## Figures",
      "figures/optimal_size.png",
      "figures/tokens_by_level.png",
      "figures/error_vs_flops.png",
      "## How the numbers were made",
    )
  ]
  assert places == sorted(places)


def test_two_of_one_name_are_refused(add):
  add(figures, "another", FIGURE.replace("tokens_by_level", "completion"))
  with pytest.raises(
    ValueError, match=r"named 'completion', in .*policy_panels and .*\.another"
  ):
    registry.find(registry.Figure, (figures,))


def test_entries_stand_in_order_and_once():
  entries = registry.find(registry.Section, (figures, report_lib))
  orders = [entry.order for entry in entries]
  assert orders == sorted(set(orders))
  assert (entries[0].name, entries[-1].name) == ("claims", "method")
