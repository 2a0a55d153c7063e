"""Loads a checkpoint in a process of its own and measures its memory.

  python load_memory.py FOLDER DTYPE [--all-at-once]

Prints the peak of anonymous memory, beyond what there was before, in bytes.
Pages of mapped files do not count: the system drops them when it needs to.
"""

import pathlib
import sys
import threading
import time

from inference_scaling import models
from inference_scaling.models import sources


def anonymous_bytes():
  for line in pathlib.Path("/proc/self/status").read_text().splitlines():
    if line.startswith("RssAnon"):
      return 1024 * int(line.split()[1])
  raise RuntimeError("this system does not count anonymous memory")


class Peak(threading.Thread):
  def __init__(self):
    super().__init__(daemon=True)
    self.highest = self.start_level = anonymous_bytes()
    self.stopped = False

  def run(self):
    while not self.stopped:
      self.highest = max(self.highest, anonymous_bytes())
      time.sleep(0.001)


def _read_everything_first(folder):
  """What a loader must not do, for the test of the test."""
  source = sources.open_folder(folder)
  tensors = {name: source.read(name).copy() for name in source.shapes}
  sources.SafetensorsFolder.read = lambda self, name: tensors[name]


def main(folder, dtype, *flags):
  folder = pathlib.Path(folder)
  models.load_model("embedded/policy_small")  # starts what must be started
  peak = Peak()
  peak.start()
  if flags:
    _read_everything_first(folder)
  model = models.load_model(folder, dtype=dtype)
  peak.stopped = True
  peak.join()
  assert model.num_parameters > 0
  print(peak.highest - peak.start_level)


if __name__ == "__main__":
  main(*sys.argv[1:])
