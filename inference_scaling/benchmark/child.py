"""A separate process, for what can only be measured from its start.

Started as `python -m inference_scaling.benchmark.child TASK`, a task in JSON.
"""

import dataclasses
import json
import os
import subprocess
import sys
import time
from typing import Any


@dataclasses.dataclass(frozen=True)
class Task:
  """The task of the process.

  Attributes:
    kind: "sampling" or "search".
    subject: the model, as `subjects.subject` takes it.
    dtype: of its weights.
    work: fields of `work.Work`.
    cache: folder of compiled programs.
    measure_memory: whether to run once more for the peak memory.
    began: seconds of the clock when the process was started.
  """

  kind: str
  subject: str
  dtype: str
  work: dict[str, int]
  cache: str = ""
  measure_memory: bool = False
  began: float = 0.0


def run(task: Task) -> dict[str, Any]:
  """Runs a task in a new process.

  Args:
    task: what to do.

  Returns:
    What `main` prints.

  Raises:
    ValueError: where the process fails; with its last line.
  """
  # Or one process would take the whole accelerator, beside this one.
  environment = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
  task = dataclasses.replace(task, began=time.time())
  command = [
    sys.executable, "-m", "inference_scaling.benchmark.child",
    json.dumps(dataclasses.asdict(task)),
  ]  # fmt: skip
  done = subprocess.run(
    command, capture_output=True, text=True, env=environment
  )
  if done.returncode:
    lines = done.stderr.strip().splitlines() or ["no message"]
    raise ValueError(f"a process of the benchmark failed: {lines[-1]}")
  return json.loads(done.stdout.splitlines()[-1])


def main(task: Task) -> dict[str, Any]:
  """Does a task.

  Args:
    task: what to do.

  Returns:
    Seconds until the imports, the weights and the first result were ready;
    peak memory of a second run, as `peak_memory.measure` counts it, None if it
    is not to be measured.
  """
  import jax

  from inference_scaling.benchmark import (
    peak_memory,
    subjects,
    work,
  )
  from inference_scaling.benchmark.measurements import (
    compilation,
    search,
  )

  if task.cache:
    jax.config.update("jax_compilation_cache_dir", task.cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
  imports = time.time() - task.began
  subjects.check_device(task.subject)
  subject = subjects.subject(task.subject)
  sampling, rebase = search.prepare(
    subject, work.Work(**task.work), task.dtype, task.kind == "search"
  )
  loading = time.time() - task.began - imports
  run_once = rebase or sampling
  with compilation.count() as compiled:
    run_once()
  first_result = time.time() - task.began
  return {
    "imports": imports,
    "loading": loading,
    "first_result": first_result,
    "programs": compiled.programs,
    "compiling": compiled.seconds,
    "peak": peak_memory.measure(run_once) if task.measure_memory else None,
  }


if __name__ == "__main__":
  print(json.dumps(main(Task(**json.loads(sys.argv[1])))))
