"""Sweeps of tiny models: records, resumption, refusals and errors."""

import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

import inference_scaling
from inference_scaling import analysis, spec, sweep
from inference_scaling.sweep.records import files
from inference_scaling.sweep.records import folder as workdir_lib
from tests.sweep import tiny

ONE_RUN = {
  "rebase": {
    "strategy": "rebase", "policies": ("small",), "n": (4,), "seeds": (1,),
    "temperature": 0.1, "rule": "ceil", "duplicates": "keep",
  }
}  # fmt: skip


def lines(workdir):
  return (workdir / "records.jsonl").read_bytes().splitlines(keepends=True)


def parsed(workdir):
  return [json.loads(line) for line in lines(workdir)]


def quietly(config, workdir):
  said = []
  sweep.run_sweep(config, workdir, say=said.append)
  return "\n".join(said)


@pytest.fixture(scope="module")
def one_run(swept):
  """The lines of ONE_RUN in the finished sweep, sorted."""
  key = {"policy": "small", "strategy": "rebase", "n": 4, "seed": 1}
  return sorted(x for x in lines(swept) if json.loads(x)["run"] == key)


def test_each_problem_of_each_run_is_recorded_once(swept):
  keys = [
    (*record["run"].values(), record["problem"]["id"])
    for record in parsed(swept)
  ]
  runs = {key[:4] for key in keys}
  assert runs == {
    ("small", "greedy", 1, 0), ("large", "sampling", 4, 0),
    ("small", "rebase", 4, 0), ("small", "rebase", 4, 1),
  }  # fmt: skip
  assert sorted(keys) == sorted(
    (*run, problem) for run in runs for problem in range(6)
  )


def test_timings_stand_beside_the_records(swept):
  text = (swept / "timings.jsonl").read_text()
  rows = [json.loads(line) for line in text.splitlines()]
  assert len(rows) == len(lines(swept))
  assert all(row["seconds"] > 0 for row in rows)


def test_sampling_does_not_fork_and_rebase_does(swept):
  forks = {"sampling": 0, "rebase": 0, "greedy": 0}
  for record in parsed(swept):
    forks[record["run"]["strategy"]] += max(record["tree"]["widths"]) > 1
  assert forks["sampling"] == 0 and forks["greedy"] == 0
  assert forks["rebase"] > 2


def test_the_ledger_is_what_the_tree_holds(swept):
  for record in parsed(swept):
    tree, ledger = record["tree"], record["ledger"]
    made = sum(tree["tokens"])
    assert ledger["policy_decode"] == ledger["reward_scored"] == made
    kept = {node for c in record["candidates"] for node in c["path"]}
    lost = [t for i, t in enumerate(tree["tokens"]) if i not in kept]
    assert ledger["policy_discarded"] == sum(lost)


def test_candidates_are_paths_of_the_tree(swept):
  for record in parsed(swept):
    tree = record["tree"]
    assert len(record["candidates"]) == record["run"]["n"]
    for candidate in record["candidates"]:
      nodes = candidate["path"]
      steps = [tree["texts"][node] for node in nodes]
      # This tokenizer's steps join to the text, but for the text's first space.
      assert candidate["text"].strip() == "".join(steps).strip()
      assert candidate["step_scores"] == [tree["scores"][i] for i in nodes]
      assert candidate["tokens"] == sum(tree["tokens"][i] for i in nodes)
      assert [tree["parents"][i] for i in nodes] == [None, *nodes[:-1]]
      assert [tree["depths"][i] for i in nodes] == list(range(len(nodes)))
      assert [tree["rounds"][i] for i in nodes] == list(range(len(nodes)))


def test_grades_hold_against_the_gold(swept):
  right = 0
  for record in parsed(swept):
    gold = record["problem"]["gold"]
    assert gold == tiny.GOLDS[record["problem"]["id"]]
    for answer in [*record["candidates"], *record["votes"].values()]:
      assert answer["correct"] is (answer["answer"] == gold)
      right += answer["correct"]
  assert right > 10


def test_the_analysis_reads_the_records(swept):
  rows = analysis.read_records(swept / "records.jsonl")
  assert len(rows) == 24 and all(record.reward_apart for record in rows)
  frame = analysis.make_outcomes(rows)
  votes = frame[frame.strategy == "rebase"].groupby("voting").accuracy.mean()
  wanted = [
    vote["correct"]
    for record in parsed(swept)
    if record["run"]["strategy"] == "rebase"
    for name, vote in record["votes"].items()
    if name == "majority"
  ]
  assert votes["majority"] == pytest.approx(sum(wanted) / len(wanted))


def test_reordered_problems_give_the_same_bits(family, one_run, tmp_path):
  other = tmp_path / "reversed.jsonl"
  tiny.write_problems(other, [5, 2, 0, 4, 1, 3])
  task = {"kind": "jsonl", "path": str(other), "limit": 0}
  quietly(tiny.config(family, runs=ONE_RUN, task=task), tmp_path / "run")
  records = lines(tmp_path / "run")
  assert records != one_run
  assert sorted(records) == one_run


