"""The code of the how-to pages runs as it stands there."""

import importlib
import json
import pathlib
import re
import subprocess
import sys
import types
from unittest import mock

import numpy as np
import pytest

from inference_scaling import models, names, search, spec, tasks
from inference_scaling.models import families, reward_formats
from inference_scaling.search import strategies
from inference_scaling.spec import strategy as spec_strategy
from inference_scaling.sweep import strategies as makers
from tests.models import external_models, tokenizers_of
from tests.search import properties_test, table

ROOT = pathlib.Path(__file__).parents[2]
PACKAGE = ROOT / "inference_scaling"
LAWS = (
  properties_test.test_no_search_exceeds_its_budget,
  properties_test.test_ended_beams_never_change,
  properties_test.test_types_stay_and_no_number_compiles_anything,
)
# Starts no worker: reads the flags of each command, and checks the config.
PARSE = """
import json, os, sys
sys.path.insert(0, "launch")
import sweep
from absl import flags
from inference_scaling import launching, spec
from inference_scaling.sweep.executors import options
for words in json.load(sys.stdin):
  if os.fork() == 0:  # flags of a config can be read once in a process
    sys.argv = words
    flags.FLAGS(words)
    if options.is_shared():
      options.read("")
      options.maker(None)
    spec.read_sweep(launching.read_config(sweep._CONFIG))
    os._exit(0)
  if os.wait()[1]:
    sys.exit(" ".join(words))
"""


def blocks(folder, language):
  """The blocks of code of a page."""
  text = (PACKAGE / folder / "README.md").read_text("utf-8")
  return re.findall(
    rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE
  )


def made(code, name):
  """The module that a block is the file of."""
  module = types.ModuleType(name)
  exec(code, vars(module))
  return module


@pytest.fixture
def tournament():
  """The strategy of the page, in the tables that the page names."""
  file, _, row, maker = blocks("search/strategies", "python")
  module = made(file, "tournament")
  function = module.tournament
  with (
    mock.patch.dict(
      sys.modules, {strategies.__name__ + ".my_strategy": module}
    ),
    mock.patch.object(search, "tournament", function, create=True),
    mock.patch.dict(spec.STRATEGIES),
    mock.patch.dict(vars(spec_strategy)),
    mock.patch.dict(makers._MAKERS),
    mock.patch.dict(
      table.STRATEGIES, {"tournament": table.Row(lambda number: function())}
    ),
  ):
    exec(row, vars(spec_strategy))
    exec(maker, vars(makers))
    yield function


@pytest.mark.usefixtures("tournament")
def test_the_strategy_runs_on_a_port():
  exec(blocks("search/strategies", "python")[1], {})


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_strategy_keeps_the_laws_of_all_others(law, tournament):
  law("tournament")


def test_sweeps_know_the_strategy(tournament):
  read = spec.read_sweep(
    {
      "task": {"kind": "synthetic"},
      "policies": {"small": "embedded/policy_small"},
      "reward": {"format": "native", "source": "embedded/reward"},
      "runs": {"mine": {"strategy": "tournament", "n": (4, 16)}},
    }
  )
  runs = spec.expand(read.runs)
  assert [run.key["n"] for run in runs] == [4, 16]
  assert makers.make("tournament", 4, {}, 8) == tournament()


@pytest.fixture
def seed_oss():
  family = made(blocks("models/families", "python")[0], "seed_oss").FAMILY
  (row,) = blocks("models/families", "text")
  assert row == '"seed_oss": my_family.FAMILY,\n'
  with mock.patch.dict(families.FAMILIES, {"seed_oss": family}):
    yield family


def test_the_family_agrees_with_transformers(seed_oss, tmp_path, monkeypatch):
  pytest.importorskip("torch")
  monkeypatch.chdir(tmp_path)
  exec(blocks("models/families", "python")[1], {})
  # What is saved reads as the same: `write` is the way back of `read`.
  model = models.load_model("tiny")
  models.save_model(model, tmp_path / "saved")
  assert models.load_model(tmp_path / "saved").config == model.config


def test_a_key_that_the_family_does_not_read_is_refused(seed_oss):
  raw = {"model_type": "seed_oss", "scale_of_logits": 2.0}
  with pytest.raises(ValueError, match="scale_of_logits"):
    families.keys.check(raw, seed_oss.keys)


@pytest.fixture
def signs(tmp_path, monkeypatch):
  """The format of the page, read from a folder as those of the package are."""
  (file, _) = blocks("models/reward_formats", "python")
  (tmp_path / "signs.py").write_text(file)
  monkeypatch.setattr(
    reward_formats, "__path__", [*reward_formats.__path__, str(tmp_path)]
  )
  with (
    mock.patch.dict(sys.modules),
    mock.patch.dict(reward_formats.REWARD_FORMATS),
    mock.patch.object(
      names, "EXTERNAL_FORMATS", (*names.EXTERNAL_FORMATS, "signs")
    ),
  ):
    importlib.invalidate_caches()
    reward_formats.REWARD_FORMATS |= reward_formats._read_folder()
    yield


def test_the_reward_format_reads_what_the_page_says(signs):
  exec(blocks("models/reward_formats", "python")[1], {})


def test_the_reward_format_loads_a_checkpoint(signs, tmp_path):
  config = {"family": "qwen2", "qkv_bias": True, "tie_word_embeddings": False}
  with (
    mock.patch.dict(external_models._CONFIGS, {"signs": config}),
    mock.patch.object(external_models, "REWARD_FORMATS", ["signs"]),
  ):
    stored = external_models.write("signs", tmp_path)
  model = models.load_reward_model(tmp_path, reward_format="signs")
  plus, minus = tokenizers_of.byte_level("qwen").convert_tokens_to_ids(
    ["+", "-"]
  )
  rows = stored["lm_head.weight"]
  np.testing.assert_array_equal(
    model.params["score"]["kernel"], rows[plus] - rows[minus]
  )


def test_problems_of_the_page_are_read_and_graded(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (problems,) = blocks("tasks/files", "json")
  (tmp_path / "my_problems.jsonl").write_text(problems)
  reading, config = blocks("tasks/files", "python")
  exec(reading, {})
  read = spec.read_sweep(made(config, "my_sweep").get_config())
  loaded = tasks.load_problems(read.task.path)
  assert [problem.level for problem in loaded] == [1, 1, 2]


def test_commands_of_clusters_are_taken():
  (text,) = blocks("sweep/executors", "sh")
  lines = text.replace("\\\n", "").splitlines()
  commands = [
    line.removeprefix("python ").split() for line in lines if "launch/" in line
  ]
  assert len(commands) >= 6
  subprocess.run(
    [sys.executable, "-c", PARSE], input=json.dumps(commands), text=True,
    cwd=ROOT, check=True,
  )  # fmt: skip
