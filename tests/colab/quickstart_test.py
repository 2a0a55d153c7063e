"""The notebook runs from start to end and shows what its text says."""

import html
import os
import pathlib
import re

import nbclient
import nbformat
import pytest

ROOT = pathlib.Path(__file__).parents[2]
NOTEBOOK = ROOT / "colab" / "quickstart.ipynb"
MOST_BYTES = 450_000
NUM_PICTURES = 3  # a search tree, error against FLOPs, walks in the hills


def _read():
  return nbformat.read(NOTEBOOK, as_version=4)


def _outputs(notebook, kind):
  """The outputs of one MIME type, or the texts printed ("stdout")."""
  found = []
  for cell in notebook.cells:
    for output in cell.get("outputs", ()):
      if output.output_type == "stream":
        found += [output.text] * (output.name == kind)
      else:
        found += [value for key, value in output.data.items() if key == kind]
  return found


@pytest.fixture(name="executed", scope="module")
def _executed(tmp_path_factory):
  """The notebook, run in a kernel of its own by this Python."""
  folder = tmp_path_factory.mktemp("jupyter")
  paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("PYTHONPATH", os.pathsep.join(paths))
    patch.setenv("PIP_NO_INDEX", "1")  # it must not need to install anything
    patch.setenv("JAX_PLATFORMS", "cpu")
    # Nearly all of the time is compilation.
    patch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    # Neither settings nor kernels of the user's, and nothing left at home.
    patch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
      patch.setenv(f"JUPYTER_{name}", str(folder / name.lower()))
    patch.setenv("IPYTHONDIR", str(folder / "ipython"))
    patch.setenv("TMPDIR", str(folder))
    client = nbclient.NotebookClient(
      _read(),
      kernel_name="python3",
      timeout=900,  # of one cell, on a machine that does much else
      resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    return client.execute()  # raises where a cell does


def test_it_solves_a_problem_and_prints_the_tree(executed):
  text = "\n".join(_outputs(executed, "stdout"))
  answers = re.findall(r"^Answer: (\S+)$", text, flags=re.M)
  gold = re.findall(r"The answer is: (\d+) ки$", text, flags=re.M)[0]
  assert answers == [gold]
  assert "Search tree (policy_small, rebase n=8" in text
  assert re.search(r"weighted/last +\d+ +right", text)


def test_it_sweeps_and_reports(executed):
  text = "\n".join(_outputs(executed, "stdout"))
  for policy in ("small", "middle"):
    for strategy in ("rebase", "sampling"):
      line = rf"{policy} {strategy} n=8 seed=0: 24 problems, .* right"
      assert re.search(line, text)
  assert "report.md" in text
  tables = _outputs(executed, "text/html")
  assert any("flops_paper" in table for table in tables)


def test_it_draws_pictures(executed):
  assert len(_outputs(executed, "image/png")) == NUM_PICTURES


def test_it_shows_the_page_of_the_tree_in_a_frame(executed):
  for notebook in (executed, _read()):
    (frame,) = [
      text for text in _outputs(notebook, "text/html") if "<iframe" in text
    ]
    page = html.unescape(frame.split('srcdoc="')[1].split('"')[0])
    assert page.startswith("<!DOCTYPE html>") and "Search tree" in page
    assert page.rstrip().endswith("</html>")


def test_rebase_climbs_higher_than_sampling_at_every_n(executed):
  (table,) = [
    text
    for text in _outputs(executed, "text/plain")
    if text.split()[:2] == ["sampling", "rebase"]
  ]
  rows = [line.split() for line in table.splitlines()[2:]]
  heights = {int(n): (float(s), float(r)) for n, s, r in rows}
  assert set(heights) == {4, 16, 64}
  assert all(sampling < rebase for sampling, rebase in heights.values())
  # "few beams get where many samples do not"
  assert heights[4][1] > heights[64][0]


def test_it_warns_of_nothing(executed):
  assert not _outputs(executed, "stderr")


def test_the_committed_notebook_has_its_outputs_and_is_small():
  notebook = _read()
  assert NOTEBOOK.stat().st_size < MOST_BYTES
  assert notebook.metadata.kernelspec.name == "python3"
  assert len(_outputs(notebook, "image/png")) == NUM_PICTURES
  assert any("Answer: " in text for text in _outputs(notebook, "stdout"))
  assert not _outputs(notebook, "stderr")
  counts = [c.execution_count for c in notebook.cells if c.cell_type == "code"]
  assert counts == list(range(1, len(counts) + 1))


def test_it_installs_only_from_the_folder():
  sources = [cell.source for cell in _read().cells if cell.cell_type == "code"]
  magics = [line for line in "\n".join(sources).splitlines() if "%pip" in line]
  assert [line.split() for line in magics] == [
    ["%pip", "install", "--quiet", "-e", ".."]
  ]
  assert "find_spec" in sources[0] and "%pip" in sources[0]
