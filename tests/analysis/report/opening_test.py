"""The top of a report: what was run, how much there is, what says nothing."""

import copy
import errno
import json
import os
import pathlib

import pytest

import inference_scaling
from inference_scaling import analysis
from inference_scaling.analysis.figures import style
from tests.analysis import factory

RUNS = (("greedy", 1), ("sampling", 4), ("rebase", 4))
CONFIG = {
  "task": {"kind": "gsm8k", "path": "hub", "limit": 6},
  "policies": {"small": "org/small_model", "large": "models/large.gguf"},
  "reward": {
    "format": "skywork", "source": "org/judge", "prompt_tokens": 300,
    "step_tokens": 80, "total_tokens": 900,
  },
  "prompt": {"kind": "chat", "system": "Think `hard`.\nBe | brief."},
  "runs": {
    "greedy": {"strategy": "greedy", "policies": ["small", "large"]},
    "sampling": {
      "strategy": "sampling", "policies": ["small", "large"], "n": [4],
      "seeds": [0],
    },
    "rebase": {
      "strategy": "rebase", "policies": ["small", "large"], "n": [4],
      "seeds": [0], "temperature": 0.15, "rule": "ceil",
    },
  },
  "dtype": "bfloat16",
  "mesh": {"data": 2, "model": 4},
  "sampler": {"temperature": 0.7, "top_k": 20, "top_p": 0.95},
  "format": {"step_end": ["\n\n"], "answer_markers": ["The answer is"]},
  "limits": {
    "prompt_tokens": 256, "step_tokens": 64, "total_tokens": 512,
    "max_steps": 9,
  },
}  # fmt: skip


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch):
  """Figures are built but not rendered, which takes most of the time."""
  monkeypatch.setattr(style, "save", lambda figure, folder, name: [])


def records(problems=6):
  return factory.sweep(problems, ("small", "large"), RUNS, seeds=1)


def write(folder, written, **more):
  """A sweep's folder with a whole config.json; `more` changes its keys."""
  factory.write(folder, written)
  path = folder / "config.json"
  content = json.loads(path.read_text()) | {"config": CONFIG} | more
  content["policies"] = {
    name: {"parameters": factory.PARAMETERS[name]}
    for name in ("small", "large")
  }
  path.write_text(json.dumps(content))
  return folder


def report(folder):
  return analysis.write_report(folder, num_subsets=5).read_text("utf-8")


def top(text):
  return text.split("\n## ")[0]


def test_the_top_names_everything_that_was_run(tmp_path):
  folder = write(
    tmp_path / "sweep", records(), problems=6, version="0.0.9",
    started="2026-01-31",
  )  # fmt: skip
  head = top(report(folder))
  for words in (
    "All 36 searches of the sweep are recorded.",
    "Benchmark: gsm8k, path `hub`, limit 6",
    "small (100k) from `org/small_model`, large (1.6M) from `models/",
    "Reward: format `skywork`, model `org/judge` (1M), prompt tokens 300",
    "Prompt: chat, system `Think  hard .\\nBe | brief.`",
    "temperature 0.7, top k 20, top p 0.95",
    "step end `\\n\\n`",
    "answer markers `The answer is`",
    "prompt tokens 256, step tokens 64, total tokens 512, max steps 9",
    "Dtype: bfloat16; mesh: data 2, model 4",
    "begun 2026-01-31; version 0.0.9",
    "REBASE: policies small, large; n 4; seeds 0; temperature 0.15, rule `c",
    "Greedy: policies small, large\n",
    f"written by version {inference_scaling.__version__}",
  ):
    assert words in head, words
  assert "unfinished" not in head and "No candidate" not in head


