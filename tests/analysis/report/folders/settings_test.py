"""What a report says of a sweep's settings."""

import pytest

from inference_scaling.analysis.report import provenance
from inference_scaling.analysis.report.folders import settings


@pytest.mark.parametrize(
  ("split_after", "words"),
  [
    (None, "step end `x`"),
    (0, "step end `x`"),
    (24, "step end `x`, split after 24"),
  ],
)
def test_a_split_is_told_where_a_solution_has_one(split_after, words):
  group = {"step_end": ["x"]}
  if split_after is not None:
    group["split_after"] = split_after
  told = provenance.Provenance({}, config={"format": group})
  assert f"- Steps and answers: {words}" in settings.lines(told)
