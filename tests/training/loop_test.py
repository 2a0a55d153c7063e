"""The training loop: resumes exactly, stops on NaN, schedules its rate."""

import json

import grain
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest

from inference_scaling.training import loop


def _config(**changes):
  config = ml_collections.ConfigDict(
    {
      "steps": 6, "checkpoint_every": 3, "evaluate_every": 1,
      "learning_rate": 0.05, "warmup_steps": 2, "decay_steps": 2,
    }
  )  # fmt: skip
  config.update(changes)
  return config


class _Batches(grain.sources.RandomAccessDataSource):
  """Rows of a linear map to be learned; batch `bad` holds a NaN."""

  def __init__(self, num_batches, bad=None):
    self._num_batches = num_batches
    self._bad = bad

  def __len__(self):
    return self._num_batches

  def __getitem__(self, step):
    rng = np.random.default_rng([3, step])
    x = rng.normal(size=(16, 4)).astype(np.float32)
    if step == self._bad:
      x[0, 0] = np.nan
    return {"x": x, "y": (x @ np.array([1.0, -2, 3, 0.5]) + 1)[:, None]}


def _params():
  # One matrix of a layer, for Muon, and one vector, for Adam.
  rng = np.random.default_rng(0)
  weight = rng.normal(size=(4, 1)).astype(np.float32).T
  return {"layers": {0: {"weight": jnp.asarray(weight)}},
          "bias": jnp.zeros((1, 1))}  # fmt: skip


def _loss(params, batch):
  error = batch["x"] @ params["layers"][0]["weight"].T + params["bias"]
  error = error - batch["y"].astype(jnp.float32)
  return jnp.mean(jnp.square(error)), {"largest": jnp.abs(error).max()}


def _evaluate(params):
  return {"bias": float(params["bias"][0, 0])}


def _killer(step):
  """An evaluation that is interrupted at some step."""
  calls = []

  def evaluate(params):
    calls.append(1)
    if len(calls) == step:
      raise KeyboardInterrupt
    return _evaluate(params)

  return evaluate


def _rows(workdir):
  """Metrics without the time they took."""
  lines = (workdir / "metrics.jsonl").read_text().splitlines()
  rows = [json.loads(line) for line in lines]
  assert all(row.pop("seconds") >= 0 for row in rows)
  return rows


def _train(config, workdir, evaluate=_evaluate, bad=None):
  batches = _Batches(config.steps, bad)
  return loop.train(config, _loss, _params(), batches, evaluate, workdir)


def _assert_same(actual, reference):
  jax.tree.map(np.testing.assert_array_equal, actual, reference)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
  """Parameters and metrics of a run that nothing interrupts."""
  workdir = tmp_path_factory.mktemp("straight")
  return _train(_config(), workdir), _rows(workdir)


def test_loss_falls(straight):
  params, rows = straight
  assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
  assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]
  assert rows[-1]["bias"] == round(float(params["bias"][0, 0]), 5)
  assert set(rows[0]) == {"step", "loss", "largest", "bias"}


@pytest.mark.parametrize("killed_at", [2, 5])
def test_killed_run_resumes_exactly(tmp_path, straight, killed_at):
  # Checkpoints are of steps 1 (the first always is) and 3. At 5, step 4 has
  # been logged, which must not be logged twice.
  with pytest.raises(KeyboardInterrupt):
    _train(_config(), tmp_path, _killer(killed_at))
  assert len(_rows(tmp_path)) == killed_at - 1
  params = _train(_config(), tmp_path)
  _assert_same(params, straight[0])
  assert _rows(tmp_path) == straight[1]


def test_finished_run_is_read_not_trained(tmp_path, straight):
  _train(_config(), tmp_path)
  before = _rows(tmp_path)

  def evaluate(params):
    raise AssertionError("nothing is left to be evaluated")

  _assert_same(_train(_config(), tmp_path, evaluate), straight[0])
  assert _rows(tmp_path) == before


def test_line_that_a_kill_cut_is_dropped(tmp_path, straight):
  with pytest.raises(KeyboardInterrupt):
    _train(_config(), tmp_path, _killer(5))
  with (tmp_path / "metrics.jsonl").open("a") as file:
    file.write('{"step": 5, "sec')
  with pytest.warns(UserWarning, match=r"metrics\.jsonl:\d: the last line"):
    _train(_config(), tmp_path)
  assert _rows(tmp_path) == straight[1]


