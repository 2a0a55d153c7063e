"""Help texts stand alone, and --help of every program shows all it takes."""

import logging
import os
import pathlib
import re
import subprocess
import sys

import pytest

from inference_scaling import launching
from tests.launch.programs_test import launcher

assert launching
ROOT = pathlib.Path(__file__).parents[2]
PROGRAMS = sorted(path.stem for path in (ROOT / "launch").glob("*.py"))
SHARED = (
  "compilation_cache",
  "coordinator_address",
  "distributed",
  "num_processes",
  "process_id",
  "profile",
  "traceback",
)


# How ml_collections loads config files.
pytestmark = pytest.mark.filterwarnings(
  "ignore:the load_module:DeprecationWarning"
)


def check(name, text):
  """Asserts that a help text can be read without those around it."""
  text = re.sub(r"^<.*?>: ", "", text)  # the values of an enum
  assert len(text.split()) >= 4, (name, text)
  assert text[0].isupper(), (name, text)
  assert not re.search(r"(?i)likewise|^Of |\bditto\b|^The same", text), name


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_texts_stand_alone(program, monkeypatch):
  # The others are patched by `launcher`.
  original = launching.flags.DEFINE_list
  monkeypatch.setattr(
    launching.flags, "DEFINE_list",
    lambda *args, **keys: original(
      *args, flag_values=launching.flags.FLAGS, **keys
    ),
  )  # fmt: skip
  with launcher(program, monkeypatch) as (_, values):
    source = (ROOT / "launch" / f"{program}.py").read_text("utf-8")
    # Libraries may define flags of their own where they are imported.
    own = {n: values[n].help for n in values if f'"{n}"' in source}
  assert own
  for name, text in own.items():
    check(name, text)


def test_help_texts_of_shared_flags_stand_alone():
  for name in SHARED:
    check(name, launching.flags.FLAGS[name].help)


@pytest.mark.slow
@pytest.mark.parametrize("program", ["report", "plan"])
def test_help_shows_shared_flags_and_nothing_else_is_said(program):
  done = subprocess.run(
    [sys.executable, f"launch/{program}.py", "--help"],
    capture_output=True, text=True, cwd=ROOT,
    env=os.environ | {"PYTHONPATH": str(ROOT)},
  )  # fmt: skip
  assert (done.returncode, done.stderr) == (0, "")
  for name in SHARED:
    assert re.search(rf"--(\[no\])?{name}: ", done.stdout), name


def test_only_the_note_of_torch_is_kept_out(caplog):
  logger = logging.getLogger("transformers")
  monitor = caplog.handler
  logger.addHandler(monitor)
  try:
    logger.warning("PyTorch was not found. Models won't be available.")
    logger.warning("the tokenizer has no end token")
  finally:
    logger.removeHandler(monitor)
  said = {record.getMessage() for record in caplog.records}
  assert said == {"the tokenizer has no end token"}
