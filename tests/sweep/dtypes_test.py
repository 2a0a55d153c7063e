"""A sweep over dtypes: one checkpoint under two names, and what is said."""

import json

import pytest

from inference_scaling import analysis, spec, sweep
from inference_scaling.models.layers import hardware
from inference_scaling.models.quantisation import formats
from inference_scaling.sweep import checkpoints, loading
from inference_scaling.sweep import settings as settings_lib
from tests.sweep import tiny

RUNS = {"greedy": {"strategy": "greedy"}}


def config(family, **changes):
  small = str(family / "small")
  values = {
    "policies": {"small": small, "small_int8": small},
    "policy_dtypes": {"small_int8": "int8"},
    "runs": RUNS,
  }
  return tiny.config(family, **(values | changes))


@pytest.fixture(scope="module")
def compared(family, tmp_path_factory):
  """A finished sweep of both, and what it said."""
  workdir = tmp_path_factory.mktemp("dtypes") / "sweep"
  said = []
  sweep.run_sweep(config(family), workdir, say=said.append)
  return workdir, "\n".join(said)


def records(workdir):
  lines = (workdir / "records.jsonl").read_text().splitlines()
  return [json.loads(line) for line in lines]


def test_each_record_says_its_dtype(compared):
  found = {
    (record["run"]["policy"], record["dtype"])
    for record in records(compared[0])
  }
  assert found == {("small", "float32"), ("small_int8", "int8")}
  assert "small_int8 (" in compared[1] and " in int8" in compared[1]


def test_a_report_has_a_curve_for_each(compared):
  workdir = compared[0]
  analysis.write_report(workdir, num_subsets=5)
  text = (workdir / "report.md").read_text()
  assert "Dtype: float32, of small_int8 int8; mesh" in text
  summary = (workdir / "summary.csv").read_text()
  assert "\nsmall_int8," in summary and "\nsmall," in summary


def test_the_dtype_of_a_policy_with_records_may_not_change(family, compared):
  other = config(family, policy_dtypes={"small_int8": "fp8"})
  with pytest.raises(
    ValueError, match=r'policy_dtypes\.small_int8: "int8" -> "fp8"'
  ):
    sweep.run_sweep(other, compared[0], say=lambda line: None)


def test_models_are_loaded_in_their_dtypes(family):
  read = spec.read_sweep(config(family, dtype="bfloat16"))
  assert read.dtype_of("small") == "bfloat16"
  settings = settings_lib.make_settings(read)
  policies = {
    name: checkpoints.policy(path) for name, path in read.policies.items()
  }
  reward = checkpoints.reward(read.reward.source, read.reward.format)
  engine = loading.load_engine(policies, reward, settings, print)
  dtypes = {
    name: model.params["embedding"].dtype.name
    for name, model in engine.loaded.policies.items()
  }
  assert dtypes == {"small": "bfloat16", "small_int8": "int8"}
  assert formats.activations("int8", hardware.of_mesh(None)).name == "float32"


def test_a_function_of_ones_own_chooses_its_dtype_itself(family):
  own = config(family, policies={"mine": "python:module:maker"})
  own["policy_dtypes"] = {"mine": "int8"}
  with pytest.raises(
    ValueError, match=r"policy_dtypes\.mine.*function of your"
  ):
    spec.read_sweep(own)
