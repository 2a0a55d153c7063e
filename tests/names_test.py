"""Names that stand in published records and reports must never change."""

from inference_scaling import decoding, models, names, spec
from inference_scaling.search import base
from inference_scaling.search.strategies import resampling
from inference_scaling.tasks import synthetic
from inference_scaling.tasks.files import benchmarks


def test_names_are_those_of_published_records():
  assert names.AGGREGATIONS == ("last", "min", "mean", "product")
  assert names.CONVENTIONS == ("paper", "with_reward", "full")
  assert names.STATUSES == ("finished", "truncated", "unfinished")
  assert names.vote_name(names.MAJORITY) == "majority"
  assert [names.vote_name(method, names.MIN) for method in names.SCORED] == [
    "best_of_n/min", "weighted/min"
  ]  # fmt: skip


def test_step_statuses_go_by_the_numbers_of_the_search():
  by_number = {
    base.RUNNING: "unfinished",
    base.FINISHED: "finished",
    base.TRUNCATED: "truncated",
    base.DROPPED: "duplicate",
  }
  assert dict(enumerate(names.STEP_STATUSES)) == by_number


def test_each_name_of_a_config_has_what_does_it():
  assert models.EXTERNAL_FORMATS == names.EXTERNAL_FORMATS
  assert tuple(benchmarks.BENCHMARKS) == names.BENCHMARKS
  assert tuple(resampling.SCHEMES) == names.RESAMPLING_SCHEMES
  assert tuple(synthetic.SPLITS) == names.SPLITS
  assert set(decoding.TOKEN_SCORES) | {
    "none",
    "native",
    "python",
    "value_head",
    "group_confidence",
  } == {
    reward_format
    for reward_format in spec.REWARDS
    if reward_format not in names.EXTERNAL_FORMATS
  }
