"""From Hugging Face to Orbax and back, over any mesh, bit by bit."""

import dataclasses
import json
import pathlib
import shutil

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from inference_scaling import assets, models
from inference_scaling.models import config as config_lib
from inference_scaling.models import sources
from inference_scaling.models.checkpoints import (
  conversion,
  layout,
  saving,
)
from inference_scaling.models.layers import decoder as decoder_lib
from tests.models import families, tiny

# Sizes that 4 devices divide.
SPLITTABLE = dataclasses.replace(
  tiny.WIDE_HEADS, vocab_size=48, num_kv_heads=4, num_heads=8
)


def _write(folder, raw, config, **more):
  """Writes a folder in bfloat16, but for norms, as published ones may be."""
  shapes = tiny.shapes(decoder_lib.Decoder, config)
  entries = layout.policy_layout(config)
  random = np.random.default_rng(len(folder.name))
  tensors = {
    name: random.normal(size=shape).astype(
      np.float32 if "norm" in name else ml_dtypes.bfloat16
    )
    for name, shape in layout.stored_shapes(entries, shapes).items()
  }
  folder.mkdir()
  tensors |= more
  safetensors.numpy.save_file(tensors, folder / "model.safetensors")
  (folder / "config.json").write_text(json.dumps(raw))
  tokenizer = tiny.make_tokenizer(config.vocab_size)
  tokenizer.chat_template = "{{ messages[0].content }}"
  tokenizer.save_pretrained(folder)
  return folder


@pytest.fixture(scope="module")
def splittable(tmp_path_factory):
  """A folder, and the same converted on a mesh of 2 x 4; not to be changed."""
  folder = tmp_path_factory.mktemp("mesh")
  raw = config_lib.to_hf(SPLITTABLE)
  source = _write(folder / "source", raw, SPLITTABLE)
  conversion.convert_to_orbax(
    source, folder / "orbax", mesh=models.make_mesh(2, 4)
  )
  return source, folder / "orbax"


def _assert_same_tensors(first, second):
  actual, reference = (
    sources.open_folder(folder) for folder in (first, second)
  )
  assert dict(actual.shapes) == dict(reference.shapes)
  for name in actual.shapes:
    read, stored = actual.read(name), reference.read(name)
    assert read.dtype == stored.dtype, name
    assert read.tobytes() == stored.tobytes(), name


@pytest.mark.parametrize("name", sorted(families.RAW))
def test_round_trip_is_exact_to_the_bit(name, tmp_path):
  source = _write(tmp_path / "source", families.RAW[name], families.READ[name])
  conversion.convert_to_orbax(source, tmp_path / "orbax")
  conversion.convert_to_hf(tmp_path / "orbax", tmp_path / "back")
  _assert_same_tensors(source, tmp_path / "back")
  # Nothing that config.json says is lost, known to this package or not.
  back = json.loads((tmp_path / "back/config.json").read_text())
  assert back == families.RAW[name] | {"dtype": "bfloat16"}
  result = models.load_model(tmp_path / "orbax")
  expected = models.load_model(source)
  assert result.config == expected.config
  jax.tree.map(np.testing.assert_array_equal, result.params, expected.params)
  assert result.tokenizer.chat_template == expected.tokenizer.chat_template


