"""Where checkpoints come from: pickles, the hub, shards, tokenizers."""

import json
import pathlib
import sys
import types
from typing import Any

import huggingface_hub
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from huggingface_hub import errors

from inference_scaling import assets, models
from inference_scaling.models import sources
from inference_scaling.models.checkpoints import (
  conversion,
  finite,
  layout,
  saving,
)
from inference_scaling.models.sources import safetensors_folder, torch_folder
from tests.models import tiny

CONFIG = tiny.WIDE_HEADS


def _assert_same(actual, reference):
  jax.tree.map(np.testing.assert_array_equal, actual, reference)


def _pickle(folder, num_shards, dtype=None):
  """Rewrites safetensors as pickles, as old checkpoints come."""
  torch = pytest.importorskip("torch")
  tensors = safetensors.numpy.load_file(folder / safetensors_folder.SINGLE)
  (folder / safetensors_folder.SINGLE).unlink()
  tensors = {k: torch.tensor(v, dtype=dtype) for k, v in tensors.items()}
  # Old checkpoints hold what follows from the config, too.
  name = "model.layers.0.self_attn.rotary_emb.inv_freq"
  tensors[name] = torch.ones(4)
  if num_shards == 1:
    torch.save(tensors, folder / torch_folder.SINGLE)
    return
  weight_map = {}
  for shard in range(num_shards):
    file = f"pytorch_model-{shard + 1:05}-of-{num_shards:05}.bin"
    names = sorted(tensors)[shard::num_shards]
    torch.save({name: tensors[name] for name in names}, folder / file)
    weight_map |= dict.fromkeys(names, file)
  (folder / torch_folder.INDEX).write_text(
    json.dumps({"weight_map": weight_map})
  )


@pytest.mark.parametrize("num_shards", [1, 3])
def test_pickles(saved, folder, num_shards):
  _pickle(folder, num_shards)
  _assert_same(models.load_model(folder).params, saved[0].params)


def test_pickles_of_bfloat16(saved, folder):
  torch = pytest.importorskip("torch")
  _pickle(folder, 1, torch.bfloat16)
  expected = jax.tree.map(
    lambda x: jnp.asarray(x, jnp.bfloat16), saved[0].params
  )
  result = models.load_model(folder, dtype="bfloat16").params
  _assert_same(result, expected)


def test_pickles_without_torch(folder, monkeypatch):
  _pickle(folder, 1)
  monkeypatch.setitem(sys.modules, "torch", None)
  with pytest.raises(ValueError, match=r"model\.bin.*pip install torch"):
    models.load_model(folder)


@pytest.mark.parametrize("damage", ["cut", "code", "number", "list", "tensor"])
def test_broken_pickle(folder, damage):
  torch = pytest.importorskip("torch")
  _pickle(folder, 1)
  path = folder / torch_folder.SINGLE
  if damage == "cut":
    path.write_bytes(path.read_bytes()[:-500])
  elif damage == "code":
    torch.save({"x": pathlib.Path("x")}, path)
  elif damage == "number":
    torch.save({"step": 3, 4: 5}, path)
  else:
    torch.save({"list": [1], "tensor": torch.ones(3)}[damage], path)
  with pytest.raises(ValueError, match=r"pytorch_model\.bin .*tensors"):
    models.load_model(folder)


def test_a_dtype_that_numpy_does_not_know_is_named(folder):
  torch = pytest.importorskip("torch")
  _pickle(folder, 1, torch.float8_e4m3fn)
  with pytest.raises(ValueError, match=r"weight of torch\.float8.*in bfloat16"):
    models.load_model(folder)