@pytest.mark.parametrize(
  ("prompt", "words"),
  [
    ({"kind": "plain"}, "Prompt: plain\n"),
    (
      {
        "kind": "few_shot",
        "examples": [{"question": "a", "solution": "b"}] * 3,
      },
      "Prompt: few_shot with 3 examples\n",
    ),
    ({"kind": "chat", "system": ""}, "Prompt: chat, system (empty)\n"),
    ({}, "Prompt: not recorded\n"),
  ],
)
def test_prompts_are_told_in_words(tmp_path, prompt, words):
  config = CONFIG | {"prompt": prompt}
  assert words in report(write(tmp_path / "s", records(2), config=config))


def test_no_reward_and_the_synthetic_benchmark_are_named(tmp_path):
  task = {"kind": "synthetic", "split": "test", "count": 3, "levels": [1, 2]}
  config = CONFIG | {"reward": {"format": "none"}, "task": task}
  head = top(report(write(tmp_path / "s", records(3), config=config)))
  assert "synthetic, split `test`, count 3, levels 1, 2" in head
  assert "Reward: format `none`\n" in head
  assert "All 18 searches of the sweep are recorded." in head


@pytest.mark.parametrize("problems", [6, {str(i): "ab" for i in range(6)}])
def test_an_unfinished_sweep_says_so(tmp_path, problems):
  written = [
    r
    for r in records()
    if r["run"]["strategy"] != "rebase" or r["problem"]["id"] < 102
  ]
  # One run has no record at all.
  written = [
    r
    for r in written
    if (r["run"]["policy"], r["run"]["strategy"]) != ("large", "greedy")
  ]
  text = report(write(tmp_path / "sweep", written, problems=problems))
  head = text.split("\n## Claims")[0]
  assert "**22 of 36 searches: these numbers are of an unfinished sweep.**" in (
    head
  )
  assert "small rebase n=4 seed=0 has 2 of 6 problems" in head
  assert "large greedy n=1 seed=0 has 0 of 6 problems" in head
  assert "small sampling" not in head
  table = text.split("## Accuracy at")[1].split("\n## ")[0]
  for line in table.splitlines():
    if "|" in line and "%" not in line and ":--" not in line:
      assert ("†" in line) == ("REBASE" in line), line


def test_runs_that_are_all_as_short_are_told_from_the_count_alone(tmp_path):
  text = report(write(tmp_path / "sweep", records(4), problems=6))
  assert "**24 of 36 searches:" in top(text)
  # An older folder does not say how many problems there are to be.
  text = report(write(tmp_path / "older", records(4)))
  assert "24 searches are recorded; how many the sweep asks for is not" in (
    top(text)
  )


def test_many_incomplete_runs_are_counted_not_listed(tmp_path):
  seeds = list(range(40))
  runs = copy.deepcopy(CONFIG["runs"])
  runs["sampling"]["seeds"] = seeds
  config = CONFIG | {"runs": runs}
  text = report(
    write(tmp_path / "sweep", records(2), config=config, problems=2)
  )
  assert "Incomplete are 78 runs" in text
  assert text.count("Incomplete: ") == 20
  assert "Incomplete, too: 58 more runs." in text


def test_without_a_config_the_report_is_drawn_and_says_so(tmp_path):
  folder = write(tmp_path / "sweep", records())
  with_config = report(folder)
  (folder / "config.json").unlink()
  text = report(folder)
  assert "There is no config.json: benchmark" in top(text)
  # The ledger's FLOPs are of as many parameters.
  assert "small (100k)" in text and "large (1.6M)" in text
  assert "36 searches are recorded; how many the sweep asks for is not" in text
  claims = "\n## Claims"
  assert text.split(claims)[1] == with_config.split(claims)[1]


def test_a_config_of_an_older_version_is_read_as_far_as_it_goes(tmp_path):
  for key in CONFIG:
    config = {k: v for k, v in CONFIG.items() if k != key}
    folder = write(tmp_path / key, records(2), config=config)
    assert "not recorded" in top(report(folder))
  head = top(report(factory.write(tmp_path / "bare", records(2))))
  assert head.count("not recorded") >= 8


