"""The page of all keys is what the types say."""

import pathlib
import re
from typing import Annotated

import pytest

from inference_scaling import spec
from inference_scaling.spec import keys
from inference_scaling.spec.checking import fields

ROOT = pathlib.Path(__file__).parents[2]
TABLES = {
  "config.task.kind": spec.TASKS,
  "config.reward.format": spec.REWARDS,
  "config.prompt.kind": spec.PROMPTS,
  "config.runs.NAME.strategy": spec.STRATEGIES,
}


def rows(page):
  """Cells of each row by heading and key."""
  found, heading = {}, ""
  for line in page.splitlines():
    if line.startswith("#"):
      heading = line.lstrip("# ")
    elif line.startswith("| `"):
      key, *cells = line.removesuffix(" |").split(" | ")
      found[heading, key.strip("|` ")] = cells
  return found


def test_the_page_is_what_the_types_say():
  text = (ROOT / "configs" / "KEYS.md").read_text(encoding="utf-8")
  assert text == keys.page(), (
    "run: python -m inference_scaling.spec.keys > configs/KEYS.md"
  )


def test_every_key_of_a_complete_config_has_a_row():
  complete = spec.complete(
    {
      "task": {"kind": "gsm8k"},
      "policies": {"a": "embedded/policy_small"},
      "reward": {"format": "none"},
      "runs": {
        kind: {"strategy": kind}
        if kind == "greedy"
        else {"strategy": kind, "n": (4,)}
        for kind in ("greedy", "sampling")
      },
    }
  ).to_dict()

  def paths(group, path="config"):
    for key, value in group.items():
      name = "NAME" if path == "config.runs" else key
      if path == "config.policies":
        continue  # names of the user's
      if name != "NAME":
        yield f"{path}.{name}"
      if isinstance(value, dict):
        yield from paths(value, f"{path}.{name}")

  named = {key for _, key in rows(keys.page())}
  assert set(paths(complete)) <= named


@pytest.mark.parametrize(("chooser", "table"), TABLES.items())
def test_every_group_of_a_choice_has_its_keys(chooser, table):
  found = rows(keys.page())
  for name, kind in table.items():
    (heading,) = {
      heading for heading, others in re.findall(
        r"### (.*)\n\n((?:And: (?:.+\n)+)?)", keys.page()
      )
      if heading.startswith(f"`{chooser}` =")
      and f"`{name}`" in heading + others
    }  # fmt: skip
    group, _, key = chooser.rpartition(".")
    assert {path for where, path in found if where == heading} == {
      f"{group}.{field}" for field in kind.model_fields if field != key
    }


def test_rows_by_hand():
  found = rows(keys.page())
  assert found["`config.limits`", "config.limits.max_steps"] == [
    "a whole number of at least 1 and at most 2147483647", "`25`",
    "Most steps of a solution.",
  ]  # fmt: skip
  value, default, _ = found["`config`", "config.policies"]
  assert (value, default) == ("names, each with a text", "required")
  assert found["`config`", "config.reward"][1] == '`{"format": "none"}`'
  mcts = "`config.runs.NAME.strategy` = `mcts`"
  value, default, _ = found[mcts, "config.runs.NAME.policies"]
  assert value == "a list of one or more different values, each a text"
  assert default == "`None`"


def test_every_row_says_values_default_and_meaning():
  for (heading, key), (values, default, meaning) in rows(keys.page()).items():
    assert values and default, (heading, key)
    # It can be read without the rows around it.
    assert meaning.endswith(".") and meaning[0].isupper(), (heading, key)
    assert not re.search("(?i)likewise|^of ", meaning), (heading, key)


def test_a_bar_does_not_end_a_cell():
  class Bars(fields.Group):
    mark: Annotated[str, fields.one_of("a|b")] = fields.key(
      "a|b", "One | another."
    )

  (line,) = [
    line for part in keys.describe(Bars, "config", "## `config`")
    for line in part.splitlines() if line.startswith("| `")
  ]  # fmt: skip
  assert len(re.findall(r"(?<!\\)\|", line)) == 5
