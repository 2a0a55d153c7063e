"""What a reward model takes to read as much text as a search writes."""

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import decoding, models
from inference_scaling.benchmark import own_engine, timing
from inference_scaling.benchmark import work as work_lib
from inference_scaling.benchmark.measurements import decoding as decoding_bench
from inference_scaling.search import base


def make(
  model: models.RewardModel,
  prompts: list[list[int]],
  work: work_lib.Work,
  step_tokens: int,
) -> timing.Task:
  """Makes the program that scores prompts and as many tokens, step by step.

  Args:
    model: the reward model.
    prompts: token ids.
    work: how much is drawn.
    step_tokens: of each step.

  Returns:
    The task.
  """
  limits = own_engine.limits(work.prompt_tokens, step_tokens, work.new_tokens)
  reward = decoding.ModelReward(model, limits, work.samples)
  stacked = decoding_bench.stack(prompts, limits)
  start = jax.jit(reward.start)
  score = jax.jit(reward.score, donate_argnums=1)
  shape = (work.problems, work.samples)
  # Any tokens: they change no time.
  step = _step(np.resize(prompts[0], (*shape, step_tokens)))
  active = np.ones(shape, bool)

  def score_all() -> jax.Array | None:
    state, scores = start(model.params, stacked), None
    for _ in range(work.new_tokens // step_tokens):
      state, scores = score(model.params, state, step, active)
    return scores

  return score_all


def _step(text: np.ndarray) -> base.Step:
  """A step of every beam, as a policy writes it."""
  shape, length = text.shape[:2], text.shape[2]
  lengths = jnp.full(shape, length, jnp.int32)
  zeros = jnp.zeros(shape, jnp.float32)
  return base.Step(
    status=jnp.full(shape, base.RUNNING, jnp.int32),
    num_tokens=lengths,
    content=decoding.StepTokens(
      jnp.asarray(text, jnp.int32), lengths, zeros, zeros
    ),
  )