def without_scores(rows):
  """Records without their rewards, and all rewards in one list."""
  values, scores = [json.loads(row) for row in rows], []
  for record in values:
    for candidate in record["candidates"]:
      scores += candidate.pop("step_scores")
    scores += record["tree"].pop("scores")
  return values, scores


def test_another_number_in_flight_gives_the_same_records(
  family, one_run, tmp_path
):
  config = tiny.config(family, runs=ONE_RUN, batch_size=24)
  quietly(config, tmp_path / "run")
  actual = without_scores(sorted(lines(tmp_path / "run")))
  wanted = without_scores(one_run)
  assert actual[0] == wanted[0]
  # Sums over rows of another shape may be rounded in another order.
  np.testing.assert_allclose(actual[1], wanted[1], rtol=1e-5)


def test_a_cut_sweep_goes_on_to_the_same_records(family, swept, tmp_path):
  folder = shutil.copytree(swept, tmp_path / "cut")
  whole = lines(folder)
  kept = whole[:9]
  path = folder / "records.jsonl"
  path.write_bytes(b"".join(kept) + whole[9][:100])
  said = quietly(tiny.config(family), folder)
  assert "Going on: 9 records" in said
  assert lines(folder)[:9] == kept
  assert sorted(lines(folder)) == sorted(whole)


def test_a_finished_sweep_computes_nothing(family, swept, tmp_path):
  folder = shutil.copytree(swept, tmp_path / "done")
  before = (folder / "records.jsonl").read_bytes()
  said = quietly(tiny.config(family), folder)
  assert "Nothing is left" in said
  assert (folder / "records.jsonl").read_bytes() == before


def test_it_says_first_what_it_is_going_to_do(family, tmp_path):
  said = []

  def stop(line):
    said.append(line)
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    sweep.run_sweep(tiny.config(family), tmp_path / "x", say=stop)
  for words in (
    "4 runs over 6 problems: 24 searches", "small (", "large (", "rebase",
    "n = 4; seeds 0, 1", str(tmp_path / "x"),
  ):  # fmt: skip
    assert words in said[0]


def test_a_changed_config_is_refused_and_named(family, swept, tmp_path):
  folder = shutil.copytree(swept, tmp_path / "changed")
  before = lines(folder)
  changed = tiny.config(family, batch_size=16, dtype="bfloat16")
  changed["runs"]["rebase"]["temperature"] = 0.3
  del changed["runs"]["greedy"], changed["policies"]["large"]
  del changed["runs"]["sampling"]
  with pytest.raises(ValueError) as caught:
    quietly(changed, folder)
  message = str(caught.value)
  assert 'config.dtype: "float32" -> "bfloat16"' in message
  assert "config.runs.rebase.temperature: 0.1 -> 0.3" in message
  assert "config.runs: small greedy n=1 seed=0 -> (absent)" in message
  assert f'config.policies.large: "{family}/large" -> (absent)' in message
  assert "batch_size: 8" not in message
  assert "config.reward" not in message and "--workdir" in message
  assert lines(folder) == before


def test_a_folder_older_than_a_key_goes_on_and_is_told_a_change(
  family, swept, tmp_path
):
  folder = shutil.copytree(swept, tmp_path / "old")
  path = folder / "config.json"
  content = json.loads(path.read_text())
  del content["config"]["percent"]
  path.write_text(json.dumps(content))
  before = lines(folder)
  quietly(tiny.config(family), folder)
  assert lines(folder) == before
  with pytest.raises(ValueError, match=r'percent: "either" -> "value"'):
    quietly(tiny.config(family, percent="value"), folder)


def test_a_folder_without_records_is_free(family, tmp_path):
  folder, mesh = tmp_path / "free", {"data": 3, "model": 1}
  with pytest.raises(ValueError, match="the mesh has data = 3"):
    quietly(tiny.config(family, mesh=mesh), folder)
  workdir_lib.claim(folder, {"config": {"other": 1}})
  assert json.loads((folder / "config.json").read_text()) == {
    "config": {"other": 1}
  }
  with files.JsonLines(folder / "records.jsonl"):
    with pytest.raises(OSError, match="another process"):
      workdir_lib.claim(folder, {})


def test_a_folder_tells_what_its_report_is_to_say(swept):
  content = json.loads((swept / "config.json").read_text())
  problems = {line["problem"]["id"] for line in parsed(swept)}
  assert content["problems"] == len(problems) > 0
  assert content["version"] == inference_scaling.__version__


def test_changed_weights_are_refused(family, swept, tmp_path):
  folder = shutil.copytree(swept, tmp_path / "weights")
  other = shutil.copytree(family, tmp_path / "family")
  path = other / "small" / "model.safetensors"
  tensors = safetensors.numpy.load_file(path)
  tensors["model.norm.weight"] = tensors["model.norm.weight"] * 1.5
  safetensors.numpy.save_file(tensors, path)
  saved = json.loads((folder / "config.json").read_text())
  only_files = spec.read_sweep(tiny.config(other))
  saved["config"] = spec.to_json(only_files)
  (folder / "config.json").write_text(json.dumps(saved))
  with pytest.raises(ValueError, match=r"files of policies.small.sha256"):
    quietly(tiny.config(other), folder)


