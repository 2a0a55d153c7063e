"""Where a sweep's problems come from."""

from collections.abc import Mapping

from inference_scaling import names, spec, tasks
from inference_scaling.tasks import synthetic
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
  kind = task.kind
  if kind == "synthetic":
    return list(
      synthetic.generate(task.split, task.count, task.seed, task.levels)
    )
  if kind == "jsonl":
    problems = tasks.load_problems(task.path, _fields(task))
  else:
    problems = tasks.load_benchmark(kind, task.path)
  return problems[: task.limit] if task.limit else problems


def describe(task: spec.Task) -> str:
  """Names a task in a few words."""
  if task.kind != "synthetic":
    some = f"the first {task.limit} of " if task.limit else ""
    hub = task.path == names.HUB and task.kind != "jsonl"
    return some + (f"{task.kind} (hub)" if hub else task.path)
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
  if task.kind != "jsonl":
    return None
  roles = (field_names.QUESTION, field_names.GOLD)
  used = {
    role: jsonl.field_used(task.path, role, _fields(task)) for role in roles
  }
  if all(role == name for role, name in used.items()):
    return None
  return ", ".join(f"{role} from `{name}`" for role, name in used.items())


def _fields(task: spec.Task) -> Mapping[str, str]:
  """Names of fields; none where the config gives none."""
  return task.fields or {}
