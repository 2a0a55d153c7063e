"""Launchers end in one message."""

import errno
import logging
import pathlib

import jax
import jax.numpy as jnp
import ml_collections
import pytest
from absl import app, flags
from ml_collections import config_flags

from inference_scaling import launching

ROOT = pathlib.Path(__file__).parents[2]


# How ml_collections loads config files.
pytestmark = pytest.mark.filterwarnings(
  "ignore:the load_module:DeprecationWarning"
)


def guarded(error, monkeypatch, capsys):
  """What `launching.run` makes of an error: exit code and standard error."""
  captured = []
  monkeypatch.setattr(app, "run", lambda main, **kwargs: captured.append(main))
  monkeypatch.setattr(launching, "_use_compilation_cache", lambda folder: None)

  def main(argv):
    raise error

  launching.run(main)
  if not flags.FLAGS.is_parsed():
    flags.FLAGS.mark_as_parsed()
  with pytest.raises(SystemExit) as caught:
    captured[0]([])
  return caught.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
  "error",
  [
    ValueError("config.n is 0"),
    FileNotFoundError("no problem file at x"),
    FloatingPointError("logits are NaN"),
    OSError("cannot write to y"),
  ],
)
def test_a_users_error_is_one_message(error, monkeypatch, capsys):
  code, text = guarded(error, monkeypatch, capsys)
  assert code == 1
  assert text == f"Error: {error}\n"


def test_notes_of_orbax_are_left_out_and_its_warnings_are_not():
  def passes(path, level):
    record = logging.LogRecord("absl", level, path, 1, "text", (), None)
    return launching._is_no_note_of_orbax(record)

  theirs = "/site-packages/orbax/checkpoint/_src/async_checkpointer.py"
  assert not passes(theirs, logging.INFO)
  assert passes(theirs, logging.WARNING)
  assert passes("/inference_scaling/training/loop.py", logging.INFO)


def test_ctrl_c_is_130_with_its_message(monkeypatch, capsys):
  code, text = guarded(KeyboardInterrupt("3 are safe"), monkeypatch, capsys)
  assert (code, text) == (130, "3 are safe\n")
  code, text = guarded(KeyboardInterrupt(), monkeypatch, capsys)
  assert (code, text) == (130, "Interrupted.\n")


def test_a_bug_keeps_its_traceback(monkeypatch, capsys):
  with pytest.raises(TypeError, match="a bug"):
    guarded(TypeError("a bug"), monkeypatch, capsys)


def test_traceback_on_request(monkeypatch, capsys):
  flags.FLAGS.mark_as_parsed()
  monkeypatch.setattr(flags.FLAGS, "traceback", True)
  with pytest.raises(ValueError, match="wrong"):
    guarded(ValueError("wrong"), monkeypatch, capsys)


@pytest.fixture
def parse(monkeypatch, capsys):
  """Parses a command line as launch/sweep.py does."""
  values = flags.FlagValues()
  holder = config_flags.DEFINE_config_file("config", flag_values=values)
  monkeypatch.setattr(flags, "FLAGS", values)

  def parse(*arguments):
    # ml_collections looks for the overrides in sys.argv.
    argv = ["launch/sweep.py", *arguments]
    monkeypatch.setattr("sys.argv", argv)
    try:
      launching._parse_flags(argv)
    except SystemExit as end:
      return end.code, capsys.readouterr().err
    return holder

  return parse


DEMO = f"--config={ROOT / 'configs' / 'demo.py'}"


def test_a_number_of_a_config_can_be_changed(parse):
  holder = parse(DEMO, "--config.runs.rebase.temperature=0.2")
  config = launching.read_config(holder)
  assert isinstance(config, ml_collections.ConfigDict)
  assert config.runs.rebase.temperature == 0.2
  assert config.runs.rebase.n == (4, 16)


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    (
      [DEMO, "--config.task.cuont=3"],
      ["no such key in config.task", "mean 'count'"],
    ),
    (
      [DEMO, "--config.runs.rebase.children=4"],
      ["--config.runs.rebase.children: ", "in config.runs.rebase, which has d"],
    ),
    ([DEMO, "--config.task.count.x=4"], ["config.task.count is", "no keys"]),
    ([DEMO, "--config.runs.rebase.n[9]=4"], ["out of range"]),
    ([DEMO, "--config.task.count=many"], ["config.task.count", "many"]),
    ([DEMO, "--confg.task.count=3"], ["confg"]),
    ([f"{DEMO}:big"], ["'big'; expected nothing or 'tiny'"]),
  ],
)
def test_a_wrong_flag_is_one_message(arguments, words, parse):
  code, text = parse(*arguments)
  assert code == 1
  assert text.startswith("Error: ") and "Traceback" not in text
  for word in words:
    assert word in text


def test_a_missing_config_file_is_named(parse):
  holder = parse("--config=nowhere/demo.py")
  with pytest.raises(OSError, match=r"nowhere/demo.py"):
    launching.read_config(holder)


def test_the_cache_folder_is_made_and_may_be_left_out(tmp_path):
  before = jax.config.jax_compilation_cache_dir
  try:
    launching._use_compilation_cache("")
    assert jax.config.jax_compilation_cache_dir == before
    launching._use_compilation_cache(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "a" / "b")
  finally:
    jax.config.update("jax_compilation_cache_dir", before)


@pytest.mark.parametrize("profiled", [False, True])
def test_a_profile_names_phases_and_takes_no_cached_program(
  profiled, tmp_path, monkeypatch, capsys
):
  captured, caches = [], []
  monkeypatch.setattr(app, "run", lambda main, **kwargs: captured.append(main))
  monkeypatch.setattr(launching, "_use_compilation_cache", caches.append)

  if not flags.FLAGS.is_parsed():
    flags.FLAGS.mark_as_parsed()
  monkeypatch.setattr(
    flags.FLAGS["profile"], "value", str(tmp_path) if profiled else None
  )
  launching.run(
    lambda argv: jax.jit(_forked)(jnp.ones(999)).block_until_ready()
  )
  captured[0]([])
  assert ("| fork |" in capsys.readouterr().out) == profiled
  assert [bool(folder) for folder in caches] == [not profiled]


def _forked(x):
  with jax.named_scope("fork"):
    return jnp.sort(jnp.sin(x))


def test_a_cache_folder_that_cannot_be_made_is_no_error(tmp_path, monkeypatch):
  def refuse(self, **kwargs):
    raise OSError(errno.EROFS, "Read-only file system")

  before = jax.config.jax_compilation_cache_dir
  monkeypatch.setattr(pathlib.Path, "mkdir", refuse)
  launching._use_compilation_cache(str(tmp_path / "c"))
  assert jax.config.jax_compilation_cache_dir == before


def test_numbers_are_read_as_what_they_are():
  texts = ["children=3", "temperature=0.2", "rule=round", "exploration=1e-3"]
  assert launching.parse_numbers(texts) == {
    "children": 3, "temperature": 0.2, "rule": "round", "exploration": 0.001
  }  # fmt: skip
  assert type(launching.parse_numbers(["a=3"])["a"]) is int


@pytest.mark.parametrize("texts", [["a"], ["a="], ["=3"], ["a=1", "a=2"]])
def test_a_number_without_a_name_or_value_is_refused(texts):
  with pytest.raises(ValueError, match=r"--number is .*NAME=VALUE"):
    launching.parse_numbers(texts)
