"""The votes of one record: every voting method over its candidates.

Axis letters: N candidates, J steps at most.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import voting

MAJORITY = "majority"
BEST_OF_N = "best_of_n"
WEIGHTED = "weighted"


def make_votes(
  candidates: Sequence[Mapping[str, Any]],
  aggregations: Sequence[str],
  max_steps: int,
) -> dict[str, dict[str, Any]]:
  """Lets the candidates vote.

  Args:
    candidates: of a record.
    aggregations: names of `voting.AGGREGATIONS`; none where there are no
      rewards, which leaves majority voting.
    max_steps: J; fixed, so that one program serves a whole run.

  Returns:
    The `votes` of a record: for "majority" and, for each aggregation,
    "best_of_n/..." and "weighted/...", the winning answer (None if all
    abstain, or there are no candidates) and whether it is correct.
  """
  nobody = {"answer": None, "correct": False}
  if not candidates:
    return {name: nobody for name in names(aggregations)}
  answers = [candidate["answer"] for candidate in candidates]
  # Some strategies give another number of candidates for each problem. Those
  # that fill up to a power of two abstain, so that few programs serve them all.
  spare = (1 << (len(answers) - 1).bit_length()) - len(answers)
  ids = voting.class_ids([*answers, *[None] * spare])
  scores = np.zeros((len(ids), max_steps), np.float32)
  mask = np.zeros(scores.shape, bool)
  for row, candidate in enumerate(candidates):
    steps = candidate["step_scores"]
    scores[row, : len(steps)] = steps
    mask[row, : len(steps)] = True
  winners = jax.device_get(_winners(tuple(aggregations), ids, scores, mask))
  # All candidates with one answer have one grade; no answer is not right.
  outcomes: dict[int, dict[str, Any]] = {
    int(number): {key: candidate[key] for key in ("answer", "correct")}
    for number, candidate in zip(ids[: len(answers)], candidates, strict=True)
  }
  outcomes[voting.ABSTAIN] = nobody
  return {
    name: outcomes[winner]
    for name, winner in zip(names(aggregations), winners.tolist(), strict=True)
  }


def names(aggregations: Sequence[str]) -> list[str]:
  """Names of the votes, in the order of a record; see `make_votes`."""
  scored = [f"{how}/{x}" for how in (BEST_OF_N, WEIGHTED) for x in aggregations]
  return [MAJORITY, *scored]


def shown(aggregations: Sequence[str]) -> str:
  """Name of the vote that progress reports show; see `make_votes`."""
  if not aggregations:
    return MAJORITY
  how = "last" if "last" in aggregations else aggregations[0]
  return f"{WEIGHTED}/{how}"


# Jitted at the border: nine eager votes a record take longer than its search.
# All aggregations go through one vote of each kind: sorts compile slowly.
@functools.partial(jax.jit, static_argnums=0)
def _winners(
  aggregations: tuple[str, ...],
  ids: jax.Array,
  scores: jax.Array,
  mask: jax.Array,
) -> jax.Array:
  """Winning class ids, int32[1 + 2 * aggregations], in the order of `names`."""
  if not aggregations:
    return voting.majority(ids)[None]
  values = jnp.stack(
    [voting.aggregate(scores, mask, how) for how in aggregations]
  )
  voters = jnp.broadcast_to(ids[None], values.shape)
  return jnp.concatenate(
    [
      voting.majority(ids)[None],
      voting.best_of_n(voters, values),
      voting.weighted(voters, values),
    ]
  )
