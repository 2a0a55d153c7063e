"""One report on several folders: what is joined, told apart and refused."""

import copy
import json

import pandas as pd
import pytest

from inference_scaling import analysis
from inference_scaling.analysis.figures import style
from tests.analysis import factory
from tests.analysis.report.opening_test import CONFIG, top

FILES = {"small": "a" * 64, "large": "b" * 64}


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch):
  """Figures are built but not rendered, which takes most of the time."""
  monkeypatch.setattr(style, "save", lambda figure, folder, name: [])


def write(
  folder, records, config=(), files=(), reward="c" * 64, problems=6, flops=3.0
):
  """A sweep's folder; `config` and `files` change what it says."""
  factory.write(folder, records)
  runs = {}
  for record in records:
    run = record["run"]
    block = runs.setdefault(
      run["strategy"],
      {"strategy": run["strategy"], "policies": [], "n": [], "seeds": []},
    )
    for key, value in (
      ("policies", run["policy"]), ("n", run["n"]), ("seeds", run["seed"])
    ):  # fmt: skip
      if value not in block[key]:
        block[key].append(value)
  if "rebase" in runs:
    runs["rebase"]["temperature"] = 0.1
  content = {
    "config": CONFIG | {"runs": runs} | dict(config),
    "policies": {
      name: {
        "parameters": factory.PARAMETERS[name],
        "sha256": sha,
        "flops_per_token": flops,
      }
      for name, sha in (FILES | dict(files)).items()
    },
    "reward": {"parameters": factory.REWARD_PARAMETERS, "sha256": reward},
    "problems": problems,
  }
  (folder / "config.json").write_text(json.dumps(content))
  return folder


def sweep(*runs, policies=("small",), problems=6, seeds=1):
  return factory.sweep(problems, policies, runs, seeds=seeds)


SAMPLES, SEARCH = ("sampling", 4), ("rebase", 4)


@pytest.fixture(name="join")
def _join(tmp_path):
  """Writes the report on folders; returns its text and where it is."""

  def join(*folders):
    path = analysis.write_report(folders, tmp_path / "joined", num_subsets=5)
    return path.read_text("utf-8"), path.parent

  return join


def numbers(folder):
  return {
    path.relative_to(folder): path.read_bytes()
    for path in folder.rglob("*.csv")
  }


def test_folders_joined_have_the_numbers_of_one_sweep(tmp_path, join):
  whole = sweep(SAMPLES, SEARCH, policies=("small", "large"), seeds=2)
  one = write(tmp_path / "one", whole)
  analysis.write_report(one, num_subsets=5)
  # By policy, by strategy and by seed.
  parts = {"a": [], "b": [], "c": []}
  for record in whole:
    run = record["run"]
    where = "a" if run["policy"] == "large" else "b"
    if run["strategy"] == "rebase" and run["seed"]:
      where = "c"
    parts[where].append(record)
  folders = [write(tmp_path / name, part) for name, part in parts.items()]
  text, joined = join(*folders)
  assert numbers(joined) == numbers(one)
  single = (one / "report.md").read_text("utf-8")
  assert text.split("## Claims")[1] == single.split("## Claims")[1]
  assert "All 48 searches of the sweeps are recorded." in text
  head = top(text)
  for folder, count in zip(folders, (18, 18, 12), strict=True):
    assert (
      f"- Folder `{folder}`: {count} searches\n  - Benchmark: gsm8k" in head
    )
  assert "  - Runs:\n    - REBASE: policies small, large; n 4; seeds 1" in head
  assert "- Problems: 6, of these" in head and "Told apart" not in head
  assert not (tmp_path / "a" / "report.md").exists()


def test_comparisons_are_paired_over_the_problems_that_both_have(
  tmp_path, join
):
  a = write(tmp_path / "a", sweep(SAMPLES))
  b = write(tmp_path / "b", sweep(SEARCH, problems=4), problems=4)
  text, joined = join(a, b)
  assert "**10 of 12 searches: not every run has all problems of these" in text
  assert "Incomplete: small rebase n=4 seed=0 has 4 of 6 problems." in text
  gains = pd.read_csv(joined / "claims" / "search_gain.csv")
  row = gains[gains["part"] == "all"].iloc[0]
  accuracy, baseline = (
    {
      record["problem"]["id"]: record["votes"]["weighted/last"]["correct"]
      for record in sweep(run)
    }
    for run in (SEARCH, SAMPLES)
  )
  expected = sum(accuracy[i] - baseline[i] for i in range(100, 104)) / 4
  assert row["difference"] == pytest.approx(expected)


def test_equal_searches_in_two_folders_count_once(tmp_path, join):
  a = write(tmp_path / "a", sweep(SAMPLES, SEARCH))
  b = write(tmp_path / "b", sweep(SEARCH))
  analysis.write_report(a, num_subsets=5)
  text, joined = join(a, b)
  assert numbers(joined) == numbers(a)
  assert "- Searches that stand in several folders count once: 6" in top(text)
  assert "All 12 searches of the sweeps" in text


