"""Launchers end in one message."""

import logging
import os
import pathlib
import re
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import ml_collections
import pytest
from absl import app, flags
from ml_collections import config_flags

from inference_scaling import (
  cluster,
  command_line,
  launching,
  runtime,
  storage,
)
from tests.storage import servers

ROOT = pathlib.Path(__file__).parents[2]


# How ml_collections loads config files.
pytestmark = pytest.mark.filterwarnings(
  "ignore:the load_module:DeprecationWarning"
)


def guarded(error, monkeypatch, capsys):
  """What `launching.run` makes of an error: exit code and standard error."""
  captured = []
  monkeypatch.setattr(app, "run", lambda main, **kwargs: captured.append(main))
  monkeypatch.setattr(runtime, "_use_compilation_cache", lambda folder: None)

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

  path = "/site-packages/orbax/checkpoint/_src/async_checkpointer.py"
  assert not passes(path, logging.INFO)
  assert passes(path, logging.WARNING)
  assert passes("/inference_scaling/training/loop.py", logging.INFO)


def test_ctrl_c_is_130_with_its_message(monkeypatch, capsys):
  code, text = guarded(KeyboardInterrupt("3 are safe"), monkeypatch, capsys)
  assert (code, text) == (130, "3 are safe\n")
  code, text = guarded(KeyboardInterrupt(), monkeypatch, capsys)
  assert (code, text) == (130, "Interrupted.\n")


@pytest.mark.parametrize("platforms", ["cuda", "tpu", "no_such"])
def test_a_platform_without_a_device_is_one_message(platforms, tmp_path):
  done = subprocess.run(
    [
      sys.executable, ROOT / "launch" / "sweep.py", f"{DEMO}:runlocal",
      f"--workdir={tmp_path / 'run'}", "--compilation_cache=",
    ],
    env=os.environ | {"JAX_PLATFORMS": platforms},
    capture_output=True, text=True, timeout=120, check=False,
  )  # fmt: skip
  if done.returncode == 0:  # this machine has one
    pytest.skip(f"{platforms} is here")
  last = done.stderr.splitlines()[-1]
  assert f"Error: JAX_PLATFORMS is '{platforms}', and JAX has no dev" in last
  assert "Traceback" not in done.stderr


def test_a_bug_keeps_its_traceback(monkeypatch, capsys):
  with pytest.raises(TypeError, match="a bug"):
    guarded(TypeError("a bug"), monkeypatch, capsys)


def test_traceback_on_request(monkeypatch, capsys):
  flags.FLAGS.mark_as_parsed()
  # Of the flag: FLAGS would lose it when the patch is taken back.
  monkeypatch.setattr(flags.FLAGS["traceback"], "value", True)
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
    # The names of a config file before it would stay, which no program has.
    monkeypatch.delitem(sys.modules, "config_config", raising=False)
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
    *(
      (
        [DEMO, f"--config.task.count={value}"],
        [f"config.task.count is '{value}'; expected a whole number of at"],
      )
      for value in ("many", "2.5", "")
    ),
    (
      [DEMO, "--config.runs.rebase.temperature=x"],
      ["config.runs.rebase.temperature is 'x'; expected a number above 0"],
    ),
    (
      [DEMO, "--config.task.levels=[1,2"],
      ["config.task.levels is '[1,2'; expected a list of one or more"],
    ),
    (
      [DEMO, "--config.policies=x"],
      ["config.policies is 'x'; expected a group of names, each with the text"],
    ),
    (
      [f"--config={ROOT / 'configs' / 'train_policy.py'}", "--config.seed=x"],
      ["config.seed is 'x'; expected a whole number, such as"],
    ),
    ([DEMO, "--confg.task.count=3"], ["confg"]),
    ([f"{DEMO}:big"], ["'big'; expected nothing, and 'runlocal'"]),
  ],
)
def test_a_wrong_flag_is_one_message(arguments, words, parse):
  code, text = parse(*arguments)
  assert code == 1
  assert text.startswith("Error: ") and "Traceback" not in text
  for word in words:
    assert word in text


@pytest.mark.parametrize(
  "arguments",
  [
    ["--config=nowhere/demo.py"],
    ["--config", "nowhere/demo.py"],
    ["-config=nowhere/demo.py:runlocal"],
    ["--config=nowhere/demo.py", "--config.task.count=3"],
  ],
)
def test_a_missing_config_file_is_named(arguments, parse):
  code, text = parse(*arguments)
  assert code == 1
  assert "there is no config file 'nowhere/demo.py'" in text


