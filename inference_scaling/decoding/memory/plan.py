"""What a search takes of a device's memory, from shapes alone.

Weights, caches and all other state are measured on the shapes of the real
state (`jax.eval_shape` of `init_search`), laid out by the real rules, so that
nothing is allocated and no weight is needed. What a program takes for a while
beside them follows from the code of this package. With P problems of N beams,
of which R are active at once, prompts of S tokens, texts of T, Q problems that
are scored at once and blocks of B tokens that the reward model encodes (8 on a
CPU, see `encode_loop.block_size`), a device holds, at its fullest,

    weights + state + the largest of
      start    the state of one problem without its beams' own caches, since
               a batch slot keeps those that it has, and the work of a layer on
               S tokens
      extend   rows of P*R*T keys and values, and either the float32 logits of
               P*R tokens or the work of a layer on as many
      score    rows of Q*R*(T + B) keys and values of the reward model, and the
               work of a layer on Q*R*B tokens (or their logits, which its own
               format looks at)
      store    the larger rows, and the new tokens of one of their arrays: a
               call of the policy writes 64 tokens at most, the reward model
               encodes a step
      gather   of a tree: the larger rows, and one of their arrays twice, before
               and after it is turned
      fork     of a dense cache: 128 tokens of Q problems' beams, before they
               are put where other beams stand

where prompts stand beside rows once more, as far as the longest goes, and the
work of a layer on R tokens is the larger of attention's float32 scores, R * K*G
for each position attended to (twice over caches, for scores and weights; once
within a prompt, beside its queries and keys, before and after they are turned,
its values and four times the hidden states), and three times R * F in float32.
On a mesh, P is divided by 'data', and K, F and V by 'model'; where 'model' is
larger than K, each device holds one head of keys and values, a copy.

Rows are as long as the longest current text; the plan is for the longest that
is allowed. On a single CPU, rows of a dense cache stay in storage, and take
nothing, where `stored_rows.serves`; where it does not and all beams work, rows
of full length are the storage itself, and the plan is for the next shorter
size. On an accelerator they and their prompts are always read in the storage,
and what rows take is an append buffer: of the tokens of a call of the policy,
or of a step in whole blocks. Against what the compiler reports it is right to
within 10%. A CPU holds keys and values in float32, whatever the weights are.
Quantised weights are counted with their scales.
"""

import collections
import dataclasses
import functools
import math
from typing import Any, cast

import jax
import jax.numpy as jnp
from jax.sharding import AbstractMesh, AxisType, Mesh

from inference_scaling import models
from inference_scaling import search as search_lib
from inference_scaling.decoding.batching import (
  placement,
  scheduling,
)
from inference_scaling.decoding.memory import abstract
from inference_scaling.decoding.memory import phases as phases_lib
from inference_scaling.models import kv_heads, sharding
from inference_scaling.models.layers import hardware

