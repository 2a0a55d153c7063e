"""Types, by pyright where it is installed; its settings: pyproject.toml."""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.slow
def test_types():
  pytest.importorskip("pyright", reason='pip install "pyright[nodejs]"')
  done = subprocess.run(
    [sys.executable, "-m", "pyright", "--pythonpath", sys.executable,
     "--outputjson"],
    capture_output=True, text=True, cwd=ROOT,
  )  # fmt: skip
  found = json.loads(done.stdout)
  assert found["summary"]["filesAnalyzed"] > 300, done.stderr
  lines = [
    f"{item['file']}:{item['range']['start']['line'] + 1}: {item['message']}"
    for item in found["generalDiagnostics"]
    if item["severity"] == "error"
  ]
  assert not lines, "\n".join(lines)
