"""Where a sweep's problems come from."""

from collections.abc import Callable, Mapping
from typing import Any

from inference_scaling import tasks
from inference_scaling.sweep import rules
from inference_scaling.tasks import synthetic

_FILE = {"path": rules.text(), "limit": rules.integer(0)}

# The keys of `config.task` by its kind; a limit of 0 takes all problems.
TABLES: Mapping[str, rules.Table] = {
  "synthetic": {
    "split": rules.one_of(*sorted(synthetic.SPLITS)),
    "count": rules.integer(1),
    "seed": rules.integer(0),
    "levels": rules.several(
      rules.Rule(
        lambda v: type(v) is int and v in synthetic.LEVELS,
        f"a level from {min(synthetic.LEVELS)} to {max(synthetic.LEVELS)}",
      )
    ),
  },
  "gsm8k": _FILE,
  "jsonl": _FILE,
}


def load(task: Mapping[str, Any]) -> list[tasks.Problem]:
  """Loads the problems of a task.

  Args:
    task: `config.task`, checked.

  Returns:
    The problems; their ids differ.

  Raises:
    FileNotFoundError: if the file does not exist.
    ValueError: if the file is empty or a row lacks its fields.
  """
  return list(_LOADERS[task["kind"]](task))


def describe(task: Mapping[str, Any]) -> str:
  """Names a task in a few words."""
  if task["kind"] != "synthetic":
    return task["path"]
  levels = ", ".join(map(str, task["levels"]))
  return f"{task['split']} split of the synthetic benchmark, levels {levels}"


def _limited(
  read: Callable[[str], list[tasks.Problem]], task: Mapping[str, Any]
) -> list[tasks.Problem]:
  problems = read(task["path"])
  return problems[: task["limit"]] if task["limit"] else problems


_LOADERS: Mapping[str, Callable[[Mapping[str, Any]], list]] = {
  "synthetic": lambda task: synthetic.generate(
    task["split"], task["count"], task["seed"], task["levels"]
  ),
  "gsm8k": lambda task: _limited(tasks.load_gsm8k, task),
  "jsonl": lambda task: _limited(tasks.load_problems, task),
}
