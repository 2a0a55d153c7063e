"""The launchers' own code, run in this process."""

import contextlib
import dataclasses
import importlib.util
import json
import pathlib

import pytest
from absl import app, flags
from ml_collections import config_flags

# Launching is imported here: its flags are those of the whole process.
from inference_scaling import analysis, assets, launching, spec, sweep
from tests.analysis import tree_records

assert launching
ROOT = pathlib.Path(__file__).parents[2]


# How ml_collections loads config files.
pytestmark = pytest.mark.filterwarnings(
  "ignore:the load_module:DeprecationWarning"
)


@contextlib.contextmanager
def launcher(name, monkeypatch):
  """The module of a launcher, with flags of its own."""
  values = flags.FlagValues()
  monkeypatch.setattr(flags, "FLAGS", values)
  for define in ("bool", "string", "integer", "float", "enum", "multi_string"):
    original = getattr(flags, f"DEFINE_{define}")
    monkeypatch.setattr(
      flags, f"DEFINE_{define}",
      lambda *args, original=original, **kwargs: original(
        *args, flag_values=values, **kwargs
      ),
    )  # fmt: skip
  original_config = config_flags.DEFINE_config_file
  monkeypatch.setattr(
    config_flags, "DEFINE_config_file",
    lambda *args: original_config(*args, flag_values=values),
  )  # fmt: skip
  spec = importlib.util.spec_from_file_location(
    f"launch_{name}", ROOT / "launch" / f"{name}.py"
  )
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  yield module, values


@pytest.fixture
def solve(monkeypatch):
  calls = []

  class Fake:
    answer = "7"
    record = tree_records.small()

    def render(self):
      return "the tree"

  def record(question, **options):
    calls.append((question, options))
    return Fake()

  monkeypatch.setattr(sweep, "solve", record)
  with launcher("solve", monkeypatch) as (module, values):

    def run(*arguments):
      module.main(values(["launch/solve.py", *arguments]))
      return calls[-1]

    run.calls = calls
    yield run


def test_solve_hands_every_flag_on(solve, capsys):
  question, options = solve(
    "--problem=How many?", "--gold=7", "--policy=p", "--reward=r",
    "--strategy=sampling", "--n=3", "--seed=4", "--temperature=0.5",
    "--hyperparameter=children=3", "--hyperparameter=rule=round",
    "--step_end=|", "--step_end=;", "--answer_marker=So", "--prompt_tokens=11",
    "--step_tokens=12", "--total_tokens=13", "--max_steps=14",
    "--reward_format=llemma", "--chat=Be brief.", "--dtype=bfloat16",
    "--confidence_window=16",
  )  # fmt: skip
  assert question == "How many?"
  settings = options.pop("settings")
  limits, step_format = settings.limits, settings.step_format
  assert options == {
    "gold": "7", "policy": "p", "reward": "r", "strategy": "sampling", "n": 3,
    "seed": 4, "hyperparameters": {"children": 3, "rule": "round"},
  }  # fmt: skip
  assert settings.sampler == spec.Sampler(temperature=0.5, top_k=0, top_p=1.0)
  assert settings.prompt == {"kind": "chat", "system": "Be brief."}
  assert (settings.reward_format, settings.dtype) == ("llemma", "bfloat16")
  assert settings.confidence == spec.Confidence(window=16)
  assert settings.reward_limits.step_tokens > limits.step_tokens
  assert (limits.prompt_tokens, limits.step_tokens) == (11, 12)
  assert (limits.total_tokens, limits.max_steps) == (13, 14)
  assert step_format.step_end == ("|", ";")
  assert step_format.answer_markers == ("So",)
  out = capsys.readouterr().out
  assert "the tree" in out and "Answer: 7" in out and "Note" not in out


def test_solve_writes_a_page_where_one_is_asked_for(solve, tmp_path, capsys):
  solve("--problem=How many?", f"--page={tmp_path / 'tree.html'}")
  assert "<!DOCTYPE html>" in (tmp_path / "tree.html").read_text("utf-8")
  assert str(tmp_path / "tree.html") in capsys.readouterr().out


