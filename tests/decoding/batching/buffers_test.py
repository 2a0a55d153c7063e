"""Sizes of programs by what is in the slots, and by target."""

import pytest

from inference_scaling import decoding, search
from inference_scaling.decoding import sizes
from inference_scaling.decoding.batching import buffers
from inference_scaling.models.layers import hardware

LIMITS = decoding.Limits(
  prompt_tokens=512, step_tokens=256, total_tokens=1024, max_steps=25
)


class Owner:
  """A policy or reward with buffers, which is never called."""

  limits = LIMITS

  def __init__(self, num_beams, in_place=False):
    self.num_beams, self.in_place = num_beams, in_place

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
  found = [
    fit([None, buffers.Slot(0, 0.0, prompt, prompt, text)])[0]
    for prompt, text in lengths
  ]
  assert [size.prompt for size in found] == prompts
  assert [size.text for size in found] == [512, 1024, 1024]


def test_one_size_serves_what_is_read_where_it_lies():
  policy, reward = Owner(4, in_place=True), Owner(4)
  fit = buffers.Fit(
    policy, reward, search.sampling().static_part, 2,
    hardware.Hardware("cpu", 1),
  )  # fmt: skip
  short, long = (
    fit([buffers.Slot(0, 0.0, length, length, length)]) for length in (40, 300)
  )
  assert short[0] == long[0] == sizes.Sizes(1024, 512, 64, slots=2)
  assert short[1] == sizes.Sizes(512, 128, 64, slots=2) != long[1]
