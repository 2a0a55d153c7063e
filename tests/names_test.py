"""Names that stand in published records and reports must never change."""

from inference_scaling import names
from inference_scaling.search import base


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
