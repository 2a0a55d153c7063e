"""Which mesh is taken, and what is said to fit."""

import dataclasses
import re

import pytest

from inference_scaling.decoding.memory import plan as memory
from inference_scaling.models import published
from inference_scaling.models.layers import hardware
from inference_scaling.models.quantisation import formats
from inference_scaling.plan import meshes, searches, targets
from tests.plan.searches.groups_test import NUMBERS, TEXTS


def _short(name):
  return dataclasses.replace(published.published_config(name), num_layers=1)


GROUP = searches.of_models(TEXTS, NUMBERS).workload
GROUP = dataclasses.replace(
  GROUP,
  search=dataclasses.replace(
    GROUP.search, policy=_short("llemma_7b"), reward=_short("llemma_34b")
  ),
)


def _of(name):
  searched = dataclasses.replace(
    GROUP.search,
    policy=_short(name),
    reward=None,
    reward_format="none",
  )
  return dataclasses.replace(GROUP, search=searched)


@pytest.mark.parametrize(
  ("name", "target", "expected"),
  [
    ("llemma_7b", "v6e:2x4", (1, 8)),
    ("llemma_7b", "h200", (1, 1)),
    ("smollm2_135m", "v6e:2x4", (8, 1)),  # 9 heads of queries and 3 of keys
    ("qwen2.5_math_1.5b", "v5p:2x2x1", (1, 4)),  # 2 heads, each held by two
    ("llemma_7b", "v6e:8x8", (4, 16)),  # a vocabulary of 16 * 2001
  ],
)
def test_as_many_devices_share_a_model_as_can(name, target, expected):
  assert meshes.choose(_of(name), targets.parse(target)) == expected


def test_a_mesh_must_be_the_target_s():
  target = targets.parse("v6e:2x4")
  assert meshes.choose(GROUP, target, (2, 4)) == (2, 4)
  with pytest.raises(ValueError, match=r"4,4 is of 16 devices, but v6e"):
    meshes.choose(GROUP, target, (4, 4))


def test_what_is_said_to_fit_fits_and_no_more():
  target = targets.parse("v6e:2x4")
  said = meshes.fitting(GROUP, target, 2**60)
  plan, memory_bytes = memory.Plan(GROUP.search), target.chip.memory
  said_of = re.findall(
    r"mesh (\d+),(\d+): N = (\d+) at P = (\d+), P = (\d+)",
    said.replace("none", "0"),
  )
  assert [(int(data), int(model)) for data, model, *_ in said_of] == [
    (1, 8), (2, 4), (4, 2), (8, 1),
  ]  # fmt: skip
  for texts in said_of:
    data, model, beams, problems, most = map(int, texts)
    for n, fits in ((beams, True), (beams + 1, False)):
      if n:
        peak = plan.footprint(problems, n, data, model).peak
        assert (peak <= memory_bytes) is fits, texts
    if most:
      assert plan.footprint(most, 64, data, model).peak <= memory_bytes
    peak = plan.footprint(most + data, 64, data, model).peak
    assert peak > memory_bytes, texts


def test_no_more_is_offered_than_what_was_refused():
  """Where XLA takes more than the plan knows of."""
  target = targets.parse("v6e:1x1")
  plan, work = memory.Plan(GROUP.search), GROUP.with_problems(1)
  planned = plan.footprint(1, 64).peak
  assert planned < target.chip.memory
  said = meshes.fitting(work, target, planned)
  (beams,) = re.findall(r"mesh 1,1: N = (\d+) at P = 1", said)
  assert int(beams) < 64
  nothing = meshes.fitting(work, target, 1000)
  assert nothing == "mesh 1,1: nothing"


CONFIG = {
  "task": {"kind": "math500"},  # is not read
  "policies": {"small": "embedded/policy_small"},
  "runs": {
    "greedy": {"strategy": "greedy"},
    "sampling": {"strategy": "sampling", "n": (8,)},
  },
  "dtype": "auto",
}


def test_a_sweep_on_this_machine(monkeypatch):
  words = {}
  for size in (2**30, 2**20):
    monkeypatch.setattr(meshes.runtime, "device_memory", lambda s=size: s)
    words[size] = [str(x) for x in meshes.fit_here(CONFIG, num_problems=4)]
  names = ["small, sampling, n = 8: peak ", "small, greedy, n = 1: peak "]
  for large, small, name in zip(*words.values(), names, strict=True):
    assert large.startswith(name) and large.endswith(" of 1.00 GiB: fits")
    assert small == large.replace("1.00 GiB: fits", "0.00 GiB: does NOT fit")


def test_a_plan_for_a_cpu_is_of_its_caches_and_dtype(monkeypatch):
  peaks = {}
  for platform, dtype in (
    ("gpu", "bfloat16"), ("cpu", "bfloat16"), ("cpu", "float32"),
  ):  # fmt: skip
    here = hardware.Hardware(platform, 1)
    monkeypatch.setattr(meshes.hardware, "of_mesh", lambda mesh, h=here: h)
    fastest = {here: dtype}.__getitem__
    monkeypatch.setattr(formats, "fastest", fastest)
    (first, _) = meshes.fit_here(CONFIG, num_problems=4)
    peaks[platform, dtype] = first.peak
  # A CPU holds keys and values in float32, whatever the weights are.
  assert sorted(peaks, key=peaks.__getitem__) == list(peaks)
  assert len(set(peaks.values())) == 3
