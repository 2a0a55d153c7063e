"""Reads notebooks and runs them in a kernel of their own."""

import html
import os
import pathlib

import nbclient
import nbformat
import pytest

ROOT = pathlib.Path(__file__).parents[2]


def read(name):
  return nbformat.read(ROOT / "colab" / name, as_version=4)


def sources(notebook):
  return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook, kind):
  """The outputs of one MIME type, or the texts printed ("stdout")."""
  texts = []
  for cell in notebook.cells:
    for output in cell.get("outputs", ()):
      if output.output_type == "stream":
        texts += [output.text] * (output.name == kind)
      else:
        texts += [value for key, value in output.data.items() if key == kind]
  return texts


def framed_page(notebook):
  """The page that a notebook shows in a frame, as HTML."""
  (frame,) = [
    text for text in outputs(notebook, "text/html") if "<iframe" in text
  ]
  return html.unescape(frame.split('srcdoc="')[1].split('"')[0])


def execute(name, folder):
  """Runs a notebook by this Python; raises where a cell does.

  Args:
    name: of the notebook.
    folder: for all that is written; nothing is left at home.

  Returns:
    The notebook with its outputs.
  """
  paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("PYTHONPATH", os.pathsep.join(paths))
    patch.setenv("PIP_NO_INDEX", "1")  # it must not need to install anything
    patch.setenv("JAX_PLATFORMS", "cpu")
    # Nearly all of the time is compilation.
    patch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    # Neither settings nor kernels of the user's.
    patch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    for kind in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
      patch.setenv(f"JUPYTER_{kind}", str(folder / kind.lower()))
    patch.setenv("IPYTHONDIR", str(folder / "ipython"))
    patch.setenv("TMPDIR", str(folder))
    client = nbclient.NotebookClient(
      read(name),
      kernel_name="python3",
      timeout=900,  # of one cell, on a machine that does much else
      resources={"metadata": {"path": str(ROOT / "colab")}},
    )
    return client.execute()


def check_committed(name, pictures, most_bytes):
  """Asserts that a notebook has all its outputs and is small."""
  notebook = read(name)
  assert (ROOT / "colab" / name).stat().st_size < most_bytes
  assert notebook.metadata.kernelspec.name == "python3"
  assert len(outputs(notebook, "image/png")) == pictures
  assert not outputs(notebook, "stderr")
  counts = [c.execution_count for c in notebook.cells if c.cell_type == "code"]
  assert counts == list(range(1, len(counts) + 1))
