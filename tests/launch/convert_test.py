"""The launcher that converts checkpoints, run in this process."""

import pytest

from inference_scaling import models
from inference_scaling.models.checkpoints import conversion
from tests.launch import programs_test


@pytest.fixture
def convert(monkeypatch):
  """Runs the launcher and returns what it asks for."""
  calls = []
  for name in ("convert_to_orbax", "convert_to_hf"):
    monkeypatch.setattr(
      conversion, name,
      lambda *args, name=name, **kwargs: calls.append((name, args, kwargs)),
    )  # fmt: skip
  with programs_test.launcher("convert", monkeypatch) as (module, values):

    def run(*arguments):
      module.main(values(["launch/convert.py", *arguments]))
      return calls[-1]

    yield run


def test_orbax(convert, capsys):
  name, paths, options = convert(
    "--source=a/b", "--to=c", "--format=orbax", "--mesh=4,2"
  )
  assert (name, paths) == ("convert_to_orbax", ("a/b", "c"))
  assert options == {"dtype": None, "mesh": models.make_mesh(4, 2)}
  assert "Wrote c." in capsys.readouterr().out


def test_hf(convert):
  name, paths, options = convert(
    "--source=a.gguf", "--to=c", "--format=hf", "--dtype=bfloat16"
  )
  assert (name, paths) == ("convert_to_hf", ("a.gguf", "c"))
  assert options == {"dtype": "bfloat16"}


@pytest.mark.parametrize(
  ("kind", "mesh", "message"),
  [
    ("orbax", "4", "--mesh is '4'; expected two numbers"),
    ("orbax", "4,x", "--mesh is '4,x'"),
    ("orbax", "3,2", "data = 3 times model = 2"),
    ("hf", "4,2", "--mesh is for --format=orbax"),
  ],
)
def test_mesh_that_cannot_be(convert, kind, mesh, message):
  with pytest.raises(ValueError, match=message):
    convert("--source=a", "--to=b", f"--format={kind}", f"--mesh={mesh}")
