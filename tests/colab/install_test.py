"""Each notebook installs the package by itself, and leaves what is there."""

import importlib.util
import re
import subprocess
import sys
from importlib import metadata

import pytest

from tests.colab import notebooks

NAMES = sorted(path.name for path in (notebooks.ROOT / "colab").glob("*.ipynb"))


def _cell(name):
  return notebooks.sources(notebooks.read(name))[0]


def _installs(text):
  """What a cell gives to pip."""
  given = []
  # As IPython rewrites a line of magic; braces are filled in by it.
  code = re.sub(r"%pip (.*)", r"pip(f'''\1''')", text)
  exec(code, {"pip": given.append})
  return given


def test_all_notebooks_install_by_the_same_cell():
  assert len(NAMES) == 3
  assert len({_cell(name) for name in NAMES}) == 1
  for name in NAMES:
    magics = re.findall(
      "%pip.*", "".join(notebooks.sources(notebooks.read(name)))
    )
    assert "git+{address}" in magics[0]


def test_the_address_is_that_of_the_package():
  (address,) = re.findall(r'^REPOSITORY = "(.*)"$', _cell(NAMES[0]), re.M)
  done = subprocess.run(
    [sys.executable, "setup.py", "-q", "--url"],
    cwd=notebooks.ROOT, capture_output=True, text=True, check=True,
  )  # fmt: skip
  assert done.stdout.split() == [address]
  readme = (notebooks.ROOT / "README.md").read_text()
  colab = address.replace("github.com", "colab.research.google.com/github")
  for name in NAMES:
    assert f"({colab}/blob/main/colab/{name})" in readme


@pytest.mark.parametrize("name", NAMES)
def test_an_address_or_a_path_is_installed_where_nothing_is(
  name, monkeypatch, tmp_path
):
  text = _cell(name)
  assert not _installs(text)  # the package is here
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  monkeypatch.chdir(tmp_path)
  path = re.sub("REPOSITORY = .*", 'REPOSITORY = "clone"', text)
  for code, source in (
    (text, r"https://github\.com/[\w-]+/\w+"),
    (path, re.escape((tmp_path / "clone").as_uri())),
  ):
    (given,) = _installs(code)
    # JAX stays what it is: what it has for an accelerator is of that version.
    kept = " ".join(f"{x}=={metadata.version(x)}" for x in ("jax", "jaxlib"))
    pattern = rf'install --quiet "git\+{source}" {re.escape(kept)}'
    assert re.fullmatch(pattern, given)