@pytest.mark.parametrize("evaluate_every", [1, 100])
def test_loss_that_is_no_number(tmp_path, evaluate_every):
  # Also between evaluations: no broken checkpoint replaces a whole one.
  config = _config(evaluate_every=evaluate_every, steps=9)
  with pytest.raises(FloatingPointError, match=r"nan at step [456].*lower"):
    _train(config, tmp_path, bad=3)
  with ocp.CheckpointManager(tmp_path / "checkpoints") as saved:
    assert saved.all_steps() == [1, 3]


def test_metrics_only_where_asked(tmp_path):
  _train(_config(evaluate_every=4), tmp_path)
  assert [row["step"] for row in _rows(tmp_path)] == [4, 6]


def test_only_the_first_process_writes_metrics(tmp_path, monkeypatch):
  monkeypatch.setattr(jax, "process_index", lambda: 1)
  path = tmp_path / "metrics.jsonl"
  path.write_text('{"step": 9}\n')
  loop._drop_rows_after(3, tmp_path)
  loop._log(tmp_path, 4, 0.5, {"loss": 1.0})
  assert path.read_text() == '{"step": 9}\n'


def test_schedule_that_does_not_fit():
  with pytest.raises(ValueError, match=r"steps is 6.*warmup_steps.*5"):
    loop.make_optimizer(_config(warmup_steps=5, decay_steps=2))


def test_rate_rises_stays_and_falls():
  # A vector under Adam with a constant gradient moves by the rate.
  config = _config(steps=10, warmup_steps=4, decay_steps=4)
  optimizer = loop.make_optimizer(config)
  params = {"scale": jnp.ones((3,))}
  state = optimizer.init(params)
  sizes = []
  for _ in range(10):
    changes, state = optimizer.update({"scale": jnp.ones((3,))}, state, params)
    sizes.append(-float(changes["scale"][0]) / config.learning_rate)
  expected = [0, 0.25, 0.5, 0.75, 1, 1, 1, 0.75, 0.5, 0.25]
  # Nesterov's look-ahead adds up to 0.04 in the first steps.
  np.testing.assert_allclose(sizes, expected, atol=0.05)


def test_matrices_of_layers_are_orthogonalised():
  # Muon's update of a matrix has singular values near one another, Adam's has
  # entries near one another; only weights of layers are Muon's.
  rng = np.random.default_rng(0)
  rows, columns = rng.normal(size=(6, 1)), rng.normal(size=(1, 6))
  steep = jnp.asarray(rows @ columns + 0.1 * rng.normal(size=(6, 6)))
  matrix = {"weight": steep.astype(jnp.float32)}
  params = {"layers": {0: {"mlp": matrix}}, "head": matrix}
  optimizer = loop.make_optimizer(_config(warmup_steps=1))
  state = optimizer.init(params)
  for _ in range(2):
    changes, state = optimizer.update(params, state, params)
  hidden = np.linalg.svd(changes["layers"][0]["mlp"]["weight"])[1]
  head = np.linalg.svd(changes["head"]["weight"])[1]
  assert hidden.max() / hidden.min() < 3
  assert head.max() / head.min() > 5


@pytest.mark.parametrize("shape", [(3, 8), (8, 3)])
def test_a_weight_moves_as_its_transpose_does_under_plain_muon(shape):
  # Plain Muon reduces over the first axis, as if matrices were [in, out]; the
  # size of its update depends on which axis is which.
  rng = np.random.default_rng(1)
  weight, *gradients = (
    jnp.asarray(rng.normal(size=shape), jnp.float32) for _ in range(4)
  )
  config = _config(warmup_steps=1)
  actual = loop.make_optimizer(config)
  reference = optax.chain(
    optax.clip_by_global_norm(1.0), optax.contrib.muon(config.learning_rate)
  )
  params = {"layers": {0: {"weight": weight}}}
  state, plain = actual.init(params), reference.init(weight.T)
  for number, gradient in enumerate(gradients):
    tree = {"layers": {0: {"weight": gradient}}}
    changes, state = actual.update(tree, state, params)
    wanted, plain = reference.update(gradient.T, plain, weight.T)
    result = changes["layers"][0]["weight"]
    if number:  # the rate of the first step is 0
      np.testing.assert_allclose(result.T, wanted, atol=1e-5)
  assert np.abs(result).max() > 0.1 * config.learning_rate