@pytest.mark.parametrize(
  ("value", "words"),
  [
    ("dmeo", "'dmeo'. Give .* Did you mean --config=demo?"),
    ("scaling-laws", "'scaling-laws'. Give .* Did you mean --config=scaling_l"),
    ("demo.py:runlocal", "'demo.py'. Give .* Did you mean --config=demo?"),
    ("file:///a/b.py:4", "'file:///a/b.py'. Give .* its address, https://..,"),
    ("s3://a/b.py", "'s3://a/b.py'. Give .* its address, https://..,"),
  ],
)
def test_a_config_that_is_not_had_is_named_whole(
  value, words, parse, monkeypatch
):
  monkeypatch.setattr(command_line, "_configs", lambda _: ROOT / "configs")
  code, text = parse(f"--config={value}")
  assert code == 1 and re.search(f"there is no config file {words}", text)
  assert ("Did you mean" in text) == ("://" not in value)


def test_ctrl_c_while_a_config_is_fetched_is_one_word(parse, monkeypatch):
  def interrupted(*unused):
    raise KeyboardInterrupt

  monkeypatch.setattr(storage, "download", interrupted)
  code, text = parse("--config=https://host/a.py")
  assert (code, text) == (launching.INTERRUPTED, "Interrupted.\n")


@pytest.mark.parametrize("value", ["--config=", "--config=configs"])
def test_what_is_no_config_file_is_named(value, parse, monkeypatch):
  monkeypatch.chdir(ROOT)
  code, text = parse(value)
  assert code == 1 and "Give a config file, such as" in text


@pytest.fixture(name="url", scope="module")
def _url(tmp_path_factory):
  """The address of a server of configs."""
  folder = tmp_path_factory.mktemp("served")
  shutil.copy(ROOT / "configs" / "demo.py", folder / "my_config.py")
  (folder / "wrong.py").write_text("def get_config():\n  return 1 / 0\n")
  with servers.files(folder) as url:
    yield url


@pytest.mark.parametrize(("argument", "count"), [("", 102), (":runlocal", 6)])
@pytest.mark.parametrize("form", ["--config={}", "-config {}"])
def test_a_config_is_fetched_from_its_address(
  url, parse, form, argument, count, monkeypatch
):
  monkeypatch.syspath_prepend(ROOT)  # it imports what configs share
  given = form.format(f"{url}/my_config.py{argument}")
  holder = parse(*given.split(), "--config.task.seed=7")
  config = launching.read_config(holder)
  assert config.task.count == count and config.task.seed == 7
  file = config_flags.get_config_filename(flags.FLAGS["config"])
  path, _, rest = file.partition(":")
  assert pathlib.Path(path).name == "my_config.py"  # names runs/my_config
  assert rest == argument.removeprefix(":")


@pytest.mark.parametrize(
  ("name", "words"),
  [
    ("none.py", "{}/none.py: the server says 404 File not found."),
    ("none.py:runlocal", "{}/none.py: the server says 404 File not found."),
    ("", "{}/ is a page that shows a file, not the file."),
    ("wrong.py", "{}/wrong.py, line 2: ZeroDivisionError: division by zero."),
    ("my_config.py:fast", "{}/my_config.py: argument is 'fast'; expected"),
  ],
)
def test_what_is_wrong_with_it_names_its_address(
  url, parse, name, words, monkeypatch
):
  monkeypatch.syspath_prepend(ROOT)
  code, text = parse(f"--config={url}/{name}")
  assert code == 1 and words.format(url) in text
  assert "Traceback" not in text


