"""Sizes of programs by what is in the slots, and by target."""

import pytest

from inference_scaling import decoding, search
from inference_scaling.decoding.batching import buffers
from inference_scaling.models.layers import hardware

LIMITS = decoding.Limits(
  prompt_tokens=512, step_tokens=256, total_tokens=1024, max_steps=25
)


class Owner:
  """A policy or reward with buffers, which is never called."""

  limits = LIMITS

  def __init__(self, num_beams):
    self.num_beams = num_beams

  def sized(self, sizes):
    raise NotImplementedError

  def longest(self, state):
    raise NotImplementedError


@pytest.mark.parametrize(
  "platform,num_beams,prompts",
  [
    ("cpu", 64, [128, 256, 256]), ("tpu", 4, [128, 256, 256]),
    ("tpu", 64, [512] * 3), ("gpu", 8, [512] * 3),
  ],
)  # fmt: skip
def test_sizes_fit_and_never_shrink(platform, num_beams, prompts):
  owner = Owner(num_beams)
  fit = buffers.Fit(
    owner, owner, search.sampling().static_part, 1,
    hardware.Hardware(platform, 1),
  )  # fmt: skip
  lengths = [(40, 100), (200, 300), (10, 0)]  # of a prompt and a text
  sizes = [
    fit([None, buffers.Slot(0, 0.0, prompt, prompt, text)])[0]
    for prompt, text in lengths
  ]
  assert [size.prompt for size in sizes] == prompts
  assert [size.text for size in sizes] == [512, 1024, 1024]
