"""How a sweep's models are loaded: the kernel that its config asks for."""

import dataclasses

import pytest

from inference_scaling import assets, models
from inference_scaling.models.layers import decode_attention
from inference_scaling.sweep import checkpoints, loading
from inference_scaling.sweep.solve import EMBEDDED_SETTINGS as SETTINGS


def _load(settings):
  policy = checkpoints.policy(str(assets.resolve("embedded/policy_small")))
  reward = checkpoints.reward(
    str(assets.resolve("embedded/reward")), models.NATIVE_FORMAT
  )
  return loading.load_engine({"small": policy}, reward, settings, print)


def test_a_kernel_on_a_cpu_is_refused():
  with pytest.raises(
    ValueError, match=r"config.attention is 'kernel'.*CPUs.*'auto' or 'einsum'"
  ):
    _load(dataclasses.replace(SETTINGS, attention="kernel"))


@pytest.mark.parametrize("attention", ["auto", "einsum", "kernel"])
def test_both_models_have_the_kernel(monkeypatch, attention):
  """Of a GPU, for whose programs these weights are good, too."""
  kernel = decode_attention.DecodeKernel("gpu")
  monkeypatch.setattr(
    decode_attention,
    "choose",
    lambda name, hardware, mesh: kernel if name == "kernel" else None,
  )
  engine = _load(dataclasses.replace(SETTINGS, attention=attention))
  expected = kernel if attention == "kernel" else None
  assert engine.loaded.policies["small"].decode_kernel is expected
  assert engine.loaded.reward.decode_kernel is expected
