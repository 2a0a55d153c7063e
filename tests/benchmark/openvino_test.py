"""REBASE on another engine: rounds and widths, and its model if installed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import models
from inference_scaling.benchmark import engines, subjects, timing, work
from inference_scaling.benchmark.engines import openvino_engine, openvino_rebase
from inference_scaling.benchmark.rival_search import Rival
from inference_scaling.search.strategies import allocation
from tests.benchmark import folders

PROMPTS = [[5, 6, 7, 8, 9], [9, 8, 7, 6, 5]]
WORK = work.Work(problems=2, samples=4, prompt_tokens=5, new_tokens=6)
installed = functools.partial(
  pytest.mark.skipif, bool(engines.missing(openvino_rebase)),
  reason="openvino_genai or optimum-intel[openvino] is not installed",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return folders.write_model(tmp_path_factory.mktemp("openvino") / "small")


@pytest.mark.parametrize("temperature", (0.05, 0.3, 5.0))
def test_widths_are_those_of_the_search(temperature):
  draw = np.random.default_rng(0)
  for _ in range(8):
    rewards = draw.random(8).astype(np.float32).astype(float)
    expected = allocation.rebase_widths(
      rewards, jnp.ones(8, bool), 8, temperature
    )
    counts = openvino_rebase.widths(rewards, temperature)
    np.testing.assert_array_equal(counts, expected)


def test_a_search_keeps_texts_and_shares_out_children():
  drawn, scored = [], []

  def draw(texts, counts, step_tokens):
    assert all(counts)
    drawn.append((list(texts), list(counts)))
    # The children of a text are told apart by what they write.
    return [
      np.arange(count)[:, None].repeat(step_tokens, 1) + 10 * len(drawn)
      for count in counts
    ]

  def score(texts):
    scored.append(list(texts))
    return np.array([float(text[-1] % 10 == 2) for text in texts])

  tokens = openvino_rebase.search(draw, score, PROMPTS, 4, 2, 3, 0.01)
  assert tokens.shape == (2, 4, 6)
  # The third child of each round is the best by far: all others go out.
  assert tokens[0, 3].tolist() == [12, 12, 22, 22, 33, 33]
  assert drawn[0] == (PROMPTS, [4, 4])
  assert drawn[1] == ([[*prompt, 12, 12] for prompt in PROMPTS], [4, 4])
  assert [len(texts) for texts in scored] == [2, 8, 8, 8]
  assert scored[-1][-1] == [*PROMPTS[1], 12, 12, 22, 22, 33, 33]


@pytest.mark.filterwarnings("ignore")  # not of this package
@installed()
def test_scores_are_those_of_the_model(folder):
  scores = openvino_engine.Pipeline(folder, "float32").score(PROMPTS)
  model = models.load_model(str(folder))
  logits = model.logits(model.params, np.array(PROMPTS, np.int32))
  expected = jax.nn.log_softmax(logits)[:, -1].max(-1)
  np.testing.assert_allclose(scores, expected, atol=1e-4)


@pytest.mark.filterwarnings("ignore")  # not of this package
@installed()
def test_a_rival_searches_and_is_compared(folder):
  subject = subjects.Subject("embedded", str(folder))
  rival = Rival(subject, WORK, 3, 0.1, folder.parent)
  ((name, task),) = rival.tasks().items()
  first, second = task(), task()
  assert first.shape == (2, 4, 6) and (first != second).any()
  times = {name: timing.Seconds((6.0, 3.0, 4.0))}
  own = {
    "float32": timing.Seconds((9.0, 9.0, 9.0)),
    "int8": timing.Seconds((1.0, 1.0, 2.0)),
  }
  speed, ratio = rival.describe(times, {"REBASE": own})
  assert speed.value == 48 / 4
  assert ratio.rounds == (6.0, 3.0, 2.0) and ratio.note == "int8 here"


def test_a_rival_that_is_not_there_says_why(folder, monkeypatch):
  subject = subjects.Subject("embedded", str(folder))
  assert not Rival(subject, WORK, 3, 0.1, None).describe({}, {})
  monkeypatch.setattr(engines, "missing", lambda engine: ["nncf"])
  for step_tokens, why in ((3, "not installed: nncf"), (4, "all its steps")):
    rival = Rival(subject, WORK, step_tokens, 0.1, folder.parent)
    (row,) = rival.describe({}, {})
    assert not rival.tasks() and row.value is None and why in row.note


@installed()
def test_a_model_that_cannot_be_converted_is_named(tmp_path):
  folder = tmp_path / "nothing"
  folder.mkdir()
  (folder / "config.json").write_text("{}")
  message = r"optimum-cli cannot convert .*nothing for OpenVINO: "
  with pytest.raises(ValueError, match=message):
    openvino_engine.Pipeline(folder, "int8")
