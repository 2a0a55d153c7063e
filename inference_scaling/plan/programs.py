"""The programs of a search, lowered and compiled for devices of a target.

They are those that `continuous_batching` runs, called with shapes for arrays.
What a program returns has the layout and sharding that XLA gave it, and so the
next one takes it, as when they are run.
"""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from inference_scaling import decoding, models
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import sizes as sizes_lib
from inference_scaling.decoding.batching import buffers, programs, scheduling
from inference_scaling.decoding.memory import abstract
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.plan import compiled as compiled_lib
from inference_scaling.plan import layout
from inference_scaling.plan import workload as workload_lib

Sizes = tuple[sizes_lib.Sizes | None, sizes_lib.Sizes | None]
Say = Callable[[str], None]


def compile_search(
  workload: workload_lib.Workload,
  mesh: Mesh,
  all_buckets: bool = False,
  say: Say = lambda line: None,
) -> list[compiled_lib.Compiled]:
  """Compiles the programs of a search, largest buffers first.

  Args:
    workload: the search.
    mesh: of devices that may be known to a compiler only.
    all_buckets: whether to compile for all sizes of buffers that may be in use;
      else for the largest.
    say: takes a line about each program as it is compiled.

  Returns:
    The programs: start, empty_slots, replace_slot, take_slot and advance.

  Raises:
    compiled.OutOfMemoryError: for one that does not fit.
    ValueError: for a mesh that does not divide problems, heads or weights.
  """
  search = Search(workload, mesh)
  done: list[compiled_lib.Compiled] = []

  def run(name: str, lowered: jax.stages.Lowered, bucket: str = "") -> Any:
    one = compiled_lib.compile_program(name, lowered, bucket)
    size = f" {bucket}" if bucket else ""
    say(f"compiled {name}{size} in {one.seconds:.1f} s")
    done.append(one)
    return layout.shaped(lowered.out_info, one.formats)

  starts, advances = search.prompt_buckets(), search.buckets()
  if not all_buckets:
    starts, advances = starts[:1], advances[:1]
  new: Any = None
  for prompts in starts:
    started = run("start", *search.start(prompts))
    new = new or started
  state = run("empty_slots", search.empty_slots(new))
  run("replace_slot", search.replace_slot(state, new))
  run("take_slot", search.take_slot(state))
  for sizes in advances:
    run("advance", *search.advance(state, sizes))
  return done