def test_unequal_searches_of_one_name_are_refused(tmp_path, join):
  a = write(tmp_path / "a", sweep(SEARCH))
  changed = copy.deepcopy(sweep(SEARCH))
  changed[3]["ledger"]["policy_decode"] += 1
  b = write(tmp_path / "b", changed)
  with pytest.raises(
    ValueError,
    match=r"problem 103 of run small rebase n=4 seed=0 is in .*a and in .*b,"
    r" with other tokens; expected the same",
  ):
    join(a, b)


@pytest.mark.slow
@pytest.mark.parametrize(
  ("more", "words"),
  [
    ({"files": {"small": "d" * 64}}, "files of the model"),
    ({"reward": "d" * 64}, "files of the reward model"),
    ({"flops": 9.0}, "FLOPs per token"),
    ({"config": {"dtype": "float32"}}, "dtype"),
    ({"config": {"sampler": {"temperature": 1.0}}}, "sampler"),
  ],
)
def test_other_policies_of_one_name_are_told_apart(tmp_path, join, more, words):
  a = write(tmp_path / "a", sweep(SAMPLES))
  b = write(tmp_path / "b", sweep(SAMPLES), **more)
  text, joined = join(a, b)
  assert "- Told apart: `small@a` is `small` of `a`\n" in text
  assert (
    f"- Told apart: `small@b` is `small` of `b`; they differ in {words}\n"
  ) in text
  summary = pd.read_csv(joined / "summary.csv")
  assert set(summary["policy"]) == {"small@a", "small@b"}


@pytest.mark.parametrize("kind", ["policy", "reward"])
def test_two_functions_of_one_module_are_told_apart(tmp_path, join, kind):
  def source(name):
    if kind == "policy":
      return {"policies": {"small": f"python:models:{name}"}}
    return {"reward": {"format": "python", "source": f"python:m:{name}"}}

  a = write(tmp_path / "a", sweep(SAMPLES), source("long"))
  b = write(tmp_path / "b", sweep(SAMPLES), source("short"))
  text, joined = join(a, b)
  assert f"of `b`; they differ in maker of the {kind}\n" in text
  summary = pd.read_csv(joined / "summary.csv")
  assert set(summary["policy"]) == {"small@a", "small@b"}


@pytest.mark.parametrize("others", [(), (SEARCH,)])
def test_searches_that_know_one_reward_join_those_of_any(
  tmp_path, join, others
):
  """Not where others of their folder read it, whose votes would differ."""
  a = write(tmp_path / "a", sweep(SAMPLES))
  stopping = [
    r | {"run": r["run"] | {"strategy": "deepconf/high"}}
    for r in sweep(SAMPLES)
  ]
  b = write(
    tmp_path / "b",
    [*stopping, *sweep(*others)],
    {"reward": {"format": "group_confidence"}},
    reward=None,
  )
  text, joined = join(a, b)
  summary = pd.read_csv(joined / "summary.csv")
  assert ("Told apart" in text) == bool(others)
  apart = {"small@a", "small@b"} if others else {"small"}
  assert set(summary["policy"]) == apart
  assert ("- Scores of `b` are its own, and so are" in top(text)) == (
    not others
  )


def only(records, *hows):
  """The records with votes by some aggregations alone."""
  records = copy.deepcopy(records)
  for record in records:
    record["votes"] = {
      name: vote
      for name, vote in record["votes"].items()
      if "/" not in name or name.partition("/")[2] in hows
    }
  return records


def test_votes_are_those_that_all_folders_have(tmp_path, join):
  a = write(tmp_path / "a", sweep(SAMPLES, SEARCH))
  b = write(tmp_path / "b", only(sweep(SEARCH), "mean", "min"))
  text, _ = join(a, b)
  assert "- Votes by last, product are left out, which not all" in top(text)
  assert "read step scores by `min`" in text
  c = write(tmp_path / "c", only(sweep(SAMPLES), "last"))
  with pytest.raises(
    ValueError,
    match=r"config.aggregations of .*/b has min, mean; .*/c has last; exp",
  ):
    join(b, c)


def test_what_changes_no_number_tells_nothing_apart(tmp_path, join):
  a = write(tmp_path / "a", sweep(SAMPLES))
  other = {
    "mesh": {"data": 1, "model": 1},
    "batch_size": 8,
    "policies": {"small": "elsewhere"},
    "reward": CONFIG["reward"] | {"source": "elsewhere"},
    "percent": "ratio",  # that the other folder is too old to record
  }
  b = write(tmp_path / "b", sweep(SEARCH), other)
  assert "Told apart" not in join(a, b)[0]