# What a config file holds, and what the message says of it.
CONFIG_FILES = {
  "empty": ("", "has no function get_config; expected one that returns"),
  "another name": ("def make_config():\n  return 1\n", "no function get_conf"),
  "no colon": ("def get_config()\n  return 1\n", ", line 1 is no Python: exp"),
  "a bracket": ("x = (1,\n\n", ", line 1 is no Python: '(' was never closed"),
  "an indent": ("def f():\nreturn\n", ", line 2 is no Python: expected an in"),
  "a null byte": ("x = 1\0", " is no Python: source code "),
  "prose": ("Use the large model.\n", ", line 1 is no Python: invalid syntax"),
  "JSON": ('{"task": true}\n', ", line 1: NameError: name 'true' is not defin"),
  "an unknown name": (
    "def get_config():\n  return cofnig\n",
    ", line 2: NameError: name 'cofnig' is not defined. Mend the config file",
  ),
  "a missing module": (
    "import no_such_module\n",
    ", line 1: ModuleNotFoundError: No module named 'no_such_module'",
  ),
  "a key": ("def get_config():\n  return {}['a']\n", ", line 2: KeyError: a."),
  "a division": ("1 / 0\n", ", line 1: ZeroDivisionError: division by zero."),
  "a type": (
    "def get_config():\n  return 1 + 'a'\n",
    ", line 2: TypeError: unsupported operand",
  ),
  "an assertion": (
    "def get_config():\n  assert False\n", ", line 2: AssertionError: Asserti",
  ),
  "an attribute": (
    "import math\ndef get_config():\n  return math.taau\n",
    ", line 3: AttributeError: module 'math' has no attribute 'taau'",
  ),
  "its own error": (
    "def get_config():\n  raise ValueError('choose a size')\n",
    ".py: choose a size\n",
  ),
  "deep inside": (
    "import json\ndef get_config():\n\n  return json.loads('{')\n",
    "Expecting property name",
  ),
  "an argument wanted": (
    "def get_config(arg):\n  return arg\n",
    "missing 1 required positional argument: 'arg'. What follows the colon",
  ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIG_FILES)
@pytest.mark.parametrize("overrides", [[], ["--config.task.count=3"]])
def test_a_config_file_that_fails_is_one_message(
  name, overrides, parse, tmp_path
):
  content, words = CONFIG_FILES[name]
  path = tmp_path / "mine.py"
  path.write_text(content)
  code, text = parse(f"--config={path}", *overrides)
  assert code == 1
  assert text.startswith(f"Error: {path}") and words in text
  assert "Traceback" not in text and "Error whilst" not in text


def test_an_argument_that_a_config_does_not_take_is_named(parse, tmp_path):
  path = tmp_path / "mine.py"
  path.write_text("def get_config():\n  return None\n")
  code, text = parse(f"--config={path}:runlocal")
  assert code == 1 and "takes 0 positional arguments but 1 was given" in text
  assert "What follows the colon in --config=FILE:ARGUMENT" in text


def test_bytes_are_no_config_file(parse, tmp_path):
  path = tmp_path / "mine.py"
  path.write_bytes(b"\x89PNG\xff\xfe\r\n")
  code, text = parse(f"--config={path}")
  assert code == 1
  assert text.startswith(f"Error: {path}") and "is no Python" in text


def test_a_traceback_of_a_config_file_is_shown_on_request(parse, tmp_path):
  path = tmp_path / "mine.py"
  path.write_text("1 / 0\n")
  code, text = parse("--traceback", f"--config={path}")
  assert code == 1 and "Traceback" in text
  assert f"Error: {path}, line 1: ZeroDivisionError" in text


@pytest.mark.parametrize(
  "value", ["None", "3", "'a'", "{'a': 1}", "[1]", "len"]
)
def test_what_get_config_returns_must_be_a_config(value, parse, tmp_path):
  path = tmp_path / "mine.py"
  path.write_text(f"def get_config():\n  return {value}\n")
  with pytest.raises(ValueError, match=r"returned a .*expected an ml_collect"):
    launching.read_config(parse(f"--config={path}"))


@pytest.mark.parametrize(
  ("body", "words"),
  [
    ("def get_config():\n  pass\n", r"get_config of .*mine\.py returned None"),
    ("get_config = 3\n", r"mine\.py: get_config is no function"),
    ("def get_config():\n  return 3()\n", r"mine\.py, line 2: TypeError"),
  ],
)
def test_a_get_config_that_makes_nothing_is_named(body, words, tmp_path):
  path = tmp_path / "mine.py"
  path.write_text(body)
  done = subprocess.run(
    [sys.executable, "launch/sweep.py", f"--config={path}"],
    capture_output=True, text=True, cwd=pathlib.Path(__file__).parents[2],
  )  # fmt: skip
  assert done.returncode == 1 and re.search(words, done.stderr), done.stderr
  assert "Traceback" not in done.stderr


def test_a_file_that_a_config_reads_is_named(parse, tmp_path):
  path = tmp_path / "mine.py"
  path.write_text("def get_config():\n  return open('nowhere.json')\n")
  with pytest.raises(OSError, match=r"cannot be read.*nowhere\.json"):
    launching.read_config(parse(f"--config={path}"))


@pytest.mark.parametrize("profiled", [False, True])
def test_a_profile_names_phases_and_takes_no_cached_program(
  profiled, tmp_path, monkeypatch, capsys
):
  captured, caches = [], []
  monkeypatch.setattr(app, "run", lambda main, **kwargs: captured.append(main))
  monkeypatch.setattr(runtime, "_use_compilation_cache", caches.append)

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


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_a_number_that_is_not_finite_is_refused(value, parse):
  flags.DEFINE_float("heat", 1.0, "A number.", flag_values=flags.FLAGS)
  code, text = parse(f"--heat={value}")
  assert code == 1 and "--heat is" in text and "a finite number" in text


@pytest.mark.parametrize("arguments", [[], ["--config="], ["--folder="]])
def test_a_required_flag_that_is_not_given_is_missing(arguments, parse):
  flags.DEFINE_string("folder", None, "A folder.", flag_values=flags.FLAGS)
  flags.register_validator(
    "folder",
    lambda value: value not in (None, ""),
    "is missing",
    flag_values=flags.FLAGS,
  )
  code, text = parse(*arguments)
  assert code == 1
  if arguments != ["--config="]:
    assert text.startswith("Error: --folder is missing.\n")


def test_required_flags_need_a_value(monkeypatch):
  asked = []
  monkeypatch.setattr(
    flags, "register_validator", lambda *arguments: asked.append(arguments)
  )
  launching.require("workdir", "to")
  assert [name for name, _, _ in asked] == ["workdir", "to"]
  for _, passes, message in asked:
    assert message == "is missing"
    assert passes("x") and passes(0)
    assert not passes("") and not passes(None)


@pytest.mark.parametrize(
  "texts", [[], ["a"], ["0"], ["-1"], ["1", ""], ["1.5"]]
)
def test_sizes_are_whole_numbers(texts):
  with pytest.raises(
    ValueError, match=r"--rows is .*whole numbers of at least"
  ):
    launching.parse_whole_numbers("rows", texts)
  assert launching.parse_whole_numbers("rows", ["1", "64"]) == [1, 64]


@pytest.mark.parametrize(
  ("address", "process", "words"),
  [
    ("here", 0, "coordinator_address is 'here'; expected HOST:PORT"),
    ("here:", 0, "coordinator_address is 'here:'; expected HOST:PORT"),
    (":80", 0, "coordinator_address is ':80'; expected HOST:PORT"),
    ("here:port", 0, "expected HOST:PORT, such as"),
    ("here:80", 2, "process_id is 2; expected a number from 0 to 1"),
  ],
)
def test_a_cluster_that_cannot_be_is_named(
  address, process, words, monkeypatch
):
  if not flags.FLAGS.is_parsed():
    flags.FLAGS.mark_as_parsed()
  for name, value in (
    ("distributed", True),
    ("coordinator_address", address),
    ("num_processes", 2),
    ("process_id", process),
  ):
    monkeypatch.setattr(flags.FLAGS[name], "value", value)
  with pytest.raises(ValueError, match=words):
    cluster.join()


def test_numbers_are_read_as_what_they_are():
  texts = ["children=3", "temperature=0.2", "rule=round", "exploration=1e-3"]
  assert launching.parse_hyperparameters(texts) == {
    "children": 3, "temperature": 0.2, "rule": "round", "exploration": 0.001
  }  # fmt: skip
  assert type(launching.parse_hyperparameters(["a=3"])["a"]) is int


@pytest.mark.parametrize("texts", [["a"], ["a="], ["=3"], ["a=1", "a=2"]])
def test_a_number_without_a_name_or_value_is_refused(texts):
  with pytest.raises(ValueError, match=r"--hyperparameter is .*NAME=VALUE"):
    launching.parse_hyperparameters(texts)


def test_a_key_at_its_default_is_told_how_a_flag_can_change_it(parse, tmp_path):
  path = tmp_path / "mine.py"
  text = """import ml_collections

def get_config():
  return ml_collections.ConfigDict({
    "task": {"kind": "synthetic"}, "policies": {"a": "x"},
    "runs": {"one": {"strategy": "greedy"}},
  })
"""
  path.write_text(text)
  code, said = parse(f"--config={path}", "--config.batch_size=3")
  assert code == 1 and "It has a default" in said and "spec.complete" in said
  code, said = parse(f"--config={path}", "--config.colour=3")
  assert code == 1 and "no such key" in said and "default" not in said
  complete = text.replace("return ", "return spec.complete(")
  complete = complete.replace("})\n", "}))\n")
  path.write_text("from inference_scaling import spec\n" + complete)
  holder = parse(f"--config={path}", "--config.batch_size=3")
  assert holder.value.batch_size == 3


def test_a_warning_is_told_without_the_code_that_warns():
  code = (
    "import warnings; from inference_scaling import launching\n"
    "launching.run(lambda argv: warnings.warn('the last line is cut short'))"
  )
  done = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True,
    env=os.environ | {"PYTHONPATH": str(ROOT)},
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  assert done.stderr == "Warning: the last line is cut short\n"