def test_pickle_of_a_shard_is_missing(folder):
  _pickle(folder, 3)
  (folder / "pytorch_model-00002-of-00003.bin").unlink()
  with pytest.raises(FileNotFoundError, match="pytorch_model-00002"):
    models.load_model(folder)


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_name_on_the_hub(saved, folder, kind, monkeypatch):
  if kind == "bin":
    _pickle(folder, 1)
  requested = []

  def snapshot_download(name, *, allow_patterns, ignore_patterns):
    assert name == "some/model" and ignore_patterns == ["*/*"]
    requested.append(allow_patterns[-1])
    return str(folder)

  monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
  _assert_same(models.load_model("some/model").params, saved[0].params)
  pickles = ["pytorch_model*.bin"] * (kind == "bin")
  assert requested == ["model*.safetensors", *pickles]


def test_the_architecture_of_a_name_on_the_hub(saved, folder, monkeypatch):
  for path in folder.iterdir():
    if path.name != "config.json":
      path.unlink()
  asked = []

  def snapshot_download(name, *, allow_patterns, ignore_patterns):
    asked.append((name, allow_patterns, ignore_patterns))
    return str(folder)

  monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
  assert models.read_architecture("some/model") == saved[0].config
  config = ["config.json", "generation_config.json"]
  assert asked == [("some/model", config, ["*/*"])]
  assert models.read_architecture(folder) == saved[0].config  # no hub
  for name in ("embedded/policy_small", "random/pythia_410m"):
    config = models.open_checkpoint(name).config
    assert models.read_architecture(name) == config
  assert len(asked) == 1


