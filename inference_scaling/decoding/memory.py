"""What a search takes of a device's memory, from shapes alone.

Weights, caches and all other state are measured on the shapes of the real
state (`jax.eval_shape` of `init_search`), laid out by the real rules, so that
nothing is allocated and no weight is needed. What a program takes for a while
beside them follows from the code of this room. With P problems, N beams,
prompts of S tokens, texts of T, steps of C and blocks of 8 tokens that the
reward model reads, a device holds, at its fullest,

    weights + state + the largest of
      start    the state of one problem without its beams' own caches, since
               a lane keeps those that it has, and the work of a layer on S
               tokens
      extend   the policy's chunk of P*N*C keys and values, and either four
               times the float32 logits of P*N tokens (drawing one takes
               several passes over them) or the work of a layer on P*N tokens
      score    the reward model's chunk, and the work of a layer on P*N*8
               tokens (or their logits, which its own format looks at)
      merge    a chunk three times: itself, the entries of the cache that it
               replaces, and those that it brings
      fork     128 tokens of one model's beams, gathered before they are put
               where other beams stand

where the work of a layer on R tokens is the larger of attention's float32
scores, R * K*G for each position attended to (twice over caches, for scores and
weights; once within a prompt, beside its queries and keys, before and after
they are turned, and its values), and three times R * F in float32. On a mesh, P
is divided by 'data', and K, F and V by 'model'; but three of the four times
logits are whole, since a token is drawn from all of them.

Against what the compiler reports this is right to within 10%. In bfloat16 the
CPU backend takes more, which `wide_copies` adds: it multiplies and scatters in
float32, and as the caches do not change while a step is written, the compiler
converts all of them once, before the loop over tokens. An accelerator
multiplies bfloat16 as it is.
"""

import collections
import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AbstractMesh, AxisType

from inference_scaling import models
from inference_scaling.decoding import abstract, placement
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import reward as reward_lib
from inference_scaling.decoding import rows as rows_lib
from inference_scaling.models import sharding

_FLOAT32 = 4  # bytes
_LOGITS_PASSES = 4
_CHUNK_COPIES = 3
_FFW_COPIES = 3


@dataclasses.dataclass(frozen=True)
class Footprint:
  """Bytes on each device.

  Attributes:
    policy_weights: of the policy.
    reward_weights: of the reward model.
    prompt_caches: keys and values of the prompts, both models.
    policy_beams: of the beams' own texts in the policy.
    reward_beams: likewise in the reward model.
    other_state: the rest of the state, the tree of steps above all.
    phases: what each phase takes beside all of these, by name.
  """

  policy_weights: int
  reward_weights: int
  prompt_caches: int
  policy_beams: int
  reward_beams: int
  other_state: int
  phases: dict[str, int]

  @property
  def resident(self) -> int:
    """What is held from the first step to the last."""
    return (
      self.policy_weights
      + self.reward_weights
      + self.prompt_caches
      + self.policy_beams
      + self.reward_beams
      + self.other_state
    )

  @property
  def peak(self) -> int:
    """The most that is held at any moment."""
    return self.resident + max(self.phases.values())


