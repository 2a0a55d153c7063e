"""The notebook runs from start to end and shows what its text says."""

import re

import pytest

from tests.colab import notebooks

pytestmark = pytest.mark.slow
NAME = "quickstart.ipynb"
NUM_PICTURES = 2  # a search tree, error against FLOPs


@pytest.fixture(name="executed", scope="module")
def _executed(tmp_path_factory):
  return notebooks.execute(NAME, tmp_path_factory.mktemp("jupyter"))


def test_it_solves_a_problem_and_prints_the_tree(executed):
  text = "\n".join(notebooks.outputs(executed, "stdout"))
  answers = re.findall(r"^Answer: (\S+)$", text, flags=re.M)
  gold = re.findall(r"The answer is: (\d+) ки$", text, flags=re.M)[0]
  assert answers == [gold]
  assert "Search tree (policy_small, rebase n=8" in text
  assert re.search(r"weighted/last +\d+ +right", text)


def test_it_sweeps_and_reports(executed):
  text = "\n".join(notebooks.outputs(executed, "stdout"))
  for policy in ("small", "middle"):
    for strategy in ("rebase", "sampling"):
      line = rf"{policy} {strategy} n=8 seed=0: 24 problems, .* accuracy "
      assert re.search(line, text)
  bars = notebooks.outputs(executed, "text/plain")
  assert any("| 96/96 [" in bar for bar in bars)
  assert "report.md" in text
  tables = notebooks.outputs(executed, "text/html")
  assert any("flops_paper" in table for table in tables)


def test_it_draws_pictures(executed):
  assert len(notebooks.outputs(executed, "image/png")) == NUM_PICTURES


def test_it_shows_the_page_of_the_tree_in_a_frame(executed):
  for notebook in (executed, notebooks.read(NAME)):
    page = notebooks.framed_page(notebook)
    assert page.startswith("<!DOCTYPE html>") and "Search tree" in page
    assert page.rstrip().endswith("</html>")


def test_it_warns_of_nothing(executed):
  assert not notebooks.outputs(executed, "stderr")


def test_the_committed_notebook_has_its_outputs_and_is_small():
  notebooks.check_committed(NAME, NUM_PICTURES, most_bytes=450_000)
  printed = notebooks.outputs(notebooks.read(NAME), "stdout")
  assert any("Answer: " in text for text in printed)
