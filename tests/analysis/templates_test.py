"""Templates refuse a missing value, escape HTML, and are all installed."""

import pathlib

import jinja2
import pytest
import setuptools

from inference_scaling.analysis import templates
from tests import imports

FOLDER = imports.PACKAGE / "analysis"
PATHS = sorted(path for path in FOLDER.rglob("*.jinja"))


def source(path):
  return path.read_text(encoding="utf-8")


def test_a_value_that_is_not_given_is_refused():
  with pytest.raises(jinja2.UndefinedError, match="'rows' is undefined"):
    templates.fill("report/templates/limits.md.jinja")


def test_markdown_stays_as_it_is():
  text = templates.fill(
    "report/templates/claims.md.jinja",
    verdicts=[{"claim": "<a> & b", "verdict": "shown", "evidence": "c"}],
  )
  assert "| <a> & b | **shown** | c |" in text
  # A paragraph is one line, however many the template has.
  assert (
    "points of accuracy with paired 95% intervals over problems. Of" in text
  )


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_each_template_is_used(path):
  name = path.relative_to(FOLDER).as_posix()
  others = [*FOLDER.rglob("*.py"), *(p for p in PATHS if p != path)]
  assert any(f'"{name}"' in source(other) for other in others)


def test_templates_are_installed(monkeypatch):
  given = {}
  monkeypatch.setattr(setuptools, "setup", lambda **keys: given.update(keys))
  path = imports.PACKAGE.parent / "setup.py"
  exec(compile(source(path), path, "exec"), {"__file__": str(path)})
  (pattern,) = given["package_data"]["inference_scaling.analysis"]
  packaged = {pathlib.Path(path) for path in FOLDER.glob(pattern)}
  assert packaged == set(PATHS) and len(packaged) > 20