class Plan:
  """The footprints of a search, for any P, N and mesh.

  Attributes:
    search: what is planned.
  """

  def __init__(self, search: abstract.Search):
    """Traces the models, once for all footprints.

    Args:
      search: models, lengths and dtype.
    """
    self.search = search
    # Layers are alike: each kind of array is counted, and laid out once.
    kinds = collections.Counter(
      (_part(path), placement.state_axes(path, len(leaf.one)), leaf)
      for path, leaf in abstract.state(search)
    )
    self._state = list(kinds.items())
    self._weight_bytes = functools.cache(
      lambda data, model: [
        _weight_bytes(shapes, _mesh(data, model))
        for shapes in abstract.weights(search)
      ]
    )

  def footprint(
    self,
    problems: int,
    beams: int,
    data: int = 1,
    model: int = 1,
    wide_copies: bool = False,
  ) -> Footprint:
    """Counts bytes on each device.

    Args:
      problems: P, over all devices.
      beams: N.
      data: devices over which problems are split.
      model: devices over which weights and heads are split.
      wide_copies: whether to count what only the CPU backend takes, for a
        dtype narrower than float32.

    Returns:
      The footprint of one device.

    Raises:
      ValueError: where the mesh cannot split problems, heads or weights.
    """
    mesh = _mesh(data, model)
    for config in (self.search.policy, self.search.reward):
      if config is not None:
        sharding.check_heads(config, mesh)
    parts = self._parts(problems, beams, mesh, sharding.RULES)
    alone = self._parts(1, beams, mesh, placement.ALONE)
    alone = sum(alone[part] for part in _PARTS if part not in _OWN)
    phases = self._phases(problems // data * beams, model, parts, alone)
    if wide_copies:
      caches = parts["policy own"] + parts["reward own"]
      wider = _FLOAT32 / jnp.dtype(self.search.dtype).itemsize
      for name in phases.keys() & {"extend", "score", "merge"}:
        phases[name] += round(caches * wider) if wider > 1 else 0
    policy_weights, reward_weights = self._weight_bytes(data, model)
    return Footprint(
      policy_weights=policy_weights,
      reward_weights=reward_weights,
      prompt_caches=parts["policy prompt"] + parts["reward prompt"],
      policy_beams=parts["policy own"],
      reward_beams=parts["reward own"],
      other_state=parts["other"],
      phases=phases,
    )

  def _parts(
    self, problems: int, beams: int, mesh: AbstractMesh, rules: sharding.Rules
  ) -> dict[str, int]:
    """Bytes of the state on one device, by what they are for."""
    parts = dict.fromkeys(_PARTS, 0)
    for (part, axes, leaf), count in self._state:
      shape = leaf.shape(problems, beams)
      where = sharding.sharding(f"state, {part}", axes, shape, mesh, rules)
      size = math.prod(where.shard_shape(shape)) * leaf.itemsize
      parts[part] += count * size
    return parts

  def _phases(
    self, rows: int, model: int, parts: dict[str, int], alone: int
  ) -> dict[str, int]:
    """What each phase takes on one device beside weights and state.

    Args:
      rows: P * N of the device.
      model: devices that share heads, F and V.
      parts: of `_parts`.
      alone: bytes of the state of one problem without its beams' own caches.

    Returns:
      Bytes by phase.
    """
    search = self.search
    policy = _Work(search.policy, search.limits, model)
    chunk = parts["policy own"] * policy.step // search.limits.text_buffer
    logits = rows * search.policy.vocab_size * _FLOAT32
    passes = logits // model + (_LOGITS_PASSES - 1) * logits
    window = {
      name: rows_lib.fork_window(limits.text_buffer) / limits.text_buffer
      for name, limits in (
        ("policy own", search.limits), ("reward own", search.judged_limits)
      )
    }  # fmt: skip
    phases = {
      "start": alone + policy.prompt(),
      "extend": chunk + max(passes, policy.tokens(rows)),
      "merge": _CHUNK_COPIES * chunk,
      "fork": max(round(parts[name] * part) for name, part in window.items()),
    }
    if search.reward is None:
      return phases
    reward = _Work(search.reward, search.judged_limits, model)
    blocks = -(-reward.step // reward_lib.BLOCK)
    buffer = search.judged_limits.text_buffer
    chunk = parts["reward own"] * blocks * reward_lib.BLOCK // buffer
    rows *= reward_lib.BLOCK
    work = reward.tokens(rows)
    if search.form == models.OWN_FORM:
      vocabulary = search.reward.vocab_size // model
      work = max(work, rows * vocabulary * _FLOAT32)
    return phases | {
      "start": alone + max(policy.prompt(), reward.prompt()),
      "score": chunk + work,
      "merge": max(phases["merge"], _CHUNK_COPIES * chunk),
    }


@dataclasses.dataclass(frozen=True)
class _Work:
  """What a layer of a model takes while it runs.

  Attributes:
    config: the architecture.
    limits: lengths of its buffers.
    model: devices that share it.
  """

  config: models.DecoderConfig
  limits: limits_lib.Limits
  model: int

  @property
  def step(self) -> int:
    """C, entries of a chunk."""
    return min(self.limits.step_tokens, self.limits.total_tokens)

  def prompt(self) -> int:
    """Bytes for the tokens of one prompt."""
    size, config = self.limits.prompt_buffer, self.config
    # Queries and keys, both before and after they are turned, and values.
    heads = 2 * config.num_heads + 3 * config.num_kv_heads
    return self._layer(size, size, heads * config.head_dim)

  def tokens(self, rows: int) -> int:
    """Bytes for the next tokens of all rows."""
    limits = self.limits
    # Scores, and their exponentials beside them.
    positions = limits.prompt_buffer + limits.text_buffer + self.step
    return self._layer(rows, 2 * positions)

  def _layer(self, tokens: int, positions: int, projected: int = 0) -> int:
    attention = self.config.num_heads * positions + projected
    ffw = _FFW_COPIES * self.config.intermediate_size
    return tokens * max(attention, ffw) // self.model * _FLOAT32


_PARTS = (
  "policy prompt", "policy own", "reward prompt", "reward own", "other",
)  # fmt: skip
_OWN = ("policy own", "reward own")


def _part(path: tuple[Any, ...]) -> str:
  """Says what a leaf of the state is for."""
  names = [getattr(key, "name", "") for key in path]
  for owner in ("policy", "reward"):
    if names[:2] == [f"{owner}_state", "cache"] and names[2] in (
      "prompt", "own",
    ):  # fmt: skip
      return f"{owner} {names[2]}"
  return "other"


def _mesh(data: int, model: int) -> AbstractMesh:
  """A mesh that needs no devices."""
  return AbstractMesh(
    (data, model),
    (sharding.DATA, sharding.MODEL),
    axis_types=(AxisType.Auto, AxisType.Auto),
  )


def _weight_bytes(shapes: Any, mesh: AbstractMesh) -> int:
  """Bytes of a model's weights on one device."""
  where = sharding.parameter_shardings(shapes, mesh)
  return sum(
    math.prod(place.shard_shape(leaf.shape)) * jnp.dtype(leaf.dtype).itemsize
    for leaf, place in zip(
      jax.tree.leaves(shapes), jax.tree.leaves(where), strict=True
    )
  )