@pytest.mark.parametrize(
  "name", ["config.json", "records.jsonl", "timings.jsonl"]
)
def test_a_folder_in_place_of_a_file_is_named(family, swept, tmp_path, name):
  folder = shutil.copytree(swept, tmp_path / "folder")
  (folder / name).unlink()
  (folder / name).mkdir()
  with pytest.raises(OSError, match=rf"{name} is a folder; expected a file"):
    quietly(tiny.config(family), folder)


def test_records_without_their_config_are_refused(family, swept, tmp_path):
  folder = shutil.copytree(swept, tmp_path / "bare")
  (folder / "config.json").unlink()
  with pytest.raises(ValueError, match=r"config.json does not exist"):
    quietly(tiny.config(family), folder)


def test_ctrl_c_says_what_is_safe(family, one_run, tmp_path, monkeypatch):
  append = files.JsonLines.append

  def interrupted(self, value):
    if self.path.name == "records.jsonl" and self.count == 2:
      raise KeyboardInterrupt
    append(self, value)

  config = tiny.config(family, runs=ONE_RUN)
  with monkeypatch.context() as patch:
    patch.setattr(files.JsonLines, "append", interrupted)
    with pytest.raises(sweep.SweepInterruptedError, match=r"2 records .* safe"):
      quietly(config, tmp_path)
  assert len(lines(tmp_path)) == 2
  quietly(config, tmp_path)
  assert sorted(lines(tmp_path)) == one_run


def damaged(family, folder, tensor, value):
  """A copy of the family with one tensor of a policy filled with a value."""
  other = shutil.copytree(family, folder)
  path = other / "small" / "model.safetensors"
  tensors = safetensors.numpy.load_file(path)
  tensors[tensor] = tensors[tensor] * value
  safetensors.numpy.save_file(tensors, path)
  return other


def test_nan_weights_end_in_one_message(family, tmp_path):
  other = damaged(family, tmp_path / "nan", "lm_head.weight", jnp.nan)
  with pytest.raises(ValueError, match=r"small: tensor lm_head.weight is no w"):
    quietly(tiny.config(other, runs=ONE_RUN), tmp_path / "run")
  assert lines(tmp_path / "run") == []


def test_logits_that_are_no_numbers_end_in_one_message(family, tmp_path):
  """Of finite weights, whose products are not."""
  other = damaged(family, tmp_path / "large", "model.norm.weight", 3e38)
  with pytest.raises(
    FloatingPointError, match=r"small rebase.*problem \d.*NaN"
  ):
    quietly(tiny.config(other, runs=ONE_RUN), tmp_path / "run")


def test_a_missing_checkpoint_is_named_before_anything_runs(family, tmp_path):
  config = tiny.config(family)
  config["policies"]["large"] = str(tmp_path / "nowhere")
  with pytest.raises(FileNotFoundError, match=r"nowhere/config.json"):
    quietly(config, tmp_path / "run")
  assert not (tmp_path / "run").exists()


def test_a_cut_checkpoint_is_named(family, tmp_path):
  other = shutil.copytree(family, tmp_path / "cut")
  path = other / "large" / "model.safetensors"
  path.write_bytes(path.read_bytes()[:-100])
  with pytest.raises(
    ValueError, match=r"large/model.safetensors is not a whole"
  ):
    quietly(tiny.config(other), tmp_path / "run")


@pytest.mark.parametrize(
  ("content", "words"),
  [
    ("", "has no rows"),
    ('{"question": "How many?"}\n', "line 1: no field `gold`"),
    ("[1]\n", "line 1: a list"),
  ],
)
def test_a_bad_problem_file_is_named(content, words, family, tmp_path):
  path = tmp_path / "problems.jsonl"
  path.write_text(content)
  task = {"kind": "jsonl", "path": str(path), "limit": 0}
  with pytest.raises(ValueError, match=words):
    quietly(tiny.config(family, task=task), tmp_path / "run")


def test_prompts_longer_than_the_cache_are_named_before_any_search(
  family, tmp_path
):
  path = tmp_path / "problems.jsonl"
  long = {"question": "How many? " * 20, "gold": "1"}
  short = {"question": "How many?", "gold": "1"}
  path.write_text(f"{json.dumps(short)}\n{json.dumps(long)}\n")
  task = {"kind": "jsonl", "path": str(path), "limit": 0}
  limits = tiny.config(family)["limits"] | {"prompt_tokens": 20}
  words = (
    r"1 of 2 prompts.*than 32 .*tokens .20. rounded .*: problems 1 \(\d+ t"
  )
  with pytest.raises(ValueError, match=words):
    quietly(tiny.config(family, task=task, limits=limits), tmp_path / "run")
  assert lines(tmp_path / "run") == []


def test_limits_beyond_the_model_are_refused(family, tmp_path):
  limits = {
    "prompt_tokens": 32, "step_tokens": 8, "total_tokens": 1000, "max_steps": 4
  }  # fmt: skip
  with pytest.raises(ValueError, match=r"made for at most 256"):
    quietly(tiny.config(family, limits=limits), tmp_path / "run")