def test_solve_refuses_another_page_before_it_searches(solve):
  solve("--problem=How many?")
  with pytest.raises(ValueError, match=r"tree\.txt; expected .*\.html"):
    solve("--problem=How many?", "--page=tree.txt")
  assert len(solve.calls) == 1


def test_tree_writes_the_page_of_a_record(tmp_path, monkeypatch, capsys):
  records = [tree_records.small(), tree_records.mcts(20)]
  (tmp_path / "records.jsonl").write_text(
    "".join(f"{json.dumps(record)}\n" for record in records)
  )
  with launcher("tree", monkeypatch) as (module, values):
    argv = ["launch/tree.py", f"--workdir={tmp_path}", "--problem=7"]
    module.main(values(argv))
    out = capsys.readouterr().out
    assert "There are also: small mcts/root4 n=20 seed=0" in out
    page = tmp_path / "trees" / "7_small_rebase_3_0.html"
    assert str(page) in out and page.exists()
    assert page.with_suffix(".png").exists()

    module.main(values([*argv, "--strategy=mcts/root4"]))
    assert "There are also" not in capsys.readouterr().out
    assert (tmp_path / "trees" / "7_small_mcts-root4_20_0.html").exists()

    argv[-1:] = ["--problem=7", "--strategy=rebase", "--n=3"]
    module.main(values([*argv, f"--output={tmp_path / 'x.html'}"]))
    assert (tmp_path / "x.html").read_text("utf-8") == page.read_text("utf-8")
    with pytest.raises(ValueError, match=r"no record of .* n 3, seed 5"):
      module.main(values([*argv, "--seed=5"]))


def test_solve_warns_of_what_the_embedded_models_know(solve, capsys):
  _, options = solve("--problem=How many?")
  assert options["policy"].startswith(assets.PREFIX)
  assert "know only problems worded like" in capsys.readouterr().out


def test_solve_defaults_are_those_of_the_function(solve):
  _, options = solve("--problem=How many?")
  default = dataclasses.asdict(sweep.EMBEDDED_SETTINGS)
  given = dataclasses.asdict(options.pop("settings"))
  # It is not read where the reward model reads the policy's tokens.
  assert given.pop("reward_limits") and not default.pop("reward_limits")
  assert given == default


@pytest.mark.parametrize(
  "arguments", [[], ["--problem="], ["--problem=How", "many?"]]
)
def test_solve_without_a_problem_shows_its_usage(arguments, solve):
  with pytest.raises(app.UsageError, match="--problem="):
    solve(*arguments)


@pytest.mark.parametrize(
  ("config", "folder"),
  [
    ("demo.py", "runs/demo"),
    ("demo.py:runlocal", "runs/demo_runlocal"),
    ("llemma_7b.py:gsm8k,runlocal", "runs/llemma_7b_gsm8k_runlocal"),
  ],
)
def test_sweep_names_its_folder_after_the_config(
  config, folder, monkeypatch, capsys, tmp_path
):
  def run_sweep(config, workdir, **options):
    calls.append((config, workdir))
    redo.append(options["redo_changed"])
    return pathlib.Path(workdir)

  calls, redo = [], []
  monkeypatch.setattr(sweep, "run_sweep", run_sweep)
  if not flags.FLAGS.is_parsed():  # those of executors
    flags.FLAGS.mark_as_parsed()
  monkeypatch.setattr(
    analysis, "write_report", lambda folder, **price: folder / "report.md"
  )
  with launcher("sweep", monkeypatch) as (module, values):
    argv = ["launch/sweep.py", f"--config={ROOT}/configs/{config}"]
    monkeypatch.setattr("sys.argv", argv)
    module.main(values(argv))
    ((given, workdir),) = calls
    assert given.policies and given.reward.source
    assert workdir == pathlib.Path(folder)
    out = capsys.readouterr().out
    assert f"{folder}/report.md" in out and f"{folder}/summary.csv" in out

    argv += [f"--workdir={tmp_path}", "--redo_changed"]
    module.main(values(argv))
    assert calls[-1][1] == tmp_path
    assert redo == [False, True]