@pytest.mark.parametrize(
  "text",
  [
    "", "{", "[]", "3", "null", '{"policies": 3}', '{"policies": {}}',
    '{"policies": {"small": {}}}', '{"policies": {"small": {"parameters": 0}}}',
    '{"policies": {"small": {"parameters": "many"}}}',
    '{"policies": {"small": {"parameters": 5}}, "problems": "x"}',
    '{"policies": {"small": {"parameters": 5}}, "config": {"runs": {"a": 3}}}',
  ],
)  # fmt: skip
def test_a_config_that_no_sweep_writes_is_refused(tmp_path, text):
  folder = write(tmp_path / "sweep", records(2))
  (folder / "config.json").write_text(text)
  with pytest.raises(analysis.RecordError, match=r"config\.json: expected"):
    report(folder)


def silence(record, status):
  """The same record, had no candidate an answer."""
  none = {"answer": None, "correct": False}
  return record | {
    "candidates": [c | none | {"status": status} for c in record["candidates"]],
    "votes": dict.fromkeys(record["votes"], none),
  }


@pytest.mark.parametrize(
  ("status", "words"),
  [
    ("truncated", "candidates finished: all ran out of tokens or steps. Raise"),
    ("unfinished", "Raise limits.total_tokens, limits.step_tokens or"),
    ("finished", "54 of 54 candidates finished, and none has an answer. Look"),
  ],
)
def test_where_nothing_has_an_answer_there_is_one_warning(
  tmp_path, status, words
):
  written = [silence(record, status) for record in records()]
  text = report(write(tmp_path / "sweep", written, problems=6))
  assert text.count("has an answer; tables and figures are left out.**") == 1
  assert words in text and "answer_markers" in text
  assert "Benchmark: gsm8k" in text
  for sign in ("\n|", "## Claims", "## Figures", "0.0"):
    assert sign not in text


def test_a_policy_without_an_answer_is_named_and_left_out(tmp_path):
  written = [
    silence(record, "truncated")
    if record["run"]["policy"] == "large"
    else record
    for record in records()
  ]
  text = report(write(tmp_path / "sweep", written, problems=6))
  head = top(text)
  assert (
    "**No candidate of large has an answer; its numbers are left out.**"
    in (head)
  )
  assert "none of 54 candidates finished" in head
  assert "All 36 searches" in head
  tables = text.split("\n## ", 1)[1]
  assert "large (1.6M)" not in tables and "small" in tables
  assert "No records yet" not in text


@pytest.mark.parametrize("named", [True, False])
def test_records_are_awaited_of_policies_that_a_run_is_of(tmp_path, named):
  runs = json.loads(json.dumps(CONFIG["runs"]))
  for block in runs.values():
    block["policies"] = ["small", "large"] if named else ["small"]
  written = [r for r in records() if r["run"]["policy"] == "small"]
  text = report(
    write(tmp_path / "sweep", written, config=CONFIG | {"runs": runs})
  )
  # The large policy may be the target of a draft, and have no run of its own.
  assert ("No records yet of policies: large." in text) == named


def test_a_full_disk_leaves_the_earlier_report_whole(tmp_path, monkeypatch):
  folder = write(tmp_path / "sweep", records(2), problems=2)
  report(folder)
  before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}

  def full(self, content):
    if self.name.startswith(".report.md"):
      raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return write_bytes(self, content)

  write_bytes = pathlib.Path.write_bytes
  monkeypatch.setattr(pathlib.Path, "write_bytes", full)
  (folder / "records.jsonl").write_text(
    "".join(json.dumps(record) + "\n" for record in records(1))
  )
  before[folder / "records.jsonl"] = (folder / "records.jsonl").read_bytes()
  with pytest.raises(OSError, match=r"sweep/report\.md: No space.*records are"):
    report(folder)
  after = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
  assert after == before
