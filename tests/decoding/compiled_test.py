"""What the compiled token loop does not do: copy caches, convert weights."""

import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.decoding import one_device

ROOT = pathlib.Path(__file__).parents[2]
_KEYS = (
  one_device.P, one_device.N, one_device.KV_HEADS, one_device.HEAD,
  one_device.LIMITS.text_buffer,
)  # fmt: skip
_VALUES = (*_KEYS[:3], _KEYS[4], _KEYS[3])


@pytest.fixture(scope="module")
def text():
  """The program as it is on one CPU: with more, memory is not laid out."""
  environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
  found = subprocess.run(
    [sys.executable, "-m", "tests.decoding.one_device"],
    cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
  )  # fmt: skip
  assert found.returncode == 0, found.stderr
  return found.stdout


def _computations(text):
  """Lines of each computation, by name."""
  found, name = {}, None
  for line in text.splitlines():
    begin = re.match(r"(?:ENTRY )?(%?[\w.\-]+) \(.*\{$", line)
    if begin:
      name = begin[1].lstrip("%")
      found[name] = []
    elif name is not None:
      found[name].append(line)
  return found


def _results(line):
  """Dtype, shape and operation of an instruction; None for what is none."""
  found = re.match(
    r"\s+(?:ROOT )?%?[\w.\-]+ = (\w+)\[([\d,]*)\]\S* ([\w\-]+)\(", line
  )
  if not found:
    return None
  shape = tuple(int(size) for size in found[2].split(",") if size)
  return found[1], shape, found[3]


def _token_loop(computations):
  """Lines of the body of the loop that carries caches."""
  carried = "[" + ",".join(map(str, _KEYS)) + "]"
  bodies = {
    re.search(r"body=%?([\w.\-]+)", line)[1]
    for lines in computations.values()
    for line in lines
    if " while(" in line and carried in line
  }
  assert len(bodies) == 1
  return computations[bodies.pop()]


def test_the_token_loop_writes_caches_where_they_are(text):
  computations, scatters = _computations(text), 0
  for line in _token_loop(computations):
    result = _results(line)
    if result is None or result[1] not in (_KEYS, _VALUES):
      continue
    operation = result[2]
    if operation == "fusion":
      called = computations[re.search(r"calls=%?([\w.\-]+)", line)[1]]
      (root,) = [_results(inner) for inner in called if "ROOT" in inner]
      operation = root[2]
    assert operation in ("get-tuple-element", "scatter"), line
    scatters += operation == "scatter"
  # Keys and values of two layers.
  assert scatters == 4


def test_no_weight_is_converted(text):
  smallest = one_device.WIDTH * one_device.KV_HEADS * one_device.HEAD
  converted = [
    result
    for result in map(_results, text.splitlines())
    if result and result[2] == "convert" and result[0] == "f32"
  ]
  assert [
    shape for _, shape, _ in converted if np.prod(shape) >= smallest
  ] == []
  # Weights are there in half precision: nobody converted them before.
  assert f"bf16[{one_device.WIDE},{one_device.WIDTH}]" in text
