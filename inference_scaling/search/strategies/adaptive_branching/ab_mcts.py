"""AB-MCTS-A: Thompson sampling decides whether to go wider or deeper."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import core

from inference_scaling import names
from inference_scaling.search import base
from inference_scaling.search.checks import arguments
from inference_scaling.search.strategies.adaptive_branching import (
  posteriors,
  tree,
)

# Of the prior, by posterior: see `posteriors.Prior`.
_PRIORS = {
  posteriors.NORMAL: posteriors.Prior(0.0, 1.0, 1.0, 0.1),
  posteriors.BETA: posteriors.Prior(0.5, 1.0, 1.0, 0.1),
}


def ab_mcts(
  posterior: str = posteriors.NORMAL,
  prior_mean: Any = None,
  prior_count: Any = 1.0,
  prior_degrees: Any = None,
  prior_variance: Any = None,
  max_steps: Any = None,
  batch: Any = 1,
) -> base.Strategy:
  """Grows a tree by one step at a time, at the node that draws lead to.

  Every node, the root included, has two choices: GEN, a new child of its own,
  and CONT, to go on from one of its children. Each choice and each child has a
  posterior of the scores that it leads to. From the root, one draw of GEN and
  one of CONT are compared; where CONT is above, the child with the highest
  draw is followed, the lower slot at a tie, and the same is done there. Where
  it is not, or where no child may be followed, a step is made from the node
  and scored by its newest reward. The score is observed by the GEN of that
  node, by the CONT of all nodes above it, by the new child and by all nodes on
  the way to it as children (node aggregation).

  In the paper a node is a whole answer and its children refine it. Here a node
  is a step and its children go on from it, as in `mcts`: nodes that have ended,
  or have `max_steps` steps, have no children and are not followed. Where a step
  is a whole answer, every node is a child of the root: n samples. Where a
  reward is the chance to be right, a child has on average that of its parent:
  nothing then draws this search deeper, and it stays wide.

  Every beam of the loop is a node of the tree, and every node is made;
  `ab_mcts_shape` gives the number of rounds. Leaves that still run when the
  search ends are unfinished candidates. Equal children are children each: a
  choice that makes the same again and again has said so by its draws.

  Args:
    posterior: "normal", of scores of any range, or "beta", of scores in [0, 1];
      others are clipped to it, and NaN counts as the worst.
    prior_mean: of each posterior, from 0 to 1e15; None for the published one: 0
      of the normal one, 0.5 of the beta one (below 1).
    prior_count: how many scores the prior mean is worth, from 1e-15 to 1e15 as
      the next two: kappa = 1 of the normal one; a + b = 1 of the beta one, so
      that a = b = 0.5.
    prior_degrees: nu, of freedom, of the normal one alone; None for 1.
    prior_variance: tau squared, of the normal one alone; None for 0.1.
    max_steps: steps that a solution may have; None for no limit here.
    batch: new nodes of a round, all chosen before any of them is scored: 1 as
      published; more take fewer rounds.

  Returns:
    A Strategy; its carry is a tree.Memory. All numbers may be traced: new ones
    compile nothing anew.

  Raises:
    ValueError: on a wrong argument; as a search starts, on fewer depths than
      `ab_mcts_shape` says.

  References:
    Inoue, Misaki, Imajuku, Kuroki, Nakamura, Akiba, "Wider or Deeper? Scaling
      LLM Inference-Time Compute with Adaptive Branching Tree Search", 2025,
      AB-MCTS-A. https://arxiv.org/abs/2503.04412
    Thompson, "On the Likelihood that One Unknown Probability Exceeds Another",
      Biometrika 25, 1933.
  """
  arguments.check_choice("ab_mcts: posterior", posterior, names.POSTERIORS)
  prior = _check_prior(
    posterior,
    posteriors.Prior(prior_mean, prior_count, prior_degrees, prior_variance),
  )
  if max_steps is not None:
    max_steps = arguments.check_whole("ab_mcts: max_steps", max_steps, 1)
  batch = arguments.check_whole("ab_mcts: batch", batch, 1)
  return base.Strategy(
    _Init(prior, max_steps, batch),
    _SELECT[posterior],
    _first,
    check=_Depths(batch),
  )


def ab_mcts_shape(generations: int, batch: int = 1) -> tuple[int, int]:
  """Returns how many beams and rounds a search needs.

  Args:
    generations: nodes of the tree, that is, steps that are made.
    batch: as for `ab_mcts`.

  Returns:
    N for the policy's `num_beams`, a beam for each node, and J for the loop's
    `max_depth`: one more than the rounds, or the loop would call the last
    nodes truncated.

  Raises:
    ValueError: if a number is not a whole number of at least 1.
  """
  generations, batch = (
    arguments.check_whole(f"ab_mcts_shape: {name}", number, 1)
    for name, number in (("generations", generations), ("batch", batch))
  )
  return generations, -(-generations // batch) + 1


def _check_prior(posterior: str, prior: posteriors.Prior) -> posteriors.Prior:
  """Completes a prior, and refuses what its posterior has not."""
  published = _PRIORS[posterior]
  beta = posterior == posteriors.BETA
  for name in ("degrees", "variance"):
    value = getattr(prior, name)
    if beta and value is not None:
      raise ValueError(
        f"ab_mcts: prior_{name} is {arguments.shown(value)}, but the beta "
        "posterior has none: leave it out, or take posterior='normal'"
      )
  mean, *others = (
    default if value is None else value
    for default, value in zip(published, prior, strict=True)
  )
  mean = arguments.check_moderate(
    "ab_mcts: prior_mean", mean, f"{published.mean:g} as published", 0
  )
  if beta and not isinstance(mean, core.Tracer) and not 0 < mean < 1:
    raise ValueError(
      f"ab_mcts: prior_mean is {arguments.shown(mean)}, expected a number "
      "between 0 and 1 for the beta posterior; 0.5 as published"
    )
  return posteriors.Prior(
    mean,
    *(
      arguments.check_moderate(
        f"ab_mcts: prior_{name}",
        value,
        f"{default:g} as published",
        arguments.SMALL,
      )
      for name, value, default in zip(
        posteriors.Prior._fields[1:], others, published[1:], strict=True
      )
    ),
  )


@dataclasses.dataclass(frozen=True)
class _Init:
  """Makes the memory; equal for equal numbers, so jit's cache is hit."""

  prior: posteriors.Prior
  max_steps: Any
  batch: Any

  def __call__(self, num_beams: int) -> tree.Memory:
    N = num_beams
    max_steps = arguments.MOST if self.max_steps is None else self.max_steps
    batch = jnp.asarray(self.batch, jnp.int32)
    return tree.Memory(
      parents=jnp.full(N, N, jnp.int32),
      steps=jnp.where(jnp.arange(N + 1) == N, 0, 1).astype(jnp.int32),
      open=jnp.zeros(N, bool),
      observed=posteriors.nothing((3, N + 1)),
      first=jnp.int32(0),
      used=jnp.minimum(batch, N),
      batch=batch,
      max_steps=jnp.asarray(max_steps, jnp.int32),
      prior=posteriors.Prior(
        *(jnp.asarray(n, jnp.float32) for n in self.prior)
      ),
    )


