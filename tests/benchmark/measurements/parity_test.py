"""What is said of two devices' texts, and of the engine's form for a GPU."""

import numpy as np
import pytest

from inference_scaling import benchmark
from inference_scaling.benchmark import subjects
from inference_scaling.benchmark import work as work_lib
from inference_scaling.benchmark.measurements import parity


def test_texts_count_up_to_the_first_token_that_differs():
  expected = parity.Texts(
    np.array([[1, 2, 3, 4], [5, 6, 7, 8]]), np.array([-1.0, -2.0])
  )
  found = parity.Texts(
    np.array([[1, 2, 3, 4], [5, 0, 7, 8]]), np.array([-1.25, -9.0])
  )
  tokens, difference = parity.compare("chip", expected, found)
  assert tokens.value == 100 * 5 / 8  # the end of the second is not as drawn
  assert difference.value == 0.25 and "1 equal texts" in difference.note


def test_nothing_is_said_of_no_equal_texts():
  expected = parity.Texts(np.array([[1]]), np.array([-1.0]))
  found = parity.Texts(np.array([[2]]), np.array([-1.0]))
  tokens, difference = parity.compare("chip", expected, found)
  assert tokens.value == 0 and difference.value is None


def test_random_weights_have_no_greedy_texts():
  with pytest.raises(ValueError, match="--model=llemma_7b has random ones"):
    parity.measure(subjects.subject("llemma_7b"), work_lib.Work())


@pytest.mark.slow
def test_the_form_for_a_gpu_writes_what_that_for_a_cpu_does():
  work = benchmark.Work(problems=2, samples=2, prompt_tokens=40, new_tokens=24)
  rows = parity.measure(subjects.subject("embedded"), work)
  assert rows[0].value == 100 and rows[1].value < 1e-3
