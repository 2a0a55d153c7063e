import numpy as np
import pytest

from inference_scaling.benchmark.measurements import steps

VOCABULARY = 5000


def _ends(format, tokens):
  """Which of some tokens end a step, one text."""
  machine, state, ends = format.compile(None, VOCABULARY), np.int32(0), []
  for token in tokens:
    state, hits = machine.step(state, np.int32(token))
    ends.append(bool(hits & format.step_bits))
    assert not hits & format.answer_bits
  return ends


@pytest.mark.parametrize("length", [1, 3])
def test_equal_steps_end_at_every_length(length):
  tokens = np.random.default_rng(0).integers(0, VOCABULARY, 10)
  expected = [(t + 1) % length == 0 for t in range(10)]
  assert _ends(steps.EqualSteps(length), tokens) == expected


def test_a_step_without_a_length_never_ends():
  assert not any(_ends(steps.EqualSteps(), range(20)))


def test_uneven_steps_end_at_about_one_token_in_so_many():
  machine = steps.UnevenSteps(16).compile(None, VOCABULARY)
  assert 0.8 / 16 < float(np.mean(machine.hits)) < 1.25 / 16
  # Common tokens have low numbers, and must not be spared.
  assert 0 < int(np.sum(machine.hits[0, :100])) < 20
