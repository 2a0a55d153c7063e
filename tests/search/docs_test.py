"""The examples in docstrings run, and the help page is short and complete."""

import doctest
import pydoc

import pytest

from inference_scaling import search


@pytest.mark.slow
def test_the_port_of_a_language_model_runs_and_is_short():
  examples = doctest.DocTestFinder().find(search, "search", globs={})
  result = doctest.testmod(search)
  assert result.attempted > 15 and result.failed == 0
  lines = [line for e in examples[0].examples for line in e.source.split("\n")]
  assert sum(bool(line.strip()) for line in lines) < 90
  # A cache, a check, the compiled entry and votes: nothing is left to guess.
  text = "\n".join(lines)
  for word in ("cache", "search.check(", "search.run_search(", ".votes"):
    assert word in text


def test_help_is_short():
  page = pydoc.plain(pydoc.render_doc(search))
  assert len(page.splitlines()) < 300
  for word in ("padding", "TRUNCATED", "Jit", "leads with P", "per_row"):
    assert word in page


def test_public_names_are_sorted_and_exist():
  # Constants, then classes, then functions, as the linter sorts them.
  kind = lambda name: (not name.isupper(), name[0].islower(), name)  # noqa: E731
  assert search.__all__ == sorted(search.__all__, key=kind)
  assert all(hasattr(search, name) for name in search.__all__)


def test_names_outside_of_help_are_public_too():
  for name in (
    "ab_mcts", "ab_mcts_shape",
    "beam_search", "dvts", "flat_rows", "init_search", "layer_first",
    "list_candidates", "mcts", "mcts_shape", "particle_filter",
    "particle_gibbs", "particle_gibbs_shape", "per_row",
    "rebase", "sampling", "search", "search_step", "Beams", "Policy", "Reward",
    "Step", "Strategy", "BatchedPolicy", "BatchedReward", "batched_policy",
    "batched_reward",
  ):  # fmt: skip
    assert getattr(search, name).__doc__, name
    assert name in search.__doc__ or name == "Beams"
