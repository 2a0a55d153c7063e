"""The port of Gemma with one fault each, as people make them.

Each class wraps the sound policy of the notebook and names the law it breaks.
Its state is (cache, length, logits), all of axes [P, N, ..].
"""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np


@dataclasses.dataclass(frozen=True)
class _Port:
  port: Any
  num_beams: int = 4
  law: ClassVar[str]

  def start(self, params, prompts):
    return self.port.start(params, prompts)

  def extend(self, params, keys, state, active):
    return self.port.extend(params, keys, state, active)

  def fork(self, state, parents):
    return self.port.fork(state, parents)


class IgnoresActive(_Port):
  """Extends every beam, asked or not."""

  law = "inactive beams"

  def extend(self, params, keys, state, active):
    return self.port.extend(params, keys, state, jnp.ones_like(active))


class ForksNothing(_Port):
  """Leaves every beam in its slot."""

  law = "fork"

  def fork(self, state, parents):
    return state


class ForksHalf(_Port):
  """Moves lengths and logits along, but not the cache."""

  law = "fork"

  def fork(self, state, parents):
    return state[0], *self.port.fork(state, parents)[1:]


class SoftmaxOverProblems(_Port):
  """Takes the axis of problems for that of the vocabulary."""

  law = "neighbours"

  def extend(self, params, keys, state, active):
    cache, length, logits = state
    logits = jax.nn.log_softmax(logits, axis=0)
    return self.port.extend(params, keys, (cache, length, logits), active)


class SharesPosition(_Port):
  """Writes where the first beam of a problem is, as a batch of Gemma does."""

  law = "inactive beams"

  def extend(self, params, keys, state, active):
    cache, length, logits = state
    length = jnp.broadcast_to(length[:, :1], length.shape)
    return self.port.extend(params, keys, (cache, length, logits), active)


class DrawsByNumPy(_Port):
  """Takes chance from elsewhere than the keys."""

  law = "same key, same step"

  def extend(self, params, keys, state, active):
    key = jax.random.key(np.random.randint(2**31))
    keys = jax.random.split(key, active.shape)
    return self.port.extend(params, keys, state, active)


class HalfPrecision(_Port):
  """Starts in float32 and goes on in bfloat16."""

  law = "shapes and dtypes"

  def extend(self, params, keys, state, active):
    (cache, length, logits), step = self.port.extend(
      params, keys, state, active
    )
    return (cache, length, logits.astype(jnp.bfloat16)), step


class BeamsLead(_Port):
  """Has the axis of beams before that of problems."""

  law = "leading axis"

  def start(self, params, prompts):
    state = self.port.start(params, prompts)
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), state)


FAULTS = _Port.__subclasses__()
