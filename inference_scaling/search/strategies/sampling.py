"""Independent sampling: every beam goes on from itself until it ends."""

import jax
import jax.numpy as jnp

from inference_scaling.search import base


def sampling() -> base.Strategy:
  """Samples N solutions independently; rewards serve only the vote.

  Greedy decoding is the same with one beam and a policy at temperature 0.

  Returns:
    A Strategy without a carry.

  References:
    Wu et al., "Inference Scaling Laws", ICLR 2025, Section 3.1.
    https://arxiv.org/abs/2408.00724
  """
  return base.Strategy(_init, _select)


def _init(num_beams: int) -> tuple[()]:
  del num_beams  # nothing to remember
  return ()


def _select(
  key: jax.Array, beams: base.Beams, carry: tuple[()]
) -> tuple[jax.Array, jax.Array, tuple[()]]:
  del key
  parents = jnp.arange(beams.status.shape[0], dtype=jnp.int32)
  return parents, beams.status == base.RUNNING, carry
