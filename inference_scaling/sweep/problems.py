"""Where a sweep's problems come from."""

from inference_scaling import names, spec, tasks
from inference_scaling.spec import task as task_lib
from inference_scaling.tasks import synthetic
from inference_scaling.tasks.code import benchmarks as code
from inference_scaling.tasks.files import (
  field_names,
  jsonl,
)


def load(task: spec.Task) -> list[tasks.Problem]:
  """Loads the problems of a task.

  Args:
    task: `Sweep.task`.

  Returns:
    The problems; their ids differ.

  Raises:
    FileNotFoundError: if the file does not exist or cannot be downloaded.
    ValueError: if the file is empty or a row lacks its fields.
  """
  if isinstance(task, task_lib.Synthetic):
    return list(
      synthetic.generate(task.split, task.count, task.seed, task.levels)
    )
  if isinstance(task, task_lib.Jsonl):
    problems = tasks.load_problems(task.path, task.fields or {})
  elif isinstance(task, task_lib.Code):
    problems = code.load_code_benchmark(task.kind, task.path, task.form)
  else:
    problems = tasks.load_benchmark(task.kind, task.path, _option_seed(task))
  return problems[: task.limit] if task.limit else problems


def _option_seed(task: task_lib.Benchmark) -> int | None:
  """The seed of the order of options; None where nothing is shuffled."""
  if not isinstance(task, task_lib.Letters):
    return None
  if isinstance(task, task_lib.MmluPro):
    shuffled = task.option_order == names.SHUFFLED
    return task.option_seed if shuffled else None
  return task.option_seed


def describe(task: spec.Task) -> str:
  """Names a task in a few words."""
  if not isinstance(task, task_lib.Synthetic):
    part = f"the first {task.limit} of " if task.limit else ""
    hub = task.path == names.HUB and isinstance(task, task_lib.Benchmark)
    return part + (f"{task.kind} (hub)" if hub else task.path)
  levels = ", ".join(map(str, task.levels))
  return f"{task.split} split of the synthetic benchmark, levels {levels}"


def describe_fields(task: spec.Task) -> str | None:
  """Says which fields were taken for question and gold answer.

  Args:
    task: `Sweep.task`, whose file has been loaded.

  Returns:
    "question from `problem`, gold from `answer`"; None where there is no choice
    or they have the names that this package gives them.
  """
  if not isinstance(task, task_lib.Jsonl):
    return None
  roles = (field_names.QUESTION, field_names.GOLD)
  used = {
    role: jsonl.field_used(task.path, role, task.fields or {}) for role in roles
  }
  if all(role == name for role, name in used.items()):
    return None
  return ", ".join(f"{role} from `{name}`" for role, name in used.items())
