"""What the paper's configs say of their memory is what the plan prints."""

import pathlib
import re
import shlex
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
COMMAND = re.compile(r"python (launch/plan\.py (?:.*\\\n)*.*)\n")
WORDS = re.compile(
  r"peak of ([\d.]+) GiB a device: ([\d.]+) GiB of weights and ([\d.]+) GiB of"
  r" caches"
)
STATED = [
  path
  for path in sorted((ROOT / "configs").glob("*.py"))
  if COMMAND.search(path.read_text())
]


def _printed(output, *rows):
  """Sum of the rows of a plan with one mesh."""
  values = re.findall(rf"^(?:{'|'.join(rows)}).* ([\d.]+)$", output, re.M)
  assert values, output
  return sum(map(float, values))


@pytest.mark.slow
@pytest.mark.parametrize("path", STATED, ids=lambda path: path.stem)
def test_a_config_states_what_the_plan_prints(path):
  text = path.read_text()
  command = shlex.split(COMMAND.search(text)[1].replace("\\\n", " "))
  done = subprocess.run(
    [sys.executable, *command], capture_output=True, text=True, cwd=ROOT
  )
  assert done.returncode == 0, done.stderr
  peak, weights, caches = map(
    float, WORDS.search(" ".join(text.split())).groups()
  )
  assert peak == pytest.approx(_printed(done.stdout, "peak"), abs=0.05)
  rows = ("policy weights", "reward weights")
  assert weights == pytest.approx(_printed(done.stdout, *rows), abs=0.06)
  rows = ("prompt caches", "beam caches")
  assert caches == pytest.approx(_printed(done.stdout, *rows), abs=0.06)


def test_configs_for_large_devices_state_it():
  assert len(STATED) == 7
