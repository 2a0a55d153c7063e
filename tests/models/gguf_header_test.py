"""Headers of GGUF files: whole, split, cut and damaged."""

import struct

import gguf
import jax
import numpy as np
import pytest

from inference_scaling import models
from inference_scaling.models import sources
from tests.models import gguf_files

VALUES = {
  "a.bool": True, "a.uint8": 200, "a.int8": -3, "a.uint16": 60_000,
  "a.int16": -300, "a.uint32": 4_000_000_000, "a.int32": -70_000,
  "a.uint64": 2**63, "a.int64": -(2**40), "a.float32": 0.5,
  "a.float64": 0.1, "a.string": "ки ▁", "a.strings": ["", "Ġa", "ки"],
  "a.numbers": [1, 2, 3], "a.floats": [0.5, -2.0], "a.bools": [True, False],
}  # fmt: skip


def test_every_type_of_value(tmp_path):
  writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
  for key, value in VALUES.items():
    if isinstance(value, list):
      writer.add_array(key, value)
    else:
      getattr(writer, f"add_{key.removeprefix('a.')}")(key, value)
  writer.add_tensor("x", np.arange(6, dtype=np.float32).reshape(2, 3))
  _finish(writer)
  header = sources.read_header(tmp_path / "model.gguf")
  result = {k: v for k, v in header.metadata.items() if k.startswith("a.")}
  assert result == VALUES
  assert {k: type(v) for k, v in result.items()} == {
    k: type(v) for k, v in VALUES.items()
  }
  assert header.tensors["x"].shape == (2, 3)


def _finish(writer):
  writer.write_header_to_file()
  writer.write_kv_data_to_file()
  writer.write_tensors_to_file()
  writer.close()


def _split(folder, count=3):
  """Splits a model as gguf-split does; returns the parts."""
  whole = folder / "whole.gguf"
  gguf_files.save(whole, gguf_files.LLAMA)
  reader = gguf.GGUFReader(whole)
  paths = [
    folder / f"model-{i:05}-of-{count:05}.gguf" for i in range(1, count + 1)
  ]
  for index, path in enumerate(paths):
    writer = gguf.GGUFWriter(path, "llama")
    if index == 0:
      for key, field in reader.fields.items():
        if not key.startswith(("GGUF.", "general.arch")):
          writer.add_key_value(key, field.contents(), field.types[0], *(
            field.types[1:2] if len(field.types) > 1 else ()
          ))  # fmt: skip
    else:
      writer.kv_data[0].clear()  # only the first part has the metadata
    writer.add_uint16("split.no", index)
    writer.add_uint16("split.count", count)
    writer.add_int32("split.tensors.count", len(reader.tensors))
    for tensor in reader.tensors[index::count]:
      writer.add_tensor(tensor.name, np.array(tensor.data))
    _finish(writer)
  return whole, paths


def test_parts_are_read_as_one_model(tmp_path):
  whole, paths = _split(tmp_path)
  expected = models.load_model(whole)
  for path in paths:
    loaded = models.load_model(path)
    assert loaded.config == expected.config
    jax.tree.map(np.testing.assert_array_equal, loaded.params, expected.params)
    assert models.open_checkpoint(path).files() == paths
  assert loaded.tokenizer.get_vocab() == expected.tokenizer.get_vocab()


def test_missing_part(tmp_path):
  _, paths = _split(tmp_path)
  paths[1].unlink()
  for path in (paths[0], paths[2]):
    with pytest.raises(
      FileNotFoundError, match=r"split\.count is 3.*model-00002-of-00003\.gguf"
    ) as caught:
      models.load_model(path)
    assert str(path) in str(caught.value)


def test_renamed_part(tmp_path):
  _, paths = _split(tmp_path)
  renamed = paths[0].rename(tmp_path / "model.gguf")
  with pytest.raises(ValueError, match=r"split\.count is 3.*-00001-of-00003"):
    models.load_model(renamed)


