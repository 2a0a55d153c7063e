"""Puts the beams of a policy at the ends of their prompts.

Axis letters: P problems in flight, N beams.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from inference_scaling import compute, models
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import policy_state as state_lib
from inference_scaling.decoding.kv_cache import choice, working_rows
from inference_scaling.decoding.kv_cache import prompts as prompts_lib
from inference_scaling.decoding.tokens import thinking as thinking_lib


def start(
  model: models.Model,
  params: state_lib.PolicyParams,
  prompts: limits_lib.Prompts,
  storage: choice.Storage,
  prompt_size: int,
  empty_step: Callable[[tuple[int, ...]], state_lib.HalfStep],
  thinking: thinking_lib.Thinking | None,
) -> state_lib.PolicyState:
  """Computes the prompts; their last tokens stay pending.

  Args:
    model: the policy's.
    params: weights and sampler.
    prompts: P prompts.
    storage: of the beams.
    prompt_size: entries of a prompt's buffer.
    empty_step: from [P, N], makes steps of no tokens.
    thinking: of the policy; None if it does not think.

  Returns:
    The state of P * N beams.

  Raises:
    ValueError: where the policy thinks and `params` do not say how long.
  """
  cached = prompts.lengths - 1
  _, prefix = prompts_lib.split(params.weights)
  begin = working_rows.prefix_size(prefix)
  with jax.named_scope("policy_prefill"):
    _, kv = prompts_lib.compute(model, params.weights, prompts, prompt_size)
  shape = (prompts.lengths.shape[0], storage.num_beams)
  last = jnp.take_along_axis(prompts.tokens, cached[:, None], axis=1)
  zeros = jnp.zeros(shape, jnp.int32)
  return state_lib.PolicyState(
    cache=storage.start(kv, cached),
    pending=jnp.broadcast_to(last, shape),
    automaton=zeros,
    answered=zeros > 0,
    step=empty_step(shape),
    finite=jnp.ones(shape[0], bool),
    row_steps=jnp.zeros(shape[0], jnp.int32),
    # A prefix is charged to each problem, as if it were alone.
    counts=compute.prompt_counts(
      begin + cached,
      compute.attended(model.config, 0, begin + cached),
      thinks=thinking is not None,
    ),
    thoughts=_first_thoughts(thinking, params, shape),
  )


def _first_thoughts(
  thinking: thinking_lib.Thinking | None,
  params: state_lib.PolicyParams,
  shape: tuple[int, ...],
) -> thinking_lib.Thoughts | None:
  """Lets beams [P, N] begin to think; None for a policy that does not."""
  if thinking is None:
    return None
  if params.thinking is None:
    raise ValueError(
      "PolicyParams.thinking is None for a policy that thinks; expected "
      "decoding.ThinkingParams. Give it a budget and waits, or make the "
      "ModelPolicy without thinking."
    )
  return thinking.start(params.thinking, shape)