def test_a_gguf_file_on_the_hub(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  asked = []

  def hf_hub_download(name, file):
    asked.append((name, file))
    return str(tmp_path / "cache" / file)

  monkeypatch.setattr(huggingface_hub, "hf_hub_download", hf_hub_download)
  source = "Qwen/Qwen2.5-0.5B-GGUF/qwen2.5-0.5b-q4_k_m.gguf"
  with pytest.raises(FileNotFoundError, match=r"cache/qwen2\.5.*not exist"):
    models.open_checkpoint(source)
  assert asked == [("Qwen/Qwen2.5-0.5B-GGUF", "qwen2.5-0.5b-q4_k_m.gguf")]
  (tmp_path / "Qwen").mkdir()  # now it is a path that leads nowhere
  with pytest.raises(FileNotFoundError, match=r"^Qwen/.*does not exist"):
    models.open_checkpoint(source)
  assert len(asked) == 1


def test_a_gguf_file_that_a_repository_of_the_hub_lacks(monkeypatch):
  def hf_hub_download(name, file):
    response: Any = types.SimpleNamespace(headers={}, request=None)
    raise errors.RemoteEntryNotFoundError("404: b.gguf", response=response)

  monkeypatch.setattr(huggingface_hub, "hf_hub_download", hf_hub_download)
  with pytest.raises(FileNotFoundError, match=r"some/model on .*404: b\.gguf"):
    models.open_checkpoint("some/model/b.gguf")


def test_hub_cannot_be_reached(monkeypatch):
  def snapshot_download(*arguments, **keywords):
    raise errors.LocalEntryNotFoundError("no network\nand much more")

  monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
  with pytest.raises(FileNotFoundError) as caught:
    models.open_checkpoint("some/model")
  message = str(caught.value)
  assert "some/model is no folder" in message
  assert "(no network)" in message and "hf download some/model" in message
  assert len(message.splitlines()) == 1


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
  """An empty folder to work in, and a hub that is not to be asked."""
  monkeypatch.chdir(tmp_path)

  def snapshot_download(*arguments, **keywords):
    raise AssertionError("the hub was asked")

  monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
  return tmp_path


@pytest.mark.parametrize(
  "source",
  [
    "./my_model", "../my_model", "my_model", "runs/a/my_model", "~/my_model",
    "./runs/my_model", "/no/such/folder", "../../my_model", "my_model/",
    "runs/my model", "./a.b/c-d", ".hidden/my_model", "~user/my_model", "_a/b",
  ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_named(source, no_hub):
  (no_hub / "runs").mkdir()
  with pytest.raises(FileNotFoundError) as caught:
    models.open_checkpoint(source)
  message = str(caught.value)
  assert f"the folder {source} does not exist" in message
  first = pathlib.Path(source).absolute()
  assert str(first / "config.json") in message
  assert f"{first.relative_to(first.anchor).parts[0]}" in message
  assert ("Write ~ out" in message) == (source[:2] == "~/")
  assert len(message.splitlines()) == 1


@pytest.mark.parametrize("source", ["./a.gguf", "models/a.gguf", "a.gguf"])
def test_a_file_that_is_missing_is_not_asked_of_the_hub(source, no_hub):
  with pytest.raises(FileNotFoundError, match=r"a\.gguf does not exist"):
    models.open_checkpoint(source)


def test_how_far_a_path_leads_is_told(no_hub):
  (no_hub / "runs" / "train").mkdir(parents=True)
  with pytest.raises(
    FileNotFoundError, match=r"runs/train is there, but middle is not in it"
  ):
    models.open_checkpoint("./runs/train/middle/model")


@pytest.mark.parametrize(
  ("error", "reason"),
  [
    (errors.LocalEntryNotFoundError("no network"), "cannot be reached"),
    (errors.HFValidationError("Repo id"), "no name of a model on hugging"),
  ],
)
def test_a_folder_of_the_first_half_of_a_name_is_told(
  monkeypatch, tmp_path, error, reason
):
  """Which may be a path, too."""

  def snapshot_download(*arguments, **keywords):
    raise error

  monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
  monkeypatch.chdir(tmp_path)
  with pytest.raises(FileNotFoundError, match=reason) as caught:
    models.open_checkpoint("runs/my_model")
  assert "the folder" not in str(caught.value).partition(reason)[0]
  (tmp_path / "runs").mkdir()
  with pytest.raises(FileNotFoundError, match=reason) as caught:
    models.open_checkpoint("runs/my_model")
  assert "(the folder runs is there, but there is no runs/my_model)" in (
    str(caught.value)
  )


def test_embedded_model_by_name():
  checkpoint = models.open_checkpoint("embedded/policy_small")
  assert checkpoint.where == str(assets.resolve("embedded/policy_small"))
  assert checkpoint.architectures == ("LlamaForCausalLM",)
  assert [path.name for path in checkpoint.files()] == [
    "config.json", "model.safetensors", "tokenizer.json",
    "tokenizer_config.json",
  ]  # fmt: skip


def test_opening_reads_no_weights(folder):
  (folder / safetensors_folder.SINGLE).unlink()
  assert models.open_checkpoint(folder).config == CONFIG


def test_shapes_come_without_data(folder):
  source = sources.open_folder(folder)
  assert source.shapes["model.embed_tokens.weight"] == (50, 24)
  view = source.read("model.embed_tokens.weight")
  assert isinstance(view, np.memmap)  # nothing of it is in memory yet


def test_dtype_that_no_layout_knows(folder):
  name = "model.norm.weight"
  tensors = safetensors.numpy.load_file(folder / safetensors_folder.SINGLE)
  tensors[name] = tensors[name].astype(jnp.float8_e4m3fn)
  safetensors.numpy.save_file(tensors, folder / safetensors_folder.SINGLE)
  with pytest.raises(ValueError, match=r"model\.norm\.weight.*F8_E4M3.*BF16"):
    models.load_model(folder)


@pytest.mark.parametrize("dtype", models.FLOAT_DTYPES)
def test_dtype_is_kept(saved, tmp_path, dtype):
  models.save_model(models.load_model(saved[1], dtype=dtype), tmp_path)
  raw = json.loads((tmp_path / "config.json").read_text())
  assert raw["dtype"] == dtype
  source = sources.open_folder(tmp_path)
  result = {source.read(name).dtype for name in source.shapes}
  assert result == {jnp.dtype(dtype)}


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.bool_])
def test_whole_numbers_are_no_weights(folder, dtype):
  path = folder / safetensors_folder.SINGLE
  tensors = safetensors.numpy.load_file(path)
  name = "model.layers.0.mlp.up_proj.weight"
  tensors[name] = tensors[name].astype(dtype)
  safetensors.numpy.save_file(tensors, path)
  words = rf"{name} is stored as {np.dtype(dtype)}.*bfloat16"
  with pytest.raises(ValueError, match=words):
    models.load_model(folder)


def test_unknown_dtype(saved):
  with pytest.raises(ValueError, match=r"dtype is 'int4'.*bfloat16.*int8"):
    models.load_model(saved[1], dtype="int4")


def test_value_beyond_the_range_of_float16(folder):
  path = folder / safetensors_folder.SINGLE
  tensors = safetensors.numpy.load_file(path)
  tensors["model.norm.weight"][3] = 1e5
  safetensors.numpy.save_file(tensors, path)
  with pytest.raises(ValueError, match=r"model\.norm\.weight.*float16"):
    models.load_model(folder, dtype="float16")


_BAD = [np.nan, np.inf, -np.inf]


def _damage(folder, name, value, dtype=np.float32):
  path = folder / safetensors_folder.SINGLE
  tensors = safetensors.numpy.load_file(path)
  tensors = {key: x.astype(dtype) for key, x in tensors.items()}
  tensors[name].flat[-1] = value
  safetensors.numpy.save_file(tensors, path)


@pytest.mark.parametrize(
  "name",
  [
    "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight",
    "model.layers.1.mlp.down_proj.weight",
    "model.layers.0.self_attn.k_proj.weight",
    "model.layers.0.input_layernorm.weight",
  ],
)  # fmt: skip
@pytest.mark.parametrize("value", _BAD)
def test_a_weight_that_is_no_number_is_named(folder, name, value):
  _damage(folder, name, value)
  with pytest.raises(ValueError) as caught:
    models.load_model(folder)
  kinds = (1, 0) if np.isnan(value) else (0, 1)
  message = str(caught.value)
  assert message.startswith(f"{folder}: tensor {name} is no weight")
  assert "{} are NaN and {} infinite".format(*kinds) in message


@pytest.mark.parametrize("stored", [np.float16, jnp.bfloat16, np.float64])
@pytest.mark.parametrize("dtype", models.DTYPES)
@pytest.mark.parametrize("value", _BAD[:2])
def test_such_a_weight_is_found_in_every_dtype(folder, stored, dtype, value):
  _damage(folder, "model.norm.weight", value, stored)
  with pytest.raises(ValueError, match=r"model\.norm\.weight is no weight"):
    models.load_model(folder, dtype=dtype)


def test_such_a_weight_is_found_on_a_mesh(folder):
  _damage(folder, "lm_head.weight", np.nan)
  with pytest.raises(ValueError, match=r"lm_head\.weight is no weight.* 1 are"):
    models.load_model(folder, mesh=models.make_mesh(4, 2))


def test_such_a_weight_is_found_in_a_pickle(folder):
  _damage(folder, "model.norm.weight", np.inf)
  _pickle(folder, 3)
  with pytest.raises(ValueError, match=r"model\.norm\.weight is no weight"):
    models.load_model(folder)


@pytest.mark.parametrize("convert", ["to_orbax", "to_hf"])
def test_such_a_weight_is_not_converted(folder, tmp_path, convert):
  _damage(folder, "model.norm.weight", np.nan)
  with pytest.raises(ValueError, match=r"model\.norm\.weight is no weight"):
    getattr(conversion, f"convert_{convert}")(folder, tmp_path / "to")


@pytest.mark.parametrize("mesh", [None, (4, 2)])
@pytest.mark.parametrize("value", [np.nan, 3e38])
def test_such_a_weight_is_found_in_an_orbax_folder(
  folder, tmp_path, mesh, value, monkeypatch
):
  name = "model.layers.1.mlp.up_proj.weight"
  _damage(folder, name, value)
  path = folder / safetensors_folder.SINGLE
  if not np.isnan(value):  # finite, but the sum is not
    tensors = safetensors.numpy.load_file(path)
    tensors[name][:] = value
    safetensors.numpy.save_file(tensors, path)
  with monkeypatch.context() as patch:
    patch.setattr(finite, "all_finite", lambda array: True)
    conversion.convert_to_orbax(folder, tmp_path / "to")
  mesh = mesh and models.make_mesh(*mesh)
  if not np.isnan(value):
    assert models.load_model(tmp_path / "to", mesh=mesh).num_parameters
    return
  with pytest.raises(ValueError, match=r"1\.mlp\.up_proj\.weight is no weight"):
    models.load_model(tmp_path / "to", mesh=mesh)


def test_finite_weights_beyond_float16_load_in_other_dtypes(folder):
  _damage(folder, "model.norm.weight", 1e6)
  for dtype in ("float32", "bfloat16"):
    assert models.load_model(folder, dtype=dtype).num_parameters
  _damage(folder, "model.norm.weight", 3.4e38)
  with pytest.raises(ValueError, match="beyond the range of bfloat16"):
    models.load_model(folder, dtype="bfloat16")


def test_large_model_is_saved_in_shards(saved, tmp_path):
  model, _ = saved
  models.save_model(model, tmp_path)  # replaced, so that no file is left over
  models.save_model(model, tmp_path, max_shard_bytes=5000)
  files = sorted(path.name for path in tmp_path.glob("*.safetensors*"))
  num_shards = len(files) - 1
  assert num_shards > 2
  assert files[-1] == safetensors_folder.INDEX
  assert files[0] == f"model-00001-of-{num_shards:05}.safetensors"
  sizes = [
    sum(value.nbytes for value in safetensors.numpy.load_file(path).values())
    for path in tmp_path.glob("*.safetensors")
  ]
  assert all(size <= 5000 for size in sizes)
  index = json.loads((tmp_path / safetensors_folder.INDEX).read_text())
  assert index["metadata"]["total_size"] == sum(sizes)
  _assert_same(models.load_model(tmp_path).params, model.params)
  models.save_model(model, tmp_path)
  files = [path.name for path in tmp_path.glob("*.safetensors*")]
  assert files == [safetensors_folder.SINGLE]


def test_tensors_are_written_shard_by_shard(saved, tmp_path):
  """No more than a shard of a large model is in memory."""
  model, _ = saved
  entries = layout.policy_layout(CONFIG)
  written = []

  def tensors():
    for name, value in saving.stored_tensors(model.params, entries):
      written.append(len(list(tmp_path.glob("*.safetensors"))))
      yield name, value

  raw = {"any": 1}
  saving.write_folder(tmp_path, raw, tensors(), model.tokenizer, 5000)
  assert written[0] == 0 and written[-1] == max(written) > 1


def test_sentencepiece_alone(folder):
  (folder / "tokenizer.json").rename(folder / "tokenizer.model")
  with pytest.raises(FileNotFoundError, match=r"tokenizer\.json .*convert it"):
    models.load_model(folder)


@pytest.mark.parametrize("key", ["tokenizer_config.json", "jinja"])
def test_chat_template(folder, key, tmp_path):
  template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
  if key == "jinja":
    (folder / "chat_template.jinja").write_text(template)
  else:
    path = folder / "tokenizer_config.json"
    raw = json.loads(path.read_text())
    path.write_text(json.dumps(raw | {"chat_template": template}))
  model = models.load_model(folder)
  chat = [{"role": "user", "content": "w5"}]
  for _ in range(2):  # and once more after it was saved and loaded
    text = model.tokenizer.apply_chat_template(chat, tokenize=False)
    assert text == "<user>w5"
    models.save_model(model, tmp_path / "again")
    model = models.load_model(tmp_path / "again")


def test_an_empty_name_and_a_file_of_another_kind_are_named(tmp_path):
  with pytest.raises(ValueError, match=r"name of a checkpoint is empty"):
    models.open_checkpoint("")
  path = tmp_path / "notes.md"
  path.write_text("none")
  with pytest.raises(ValueError, match=r"notes\.md is a file, but no GGUF"):
    models.open_checkpoint(path)
