"""What may change of a sweep that has records, and what is refused."""

import json
import pathlib

import pytest

from inference_scaling import spec

OLD = pathlib.Path(__file__).parents[1] / "sweep" / "old_folder"
CONFIG = {
  "task": {"kind": "synthetic"},
  "policies": {"a": "x", "b": "y"},
  "reward": {"format": "native", "source": "z"},
  "aggregations": ("last", "min"),
  "runs": {
    "tree": {"strategy": "rebase", "n": (4, 8)},
    "one": {"strategy": "greedy", "policies": ("a",)},
  },
}


def changes(**values):
  old, new = (spec.read_sweep({**CONFIG, **more}) for more in ({}, values))
  return spec.changes(old, new)


def runs(**values):
  return {"runs": {**CONFIG["runs"], **values}}


@pytest.mark.parametrize(
  "values",
  [
    {"policies": {"c": "w", **CONFIG["policies"]}},
    {"policies": {"a": "elsewhere", "b": "y"}},
    {
      "policies": {"c": "x", **CONFIG["policies"]},
      "policy_dtypes": {"c": "int8"},
    },
    {
      "policies": {"c": "x", **CONFIG["policies"]},
      "thinking": {"c": {"wait": "Hm"}},
    },
    {"policy_dtypes": {"a": "float32"}},
    {"reward": {"format": "native", "source": "elsewhere"}},
    {"aggregations": ("min", "mean", "last")},
    {"task": {"kind": "synthetic", "count": 500}},
    runs(tree={"strategy": "rebase", "n": (2, 4, 8), "seeds": (0, 1)}),
    runs(more={"strategy": "rebase/cold", "n": (4,), "temperature": 0.05}),
    {"runs": {"other": CONFIG["runs"]["tree"], "name": CONFIG["runs"]["one"]}},
    *({key: value} for key, value in {
      "mesh": {"data": 8}, "batch_size": 4, "rows_per_problem": 2,
      "cache": "tree",
    }.items()),
  ],
)  # fmt: skip
def test_what_only_adds_or_distributes_work_may_change(values):
  assert changes(**values) == []


@pytest.mark.parametrize(
  ("values", "line"),
  [
    ({"policies": {"a": "x"}}, 'config.policies.b: "y" -> (absent)'),
    (
      {"reward": {"format": "likelihood"}},
      'reward.format: "native" -> "likelihood"',
    ),
    ({"aggregations": ("min",)}, 'aggregations: ["last", "min"] -> ["min"]'),
    ({"sampler": {"top_p": 0.9}}, "config.sampler.top_p: 1.0 -> 0.9"),
    ({"limits": {"step_tokens": 9}}, "config.limits.step_tokens: 256 -> 9"),
    ({"format": {"step_end": ()}}, 'config.format.step_end: ["\\n\\n"] -> []'),
    ({"prompt": {"kind": "chat"}}, 'config.prompt.kind: "plain" -> "chat"'),
    ({"dtype": "bfloat16"}, 'config.dtype: "float32" -> "bfloat16"'),
    (
      {"policy_dtypes": {"b": "int8"}},
      'config.policy_dtypes.b: "float32" -> "int8"',
    ),
    (
      {"thinking": {"b": {"wait": "Hm"}}},
      "config.thinking.b: (absent) -> {",
    ),
    ({"percent": "value"}, 'config.percent: "either" -> "value"'),
    ({"confidence": {"window": 4}}, "config.confidence.window: 0 -> 4"),
    (runs(tree={"strategy": "rebase", "n": (8,)}), "a rebase n=4 seed=0 -> (a"),
    (
      runs(tree={"strategy": "rebase", "n": (4, 8), "rule": "exact"}),
      'config.runs.tree.rule: "ceil" -> "exact" in config.runs.tree; a word',
    ),
    (
      {"runs": {"wide": {"strategy": "rebase", "n": (9,), "temperature": 2.0}}},
      "config.runs.tree.temperature: 0.1 -> 2.0 in config.runs.wide; a word",
    ),
    ({"runs": {"tree": CONFIG["runs"]["tree"]}}, "a greedy n=1 seed=0 -> (ab"),
    (
      {"policies": {"a": "x", "b": "python:y:make"}},
      'config.policies.b: "y" -> "python:y:make"',
    ),
  ],
)
def test_what_would_change_records_is_named_with_old_and_new(values, line):
  found = changes(**values)
  assert any(line in one for one in found), found


@pytest.mark.parametrize(
  ("source", "changed"),
  [("python:moved.two:make", False), ("python:two:other", True)],
)
def test_a_function_that_makes_a_model_is_known_by_its_name(source, changed):
  """Its module may move: the digest of the file is compared elsewhere."""
  before = "python:two:make"
  with_ports = lambda name: spec.read_sweep(  # noqa: E731
    {
      **CONFIG,
      "policies": {"a": name, "b": "y"},
      "reward": {"format": "python", "source": name},
    }
  )
  found = spec.changes(with_ports(before), with_ports(source))
  assert found == changed * [
    f'config.reward.source: "{before}" -> "{source}"',
    f'config.policies.a: "{before}" -> "{source}"',
  ]


def test_every_key_of_a_sweep_is_compared_or_may_change():
  """A key is compared, or may grow, or distributes work: none is forgotten."""
  growing = {"task", "policies", "policy_dtypes", "runs", "aggregations"}
  growing |= {"thinking", "speculative"}
  compared = set(spec.Sweep.model_fields) - growing - set(spec.PLACING)
  assert compared == {
    "reward", "prompt", "sampler", "format", "limits", "percent", "dtype",
    "confidence",
  }  # fmt: skip


def test_many_runs_that_are_gone_are_counted():
  seeds = tuple(range(40))
  old = runs(tree={"strategy": "rebase", "n": (4,), "seeds": seeds})
  one = runs(tree={"strategy": "rebase", "n": (4,)})
  old, new = (spec.read_sweep({**CONFIG, **more}) for more in (old, one))
  found = spec.changes(old, new)
  assert len(found) == 11 and found[-1].endswith("68 more runs -> (absent)")


def test_a_config_of_an_older_version_is_read_and_may_grow():
  """It stands in the folder of an old sweep, without the keys of today."""
  old = json.loads((OLD / "config.json").read_text(encoding="utf-8"))["config"]
  assert "percent" not in old
  sweep = spec.read_sweep(spec.renew(old))
  old = spec.renew(old)
  new = {"percent": "either", "policy_dtypes": {}, "attention": "auto",
         "threads": 0}  # fmt: skip
  new["confidence"] = spec.Confidence().model_dump()
  new["thinking"], new["speculative"] = {}, {}
  new["format"] = {**old["format"], "split_after": 0}
  assert spec.to_json(sweep) == old | new
  larger = spec.read_sweep({**old, "task": {**old["task"], "count": 3}})
  assert spec.changes(sweep, larger) == []