_FLOAT32 = 4  # bytes
_STEPWISE = search_lib.sampling()  # stands for all that do not look ahead


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
      (_part(path), placement.state_axes(path, len(leaf.one_beam)), leaf)
      for path, leaf in abstract.state(search)
    )
    self._state = list(kinds.items())
    self._weight_bytes = functools.cache(
      lambda data, model: [
        _weight_bytes(shapes, config, _mesh(data, model))
        for shapes, config in zip(
          abstract.weights(search), (search.policy, search.reward), strict=True
        )
      ]
    )

  def footprint(
    self,
    problems: int,
    beams: int,
    data: int = 1,
    model: int = 1,
    rows: int | None = None,
    lookahead: bool = False,
    cpu: bool = False,
  ) -> Footprint:
    """Counts bytes on each device.

    Args:
      problems: P, over all devices.
      beams: N.
      data: devices over which problems are split.
      model: devices over which weights and heads are split.
      rows: R, active beams of a problem; None for all.
      lookahead: whether the strategy looks ahead, so that all problems are
        scored at once.
      cpu: whether devices are CPUs.

    Returns:
      The footprint of one device.

    Raises:
      ValueError: where the mesh cannot split problems, heads or weights.
    """
    mesh = _mesh(data, model)
    for config in (self.search.policy, self.search.reward):
      if config is not None:
        kv_heads.num_held(config, mesh)
    parts = self._parts(problems, beams, mesh, sharding.RULES, cpu)
    one_problem = self._parts(1, beams, mesh, placement.ALONE, cpu)
    alone = sum(one_problem[part] for part in _PARTS if part not in _OWN)
    per_device = problems // data
    strategy = _STEPWISE._replace(lookahead=int(lookahead))
    # Any accelerator: the plan knows no more of the devices.
    platform = hardware.CPU if cpu else "tpu"
    target = hardware.Hardware(platform, data * model, data, model)
    scored = scheduling.group_size(problems, strategy, mesh, target)
    scored = scored or per_device
    phases = phases_lib.phases(
      self.search,
      phases_lib.Device(
        problems=per_device,
        beams=beams,
        rows=min(rows or beams, beams),
        scored=scored / per_device,
        model=model,
        alone=alone,
        parts=parts,
        target=target,
      ),
    )
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
    self,
    problems: int,
    beams: int,
    mesh: Mesh,
    rules: sharding.LogicalAxisRules,
    cpu: bool,
  ) -> dict[str, int]:
    """Bytes of the state on one device, by what they are for."""
    parts = dict.fromkeys(_PARTS, 0)
    search = self.search
    kept = {
      owner: _FLOAT32 if cpu else abstract.activations(dtype).itemsize
      for owner, dtype in (
        ("policy", search.dtype), ("reward", search.reward_model_dtype),
      )
    }  # fmt: skip
    for (part, axes, leaf), count in self._state:
      # Each part of 'model' has a head of keys at least, a copy if need be.
      shape = tuple(
        max(size, mesh.shape[sharding.MODEL]) if axis == "kv_heads" else size
        for axis, size in zip(axes, leaf.shape(problems, beams), strict=True)
      )
      layout = sharding.sharding(f"state, {part}", axes, shape, mesh, rules)
      owner = part.partition(" ")[0]
      itemsize = leaf.itemsize if part == "other" else kept[owner]
      parts[part] += count * math.prod(layout.shard_shape(shape)) * itemsize
    return parts


_PARTS: tuple[str, ...] = (
  "policy prompt", "policy own", "reward prompt", "reward own", "other",
)  # fmt: skip
_OWN = ("policy own", "reward own")


def _part(path: tuple[Any, ...]) -> str:
  """Returns which of `_PARTS` a leaf of the state is."""
  names = [getattr(key, "name", "") for key in path]
  for owner in ("policy", "reward"):
    if names[:2] == [f"{owner}_state", "cache"] and names[2] in (
      "prompt", "own",
    ):  # fmt: skip
      return f"{owner} {names[2]}"
  return "other"


def _mesh(data: int, model: int) -> Mesh:
  """A mesh that needs no devices; the rules use only what a `Mesh` has, too."""
  mesh = AbstractMesh(
    (data, model),
    (sharding.DATA, sharding.MODEL),
    axis_types=(AxisType.Auto, AxisType.Auto),
  )
  return cast(Mesh, mesh)


def _weight_bytes(
  shapes: Any, config: models.DecoderConfig | None, mesh: Mesh
) -> int:
  """Bytes of a model's weights on one device."""
  if config is None:
    return 0
  held = kv_heads.num_held(config, mesh)
  shapes = jax.eval_shape(
    lambda params: kv_heads.copy(params, config, held), shapes
  )
  layouts = sharding.parameter_shardings(shapes, mesh)
  return sum(
    math.prod(layout.shard_shape(leaf.shape)) * jnp.dtype(leaf.dtype).itemsize
    for leaf, layout in zip(
      jax.tree.leaves(shapes), jax.tree.leaves(layouts), strict=True
    )
  )