class Search:
  """Lowers the programs of one search.

  Attributes:
    workload: the search.
    policy: of shapes.
    reward: likewise.
    mesh: as the programs take it: None for one device.
  """

  def __init__(self, workload: workload_lib.Workload, mesh: Mesh):
    """Makes models of shapes and lays them out.

    Args:
      workload: the search.
      mesh: of devices that may be known to a compiler only.
    """
    self.workload = workload
    hardware = hardware_lib.of_mesh(mesh)
    alone = mesh.devices.size == 1
    self.mesh = None if alone else mesh
    self.policy = workload_lib.make_policy(workload, hardware, self.mesh)
    self.reward = workload_lib.make_reward(workload, hardware, self.mesh)
    search, static_part = workload.search, workload.strategy.static_part
    self._owners = (self.policy, self.reward, static_part)
    policy_weights, reward_weights = layout.weights(search)
    self._policy_params = decoding.PolicyParams(
      weights=layout.placed(policy_weights, search.policy, mesh),
      temperature=_array((), jnp.float32),
      top_k=_array((), jnp.int32) if workload.top_k else None,
      top_p=_array((), jnp.float32) if workload.top_p else None,
      value_head=abstract.head_weights(search),
    )
    self._reward_params = None
    if search.reward is not None:
      self._reward_params = layout.placed(reward_weights, search.reward, mesh)

  def prompt_buckets(self) -> list[tuple[int, int]]:
    """Sizes of the prompts of policy and reward model, the largest first."""
    search = self.workload.search
    policy, reward = search.limits, search.reward_model_limits
    lengths = range(1, 1 + max(policy.prompt_buffer, reward.prompt_buffer))
    buckets = dict.fromkeys(
      (
        limits_lib.bucket(length, policy.prompt_buffer),
        limits_lib.bucket(length, reward.prompt_buffer),
      )
      for length in lengths
    )
    return list(reversed(buckets))

  def buckets(self) -> list[Sizes]:
    """Sizes of the buffers that a sweep may use, the largest first."""
    P, static_part = self.workload.problems, self.workload.strategy.static_part
    hardware = hardware_lib.of_mesh(self.mesh)
    group = scheduling.group_size(P, static_part, self.mesh, hardware)
    limits = [
      owner.limits
      for owner in (self.policy, self.reward)
      if isinstance(owner, sizes_lib.Buffered)
    ]
    prompts = max(one.prompt_buffer for one in limits)
    texts = max(one.text_buffer for one in limits)
    buckets: dict[Sizes, None] = {}
    step = 32  # buffers are multiples of it
    for prompt in range(step, prompts + step, step):
      # It remembers the largest: one for each length of prompts.
      fit = buffers.Fit(self.policy, self.reward, static_part, group, hardware)
      for text in range(0, texts + step, step):
        buckets[fit([buffers.Slot(0, 0.0, prompt, prompt, text)])] = None
    return sorted(buckets, key=_extent, reverse=True)

  def start(self, sizes: tuple[int, int]) -> tuple[jax.stages.Lowered, str]:
    """Lowers the start of a problem, and tells its size.

    Args:
      sizes: of the prompts of policy and reward model.
    """
    search = self.workload.search
    external = search.reward_format in models.EXTERNAL_FORMATS
    reward = _prompts(sizes[1]) if search.reward and external else None
    prompts = _prompts(sizes[0], reward)
    lowered = programs.start.lower(
      *self._owners, self.workload.max_depth, self.mesh, self._policy_params,
      self._reward_params, self._carry(), self._key(), _array((), jnp.int32),
      prompts,
    )  # fmt: skip
    return lowered, f"prompt {sizes[0]}"

  def empty_slots(self, new: Any) -> jax.stages.Lowered:
    """Lowers the making of all slots, of a started problem's shapes."""
    return programs.empty_slots.lower(
      self.policy, self.reward, self.workload.problems, self.mesh, new
    )

  def replace_slot(self, state: Any, new: Any) -> jax.stages.Lowered:
    """Lowers how a started problem is put in a slot."""
    return programs.replace_slot.lower(self.mesh, state, np.int32(0), new)

  def take_slot(self, state: Any) -> jax.stages.Lowered:
    """Lowers how a finished problem is taken out."""
    counts = [
      owner.counts(part)
      for owner, part in (
        (self.policy, state.policy_state), (self.reward, state.reward_state)
      )
    ]  # fmt: skip
    return programs.take_slot.lower(
      self.mesh, (state.tree, counts), np.int32(0)
    )

  def advance(self, state: Any, sizes: Sizes) -> tuple[jax.stages.Lowered, str]:
    """Lowers the steps of all slots, and tells the size of their buffers."""
    lowered = programs.advance.lower(
      *self._owners, self.mesh, sizes, self._policy_params,
      self._reward_params, state,
    )  # fmt: skip
    largest = [size for size in sizes if size is not None]
    words = ", reward ".join(
      f"text {size.text} prompt {size.prompt}" for size in largest
    )
    return lowered, words

  def _carry(self) -> Any:
    init = self.workload.strategy.init
    assert init is not None
    return jax.eval_shape(lambda: init(self.workload.beams))

  def _key(self) -> Any:
    return jax.eval_shape(lambda: jax.random.key(0))


def _prompts(
  size: int, reward: limits_lib.Prompts | None = None
) -> limits_lib.Prompts:
  tokens = _array((1, size), jnp.int32)
  return limits_lib.Prompts(tokens, _array((1,), jnp.int32), reward)


def _array(shape: tuple[int, ...], dtype: Any) -> Any:
  return jax.ShapeDtypeStruct(shape, dtype)


def _extent(sizes: Sizes) -> tuple[int, ...]:
  """By what buckets are ordered."""
  used = [size for size in sizes if size is not None]
  return tuple(
    itertools.chain.from_iterable((size.text, size.prompt) for size in used)
  )