def test_other_strategies_of_one_name_become_variants(tmp_path, join):
  first = sweep(SAMPLES, SEARCH, ("rebase/round", 4))
  a = write(tmp_path / "x" / "a", first)
  runs = {
    "one": {
      "strategy": "rebase", "policies": ["small"], "n": [4], "seeds": [0],
      "temperature": 0.5,
    }
  }  # fmt: skip
  # Of the same name, so that more of the path tells them apart.
  b = write(tmp_path / "y" / "a", sweep(SEARCH), {"runs": runs})
  text, joined = join(a, b)
  summary = pd.read_csv(joined / "summary.csv")
  assert set(summary["strategy"]) == {
    "sampling", "rebase/round", "rebase/@x/a", "rebase/@y/a"
  }  # fmt: skip
  assert "REBASE (@x/a), REBASE (@y/a), REBASE (round)" in top(text)
  assert "`y/a`; they differ in temperature" in text


def test_a_policy_that_a_folder_does_not_run_has_no_name_there(tmp_path, join):
  a = write(tmp_path / "a", sweep(SAMPLES, policies=("small", "large")))
  b = write(tmp_path / "b", sweep(SEARCH), files={"large": "d" * 64})
  text, joined = join(a, b)
  assert "Told apart" not in text and "No records yet" not in text
  summary = pd.read_csv(joined / "summary.csv")
  assert set(summary["policy"]) == {"small", "large"}


def test_folders_with_and_without_rewards_are_refused(tmp_path, join):
  a = write(tmp_path / "a", sweep(SAMPLES))
  plain = [factory.unrewarded(record) for record in sweep(("greedy", 1))]
  b = write(tmp_path / "b", plain, reward=None)
  with pytest.raises(
    ValueError, match=r"/a have votes by rewards and .*/b have none; expected"
  ):
    join(a, b)


def _other(key, value):
  records = sweep(SEARCH)
  for record in records:
    if record["problem"]["id"] >= 104:
      record["problem"][key] = value
  return records


@pytest.mark.parametrize(
  ("key", "value", "words"),
  [
    ("question", "Why?", "the question of problem 104 is 'How many\\?' in the"),
    ("gold", "41", "the gold of problem 104 is '42' in the one and '41' in"),
    ("level", 9, "the level of problem 104 is 5 in the one and 9 in"),
  ],
)
def test_folders_of_different_benchmarks_are_refused(
  tmp_path, join, key, value, words
):
  a = write(tmp_path / "a", sweep(SAMPLES))
  b = write(tmp_path / "b", _other(key, value))
  with pytest.raises(ValueError, match=f"a and .*b are of diff.*: {words}"):
    join(a, b)


def test_folders_without_a_common_problem_are_refused(tmp_path, join):
  records = sweep(SAMPLES)
  a, b = (
    write(
      tmp_path / name, [r for r in records if (r["problem"]["id"] < 103) == x]
    )
    for name, x in (("a", True), ("b", False))
  )
  with pytest.raises(ValueError, match=r"b has no problem in common with .*a;"):
    join(a, b)


def test_bad_folders_are_named(tmp_path, join):
  a = write(tmp_path / "a", sweep(SAMPLES))
  with pytest.raises(FileNotFoundError, match=r"there is no .*none/records\.j"):
    join(a, tmp_path / "none")
  with pytest.raises(
    ValueError, match=r"a/\.\./a is given twice, also as .*a; expected each"
  ):
    join(a, a / ".." / "a")
  empty = write(tmp_path / "empty", [])
  with pytest.raises(
    analysis.RecordError, match=r"empty/records.jsonl: no rec"
  ):
    join(a, empty)
  b = write(tmp_path / "b", sweep(SEARCH))
  (b / "config.json").unlink()
  with pytest.raises(
    FileNotFoundError, match=r"no .*b/config\.json, so that nothing tells"
  ):
    join(a, b)
  with pytest.raises(ValueError, match="no folders; expected one or more"):
    join()


def test_a_report_on_several_has_a_folder_of_its_own(tmp_path):
  a = write(tmp_path / "a", sweep(SAMPLES))
  b = write(tmp_path / "b", sweep(SEARCH))
  with pytest.raises(
    ValueError, match="on 2 folders belongs into none of them"
  ):
    analysis.write_report([a, b])
  with pytest.raises(
    ValueError, match=r"output .*b is one of the folders that"
  ):
    analysis.write_report([a, b], tmp_path / "c" / ".." / "b")


def test_one_folder_can_have_its_report_elsewhere(tmp_path):
  a = write(tmp_path / "a", sweep(SAMPLES))
  own = analysis.write_report(a, num_subsets=5)
  elsewhere = analysis.write_report([a], tmp_path / "b", num_subsets=5)
  assert elsewhere == tmp_path / "b" / "report.md"
  assert elsewhere.read_bytes() == own.read_bytes()
