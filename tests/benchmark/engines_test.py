"""Other engines are optional: tests of them are skipped where they lack."""

import importlib.util

import numpy as np
import pytest

from inference_scaling.benchmark import engines, work
from tests.benchmark import folders

WORK = work.Work(problems=2, samples=3, prompt_tokens=5, new_tokens=4)
PROMPTS = [[5, 6, 7, 8, 9], [9, 8, 7, 6, 5]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return folders.write_model(tmp_path_factory.mktemp("engines") / "small")


@pytest.mark.filterwarnings("ignore")  # not of this package
@pytest.mark.parametrize(
  "engine", engines.ENGINES.values(), ids=lambda e: e.NAME
)
def test_an_engine_makes_the_number_of_tokens(engine, folder):
  if lacking := engines.missing(engine):
    pytest.skip(f"{engine.NAME} needs {', '.join(lacking)}")
  ways = engine.open_engine(folder, None)
  if engine.NAME == "llama.cpp":
    pytest.skip("llama.cpp reads GGUF files alone, and this is a folder")
  assert ways
  for name, generate in ways.items():
    made = generate(PROMPTS, WORK.samples, WORK.new_tokens)
    work.check(name, made, WORK)


def test_engines_that_are_not_installed_are_named(folder, monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  opened, left_out = engines.open_engines(list(engines.ENGINES), folder, None)
  assert not opened
  assert left_out["llama.cpp"] == "not installed: llama_cpp"
  assert left_out["transformers"] == "not installed: transformers, torch"


def test_engines_that_nobody_asked_for_are_not_opened(folder, monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  opened, left_out = engines.open_engines(["openvino"], folder, None)
  assert not opened and list(left_out) == ["openvino"]


def test_another_number_of_tokens_is_refused():
  message = r"one made tokens of shape \(2, 3\); expected \(2, 3, 4\)"
  with pytest.raises(ValueError, match=message):
    work.check("one", np.zeros((2, 3)), WORK)