def test_parts_in_another_order(tmp_path):
  _, paths = _split(tmp_path)
  paths[1].rename(tmp_path / "kept")
  paths[2].rename(paths[1])
  (tmp_path / "kept").rename(paths[2])
  with pytest.raises(ValueError, match=r"00002-of.*split\.no is 2; expected 1"):
    models.load_model(paths[0])


def test_part_of_another_model(tmp_path):
  _, paths = _split(tmp_path)
  paths[1].write_bytes(paths[2].read_bytes())
  data = bytearray(paths[1].read_bytes())
  at = data.index(b"split.no") + len("split.no") + 4
  data[at : at + 2] = struct.pack("<H", 1)
  paths[1].write_bytes(bytes(data))
  with pytest.raises(ValueError, match=r"00003-of.*an earlier part holds"):
    models.load_model(paths[0])


def test_cut_part_is_named(tmp_path):
  _, paths = _split(tmp_path)
  paths[2].write_bytes(paths[2].read_bytes()[:-64])
  with pytest.raises(ValueError, match=r"00003-of-00003\.gguf is not a whole"):
    models.load_model(paths[0])


def test_file_that_says_it_is_one_part_of_one(tmp_path):
  path = tmp_path / "model.gguf"
  gguf_files.save(
    path, gguf_files.LLAMA, gguf_files.put("split.count", 1),
    gguf_files.put("split.no", 0),
  )  # fmt: skip
  assert models.open_checkpoint(path).files() == [path]


@pytest.mark.parametrize("content", [b"", b"GGUF", b"PK\3\4" * 20])
def test_no_gguf_file(content, tmp_path):
  path = tmp_path / "model.gguf"
  path.write_bytes(content)
  with pytest.raises(ValueError, match=r"model\.gguf is not a whole GGUF file"):
    models.open_checkpoint(path)


@pytest.mark.parametrize("version", [1, 4, 3 << 24])
def test_other_versions(version, tmp_path):
  path = tmp_path / "model.gguf"
  path.write_bytes(b"GGUF" + struct.pack("<IQQ", version, 0, 0))
  with pytest.raises(ValueError, match=f"version is {version}; expected 2 or"):
    models.open_checkpoint(path)


def test_counts_beyond_the_file(tmp_path):
  """Nothing is allocated, and no loop runs, for what cannot be there."""
  path = tmp_path / "model.gguf"
  key = struct.pack("<Q1sIIQ", 1, b"k", 9, 8, 2**62)  # an array of texts
  for header in (
    struct.pack("<IQQ", 3, 0, 2**60),
    struct.pack("<IQQ", 3, 2**60, 0),
    struct.pack("<IQQ", 3, 0, 1) + key,
    struct.pack("<IQQQ", 3, 0, 1, 2**63),
  ):
    path.write_bytes(b"GGUF" + header + bytes(8))
    with pytest.raises(ValueError, match="is not a whole GGUF file"):
      models.open_checkpoint(path)


def test_damaged_bytes_end_in_one_message(tmp_path):
  """Random bytes of the header are overwritten: read, or refused by name."""
  path = tmp_path / "model.gguf"
  gguf_files.save(path, gguf_files.LLAMA3)
  data = path.read_bytes()
  end = data.index(b"rope_freqs.weight") + 1000
  rng = np.random.default_rng(0)
  refused = 0
  for index in range(150):
    damaged = bytearray(data)
    for at in rng.integers(0, end, 3):
      damaged[at] = rng.choice([0, 1, 255, rng.integers(256)])
    path = tmp_path / f"{index}.gguf"
    path.write_bytes(bytes(damaged))
    try:
      checkpoint = models.open_checkpoint(path)
      assert checkpoint.tensors.shapes and checkpoint.tokenizer()
    except ValueError as error:
      assert str(path) in str(error)
      refused += 1
    path.unlink()
  assert 50 < refused < 150