@dataclasses.dataclass(frozen=True)
class _Depths:
  """Checks that all nodes fit into the depths of a search."""

  batch: Any

  def __call__(self, num_beams: int, max_depth: int) -> None:
    if isinstance(self.batch, jax.Array):
      return
    _, needed = ab_mcts_shape(num_beams, self.batch)
    if max_depth < needed:
      raise ValueError(
        f"ab_mcts: max_depth is {max_depth}, expected at least {needed} for "
        f"{num_beams} beams and batch={self.batch}: give the search the depths "
        "of ab_mcts_shape"
      )


def _first(num_beams: int, memory: tree.Memory) -> jax.Array:
  """The first children of the root, bool[N]."""
  return jnp.arange(num_beams) < memory.used


def _select(
  key: jax.Array, beams: base.Beams, memory: tree.Memory, *, posterior: str
) -> tuple[jax.Array, jax.Array, tree.Memory]:
  scores = posteriors.usable(posterior, beams.scores)
  memory = tree.back_up(memory, beams, scores)
  N = memory.parents.shape[0]

  def choose(slot: jax.Array, chosen: jax.Array) -> jax.Array:
    keys = jax.random.split(jax.random.fold_in(key, slot), (3, N + 1))
    draws = posteriors.draw(posterior, keys, memory.observed, memory.prior)
    return chosen.at[slot].set(tree.descend(memory, draws))

  # One by one: the draws of a batch need no more memory than those of one node.
  end = jnp.minimum(memory.used + memory.batch, N)
  chosen = jax.lax.fori_loop(memory.used, end, choose, memory.parents)
  return tree.grow(memory, chosen)


# One object a choice: `partial` objects made anew would miss jit's cache.
_SELECT = {
  posterior: functools.partial(_select, posterior=posterior)
  for posterior in names.POSTERIORS
}
