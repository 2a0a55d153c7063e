"""Where a sweep's problems come from."""

from collections.abc import Mapping
from typing import Any

from inference_scaling import tasks
from inference_scaling.sweep import rules
from inference_scaling.tasks import benchmarks, field_names, jsonl, synthetic

# A benchmark's path may be "hub".
_FILE = {"path": rules.text(), "limit": rules.integer(0)}


def _are_fields(value: Any) -> bool:
  if not isinstance(value, dict):
    return False
  try:
    field_names.check(value)
  except ValueError:
    return False
  return True


_FIELDS = rules.Rule(
  _are_fields,
  f"a group with a text for some of {', '.join(field_names.ROLES)}: the names "
  "of these fields in the file, each another one",
  optional=True,
)

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
  **dict.fromkeys(benchmarks.BENCHMARKS, _FILE),
  "jsonl": {**_FILE, "fields": _FIELDS},
}


def load(task: Mapping[str, Any]) -> list[tasks.Problem]:
  """Loads the problems of a task.

  Args:
    task: `config.task`, checked.

  Returns:
    The problems; their ids differ.

  Raises:
    FileNotFoundError: if the file does not exist or cannot be downloaded.
    ValueError: if the file is empty or a row lacks its fields.
  """
  kind = task["kind"]
  if kind == "synthetic":
    return list(
      synthetic.generate(
        task["split"], task["count"], task["seed"], task["levels"]
      )
    )
  if kind == "jsonl":
    problems = tasks.load_problems(task["path"], _fields(task))
  else:
    problems = tasks.load_benchmark(kind, task["path"])
  return problems[: task["limit"]] if task["limit"] else problems


def describe(task: Mapping[str, Any]) -> str:
  """Names a task in a few words."""
  if task["kind"] != "synthetic":
    some = f"the first {task['limit']} of " if task["limit"] else ""
    hub = task["path"] == benchmarks.HUB and task["kind"] != "jsonl"
    return some + (f"{task['kind']} (hub)" if hub else task["path"])
  levels = ", ".join(map(str, task["levels"]))
  return f"{task['split']} split of the synthetic benchmark, levels {levels}"


def describe_fields(task: Mapping[str, Any]) -> str | None:
  """Says which fields were taken for question and gold answer.

  Args:
    task: `config.task`, checked, whose file has been loaded.

  Returns:
    "question from `problem`, gold from `answer`"; None where there is no choice
    or they have the names that this package gives them.
  """
  if task["kind"] != "jsonl":
    return None
  roles = (field_names.QUESTION, field_names.GOLD)
  used = {
    role: jsonl.field_used(task["path"], role, _fields(task)) for role in roles
  }
  if all(role == name for role, name in used.items()):
    return None
  return ", ".join(f"{role} from `{name}`" for role, name in used.items())


def _fields(task: Mapping[str, Any]) -> Mapping[str, str]:
  """Names of fields; none given in a config without the key."""
  return task["fields"] if "fields" in task else {}
