"""One record is found among those of a sweep, and what is missing is named."""

import json

import pytest

from inference_scaling import analysis
from tests.analysis import tree_records


@pytest.fixture(name="path")
def _path(tmp_path):
  """Two policies, two n, three problems."""
  path = tmp_path / "records.jsonl"
  with path.open("w", encoding="utf-8") as file:
    for problem in (3, 1, 2):
      for policy in ("small", "large"):
        for n in (2, 4):
          record = tree_records.small()
          record["run"] |= {"policy": policy, "n": n}
          record["problem"]["id"] = problem
          file.write(json.dumps(record) + "\n")
  return path


def test_the_first_that_fits_is_taken_and_the_others_are_named(path):
  match = analysis.find_record(path, 1, n=4, seed=None)
  assert match.record["problem"]["id"] == 1
  assert match.record["run"] == {
    "policy": "small", "strategy": "rebase", "n": 4, "seed": 0
  }  # fmt: skip
  assert match.others == ["large rebase n=4 seed=0"]
  match = analysis.find_record(path, 2, policy="large", n=2, strategy="rebase")
  assert match.record["run"]["policy"] == "large" and match.others == []


def test_what_there_is_is_named_where_nothing_fits(path):
  with pytest.raises(ValueError, match=r"no record of problem 7; .* 1, 2, 3\."):
    analysis.find_record(path, 7)
  with pytest.raises(
    ValueError,
    match=r"problem 3 with policy small, n 8; there are small rebase n=2 "
    r"seed=0, small rebase n=4 .*, large rebase n=4 seed=0\.",
  ):
    analysis.find_record(path, 3, policy="small", n=8)


def test_a_folder_without_records_is_named(tmp_path):
  path = tmp_path / "records.jsonl"
  with pytest.raises(FileNotFoundError, match=r"records.jsonl; give the fold"):
    analysis.find_record(path, 1)
  path.touch()
  with pytest.raises(ValueError, match="no records; run the sweep"):
    analysis.find_record(path, 1)


def test_a_tree_of_an_older_version_is_refused(tmp_path):
  record = tree_records.small()
  record["tree"] = {"parents": [[0]], "active": [[True]], "widths": [[0]]}
  path = tmp_path / "records.jsonl"
  path.write_text(json.dumps(record) + "\n")
  with pytest.raises(ValueError, match=r"older version .*run the sweep ag"):
    analysis.find_record(path, record["problem"]["id"])


def test_long_lists_are_cut(tmp_path):
  path = tmp_path / "records.jsonl"
  records = [
    tree_records.small()
    | {"problem": tree_records.small()["problem"] | {"id": i}}
    for i in range(30)
  ]
  path.write_text("".join(json.dumps(record) + "\n" for record in records))
  with pytest.raises(ValueError, match=r"0, 1, .*, 19 and 10 more\."):
    analysis.find_record(path, 99)


def test_a_problem_with_a_name_is_found_and_called_by_it(path):
  record = tree_records.small()
  record["problem"] |= {"id": 123456789, "name": "algebra/7"}
  with path.open("a", encoding="utf-8") as file:
    file.write(json.dumps(record) + "\n")
  for problem in ("algebra/7", "123456789", 123456789):
    match = analysis.find_record(path, problem).record
    assert match["problem"]["name"] == "algebra/7"
    assert "Problem algebra/7, level 3" in analysis.tree_page(match)
  match = analysis.find_record(path, "2").record
  assert match["problem"]["id"] == 2
  assert "Problem 2, level 3" in analysis.tree_page(match)
  with pytest.raises(
    ValueError, match=r"no record of problem 7; .* 1, 2, 3, alge"
  ):
    analysis.find_record(path, "7")


def test_a_cut_last_line_is_left_out_and_a_bad_one_is_named(path):
  whole = path.read_bytes()
  path.write_bytes(whole + b'{"run": {"pol')
  with pytest.warns(UserWarning, match=r"records\.jsonl:13: the last line"):
    match = analysis.find_record(path, 1)
  assert match.record["problem"]["id"] == 1
  path.write_bytes(b"oops\n" + whole)
  with pytest.raises(ValueError, match=r"records.jsonl, line 1, is not JSON"):
    analysis.find_record(path, 1)


@pytest.mark.parametrize("line", ["{}", '{"run": {}, "problem": {"id": 1}}'])
def test_a_line_that_is_no_record_is_named(path, line):
  path.write_text(line + "\n", encoding="utf-8")
  with pytest.raises(ValueError, match=r"records\.jsonl, line 1, is no record"):
    analysis.find_record(path, 1)
