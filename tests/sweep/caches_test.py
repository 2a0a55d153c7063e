"""Records of the embedded models are the same, however beams are stored."""

import dataclasses
import importlib

import jax
import pytest

from inference_scaling import decoding, sweep

# The package has a function of this name.
solve = importlib.import_module("inference_scaling.sweep.solve")
QUESTION = "Anna has 12 apples. Anna buys 15 more apples. How many has Anna?"
LIMITS = decoding.Limits(
  prompt_tokens=96, step_tokens=32, total_tokens=64, max_steps=3
)


@pytest.fixture(scope="module", autouse=True)
def quick_compilations():
  """They are most of the time of this file."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)


def _record(strategy, hyperparameters, cache, tree_tokens=None):
  """A record, and the bytes of its caches, which alone may differ."""
  settings = dataclasses.replace(
    solve.EMBEDDED_SETTINGS, limits=LIMITS, cache=cache, tree_tokens=tree_tokens
  )
  record = sweep.solve(
    QUESTION, policy="embedded/policy_small", strategy=strategy, n=4,
    hyperparameters=hyperparameters, settings=settings,
  ).record  # fmt: skip
  return record, record["ledger"].pop("cache_bytes")


@pytest.mark.slow
@pytest.mark.parametrize(
  "strategy,hyperparameters,tree_tokens",
  [
    ("rebase", {}, None),
    ("beam_search", {"lookahead": 1}, None),
    ("particle_filter", {}, None),
    ("mcts", {}, 300),  # its paths share most of their tokens
  ],
)
def test_either_cache_gives_the_same_record(
  strategy, hyperparameters, tree_tokens
):
  dense, more = _record(strategy, hyperparameters, "dense")
  tree, fewer = _record(strategy, hyperparameters, "tree", tree_tokens)
  assert dense == tree
  assert len(dense["candidates"]) >= 4
  assert tree_tokens is None or fewer < more