@pytest.mark.parametrize("shape", [(1, 2), (4, 2), None], ids=str)
def test_any_mesh_reads_what_another_wrote(splittable, shape):
  source, folder = splittable
  mesh = None
  if shape is not None:
    devices = jax.devices()[: shape[0] * shape[1]]
    mesh = models.make_mesh(*shape, devices=devices)
  model = models.load_model(folder, dtype="bfloat16", mesh=mesh)
  expected = models.load_model(source, dtype="bfloat16")
  jax.tree.map(np.testing.assert_array_equal, model.params, expected.params)
  leaves = jax.tree.leaves(model.params)
  assert {leaf.dtype for leaf in leaves} == {jnp.dtype("bfloat16")}
  if mesh is not None:
    wanted = models.parameter_shardings(model.params, mesh)
    got = jax.tree.map(lambda leaf: leaf.sharding, model.params)
    assert got == wanted
    weight = model.params["layers"][0]["mlp"]["up"]["weight"]
    assert weight.addressable_shards[0].data.shape == (40 // shape[1], 24)


def test_folder_loads_onto_a_mesh(splittable):
  source, _ = splittable
  mesh = models.make_mesh(2, 4)
  model = models.load_model(source, mesh=mesh)
  expected = models.load_model(source)
  jax.tree.map(np.testing.assert_array_equal, model.params, expected.params)
  got = jax.tree.map(lambda leaf: leaf.sharding, model.params)
  assert got == models.parameter_shardings(model.params, mesh)


def test_mesh_that_would_cut_heads(splittable):
  with pytest.raises(ValueError, match=r"4 heads.*'model' of size 8"):
    models.load_model(
      splittable[0], mesh=models.make_mesh(1, 8), rules=models.TRAINING_RULES
    )


def test_reward_model_converts_with_its_head(tmp_path):
  conversion.convert_to_orbax("embedded/reward", tmp_path / "orbax")
  conversion.convert_to_hf(tmp_path / "orbax", tmp_path / "back")
  source = assets.resolve("embedded/reward")
  _assert_same_tensors(source, tmp_path / "back")
  models.load_reward_model(tmp_path / "orbax")


@pytest.mark.parametrize("name", ["qwen2", "mistral"])
def test_heads_of_others_convert_as_they_are(name, tmp_path):
  head = {"v_head.summary.weight": np.ones((1, 32), ml_dtypes.bfloat16),
          "v_head.summary.bias": np.ones(1, np.float32)}  # fmt: skip
  raw, config = families.RAW[name], families.READ[name]
  source = _write(tmp_path / "source", raw, config, **head)
  if name == "mistral":  # not tied, and trained without an unembedding
    path = source / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    del tensors["lm_head.weight"]
    safetensors.numpy.save_file(tensors, path)
  devices = jax.devices()[:2]
  conversion.convert_to_orbax(
    source, tmp_path / "orbax", mesh=models.make_mesh(2, 1, devices=devices)
  )
  conversion.convert_to_hf(tmp_path / "orbax", tmp_path / "back")
  _assert_same_tensors(source, tmp_path / "back")
  with pytest.raises(ValueError, match=r"unexpected: v_head\.summary\.bias"):
    models.load_model(tmp_path / "orbax")  # it is no policy


def test_cast(splittable, tmp_path):
  source, _ = splittable
  conversion.convert_to_hf(source, tmp_path / "to", dtype="float16")
  name = "model.layers.0.mlp.up_proj.weight"
  expected = sources.open_folder(source).read(name).astype(np.float16)
  cast = sources.open_folder(tmp_path / "to").read(name)
  np.testing.assert_array_equal(cast, expected, strict=True)
  config = tmp_path / "to/config.json"
  assert json.loads(config.read_text())["dtype"] == "float16"
  weights = tmp_path / "to/model.safetensors"
  assert weights.stat().st_mode == config.stat().st_mode  # others may read it


def test_folder_with_a_checkpoint_is_left_alone(splittable):
  source, folder = splittable
  for convert in (conversion.convert_to_hf, conversion.convert_to_orbax):
    with pytest.raises(FileExistsError, match="holds a checkpoint already"):
      convert(source, folder)
    with pytest.raises(FileExistsError, match=r"config\.json is a file"):
      convert(source, pathlib.Path(folder, "config.json"))


def test_checkpoint_that_does_not_fit_is_not_converted(splittable, tmp_path):
  source = pathlib.Path(shutil.copytree(splittable[0], tmp_path / "source"))
  tiny.edit_config(source, num_hidden_layers=1)
  for convert in (conversion.convert_to_hf, conversion.convert_to_orbax):
    with pytest.raises(ValueError, match=r"unexpected: model\.layers\.1\."):
      convert(source, tmp_path / "to")
  assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
  "missing", ["config.json", "orbax_sizes.json", "orbax/_METADATA", "orbax"]
)
def test_partial_folder(splittable, tmp_path, missing):
  folder = pathlib.Path(shutil.copytree(splittable[1], tmp_path / "orbax"))
  path = folder / missing
  if missing == "orbax":  # as Orbax leaves it where it is stopped
    path.rename(folder / "orbax.orbax-checkpoint-tmp")
  else:
    path.unlink()
  with pytest.raises(ValueError, match="Convert the checkpoint again"):
    models.load_model(folder)


def test_cut_array(splittable, tmp_path):
  folder = pathlib.Path(shutil.copytree(splittable[1], tmp_path / "orbax"))
  path = max(folder.rglob("d/*"), key=lambda path: path.stat().st_size)
  size = path.stat().st_size
  path.write_bytes(path.read_bytes()[:-1])
  with pytest.raises(ValueError, match=f"{path.name} has {size - 1} of {size}"):
    models.open_checkpoint(folder)


def test_stopped_conversion_is_done_anew(splittable, tmp_path):
  source, whole = splittable
  folder = pathlib.Path(shutil.copytree(whole, tmp_path / "to"))
  (folder / "config.json").unlink()
  (folder / "orbax.orbax-checkpoint-tmp").mkdir()
  conversion.convert_to_orbax(source, folder)
  assert not (folder / "orbax.orbax-checkpoint-tmp").exists()
  result, expected = models.load_model(folder), models.load_model(source)
  jax.tree.map(np.testing.assert_array_equal, result.params, expected.params)


def test_only_the_first_process_writes_a_model(tmp_path, monkeypatch):
  # The others take part where tensors are gathered, so they go through all.
  model = tiny.make_model(SPLITTABLE, seed=1)
  entries, seen = layout.policy_layout(SPLITTABLE), []

  def tensors():
    for name, value in saving.stored_tensors(model.params, entries):
      yield name, value
      seen.append(name)

  monkeypatch.setattr(jax, "process_index", lambda: 1)
  saving.write_folder(tmp_path / "model", {}, tensors(), model.tokenizer)
  assert not (tmp_path / "model").exists()
  assert seen == list(layout.by_name(entries))
