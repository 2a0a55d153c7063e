"""Searches of small models that are compiled for real targets."""

import dataclasses
import functools

import pytest

from inference_scaling import decoding, names, search
from inference_scaling.decoding.memory import abstract
from inference_scaling.models import sharding
from inference_scaling.plan import compilers, programs, targets, workload
from tests.decoding import tiny

# Heads as long as real ones, and caches that outweigh all else, as they do, and
# the 128 MiB on the chip of a TPU.
SIZES = dict(
  vocab_size=1024, hidden_size=512, intermediate_size=1024, num_layers=2,
  num_heads=16, num_kv_heads=16, head_dim=128,
)  # fmt: skip
LIMITS = decoding.Limits(
  prompt_tokens=128, step_tokens=64, total_tokens=1024, max_steps=8
)
POLICY = tiny.config(**SIZES)
# Fewer heads of keys and values than a mesh has devices.
REWARD = tiny.config(**SIZES | {"num_kv_heads": 4})
P, N = 4, 32
HALF = {"v5e:2x4": (2, 4), "v6e:2x4": (2, 4)}  # meshes of two hosts


def has_compiler(platform):
  try:
    compilers.require(platform)
  except ValueError:
    return False
  return True


def needs(platform):
  return pytest.mark.skipif(
    not has_compiler(platform), reason=f"no compiler for {platform} here"
  )


def _search(reward=None, cache="dense"):
  form = "llemma" if reward else "none"
  return abstract.Search(
    POLICY, reward, form, "bfloat16", LIMITS, LIMITS, cache
  )


WORKLOADS = {
  "policy": workload.Workload(
    "policy", _search(), P, N, search.sampling(), LIMITS.max_steps
  ),
  "reward": workload.Workload(
    "reward", _search(REWARD), P, N, search.rebase(), LIMITS.max_steps
  ),
  "tree": workload.Workload(
    "tree", _search(REWARD, "tree"), P, N, search.rebase(), LIMITS.max_steps
  ),
  # A beam for each node, of which two are written at once.
  "mcts": workload.Workload(
    "mcts", _search(REWARD, "tree"), P, 33,
    search.mcts(expansions=16, max_steps=8, root_children=3, children=2), 18, 2,
  ),
}  # fmt: skip
WORKLOADS["kernel"] = dataclasses.replace(
  WORKLOADS["policy"],
  search=dataclasses.replace(_search(), attention=names.KERNEL),
)


def mesh_of(name, sizes=None):
  target = targets.parse(name)
  return sharding.make_mesh(
    *(sizes or (1, target.num_devices)), devices=targets.devices(target)
  )


@functools.cache
def compiled(name, target, sizes=None):
  """The programs of a workload by name, compiled once."""
  done = programs.compile_search(WORKLOADS[name], mesh_of(target, sizes))
  return {one.name: one for one in done}
