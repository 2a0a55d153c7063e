"""Parses flags and config files; what is wrong with them is one message.

Whatever goes wrong while flags are read is the user's to mend: a flag, its
value, the config file (which is Python of the user's) or an override of one of
its keys. The message names the flag or the file with the line, the reason, and
what to do.
"""

import atexit
import difflib
import math
import pathlib
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any

import ml_collections
from absl import flags

from inference_scaling import spec, storage

_CONFIG = "config"  # name of the flag of a config file
_MISSING = "is missing"
# A path or an address, whose scheme and port have colons, and its argument.
_FILE = re.compile(r"((?:\w+://[^/]*)?[^:]*)(.*)", re.DOTALL)


class CommandLineError(ValueError):
  """Flags, or a config file that they name, are wrong."""


def parse(argv: list[str]) -> list[str]:
  """Parses flags.

  Args:
    argv: the program and its arguments.

  Returns:
    The program and those arguments that are no flags.

  Raises:
    CommandLineError: if a flag, a config file or an override is wrong.
  """
  given = path = _config_path(argv)
  if given is not None and (file := _file(argv[0], given)):
    argv = sys.argv = _with_config(argv, given, file)
    path = file
  try:
    return _parse(argv, path)
  except CommandLineError as error:
    if path == given or not path or not storage.is_web(str(given)):
      raise
    message = str(error).replace(path, str(given))
    raise CommandLineError(message) from error


def _parse(argv: list[str], path: str | None) -> list[str]:
  """Parses flags whose config is a file; see `parse`."""
  if path is not None:
    _check_file(argv[0], path)
  try:
    rest = flags.FLAGS(argv)
    _check_finite()
    return rest
  except Exception as error:
    message = path and (_error_in_file(path, error) or _no_config(path))
    if not message and isinstance(error, flags.IllegalFlagValueError):
      message = _wrong_value(argv, str(error))
    if not message and not isinstance(error, flags.Error):
      message = _missing_key(argv)
    raise CommandLineError(message or _short(error)) from error


def require(*names: str) -> None:
  """Makes flags required: each must be given, with a value.

  Args:
    *names: of the flags. An empty folder would be the one that a program is
      started in, which nobody means.
  """
  for name in names:
    flags.register_validator(
      name, lambda value: value not in (None, ""), _MISSING
    )


def read_config(flag: flags.FlagHolder) -> ml_collections.ConfigDict:
  """Returns the config of a `--config` flag.

  Args:
    flag: as `config_flags.DEFINE_config_file` returns it.

  Returns:
    The config.

  Raises:
    OSError: if the config file reads another file, and cannot.
    CommandLineError: if it makes no config.
  """
  config = flag.value
  if isinstance(config, ml_collections.ConfigDict):
    return config
  if config is not None and not isinstance(config, (dict, list, str, int)):
    # ml_collections puts an object in its place that raises when it is used.
    try:
      _ = config.is_locked
    except OSError as error:
      cause = error.__cause__ or error
      raise OSError(f"the config file cannot be read: {cause}") from error
    except AttributeError:
      pass
  raise CommandLineError(
    f"get_config of the config file returned a {type(config).__name__}; "
    "expected an ml_collections.ConfigDict, as configs/demo.py returns."
  )


def _check_finite() -> None:
  """Raises an error for a flag that is NaN or infinite: none may be."""
  for name in flags.FLAGS:
    value = flags.FLAGS[name].value
    if isinstance(value, float) and not math.isfinite(value):
      raise flags.Error(f"--{name} is {value}; expected a finite number.")


def _config_path(argv: Sequence[str]) -> str | None:
  """The file of `--config`, if the program has such a flag and it is given."""
  if _CONFIG not in flags.FLAGS:
    return None
  path = None
  for index, arg in enumerate(argv[1:], start=1):
    if arg == "--":
      break
    name, equals, value = arg.partition("=")
    if name in (f"--{_CONFIG}", f"-{_CONFIG}"):
      path = value if equals else "".join(argv[index + 1 : index + 2])
  return None if path is None else _divide(path)[0]


def _divide(value: str) -> tuple[str, str]:
  """The file of --config, and its argument with the colon before it."""
  match = _FILE.fullmatch(value)
  assert match is not None, "it matches any text"
  return match[1], match[2]


def _file(program: str, given: str) -> str | None:
  """The file of a config that is given by its address or its name.

  Args:
    program: as for `_shipped`.
    given: to --config, without its argument.

  Returns:
    Its path; None where a path was given.

  Raises:
    CommandLineError: if there is an address, and no file can be had from it.
  """
  if not storage.is_web(given):
    return _shipped(program, given)
  folder = tempfile.mkdtemp()
  atexit.register(shutil.rmtree, folder, ignore_errors=True)
  try:
    return str(storage.download(given, pathlib.Path(folder)))
  except OSError as error:
    raise CommandLineError(f"--{_CONFIG}: {error}") from error


def _shipped(program: str, path: str) -> str | None:
  """The config of a name, as `demo`, that comes with a program.

  Args:
    program: path of the program, in `launch/` beside `configs/`.
    path: as given to --config, without its argument.

  Returns:
    The path of the file; None for a path, a file that there is, or a name
    that no config has.
  """
  file = _configs(program) / f"{path}.py"
  named = re.fullmatch(r"\w+", path) and not pathlib.Path(path).exists()
  return str(file) if named and file.is_file() else None


def _configs(program: str) -> pathlib.Path:
  """The folder of the configs that come with a program."""
  return pathlib.Path(program).resolve().parents[1] / "configs"


def _with_config(argv: list[str], path: str, shipped: str) -> list[str]:
  """The arguments with another file for that of --config."""
  flags_of_config = (f"--{_CONFIG}", f"-{_CONFIG}")
  made = []
  for before, arg in zip(["", *argv], argv, strict=False):
    flag, equals, value = arg.partition("=")
    if not (equals and flag in flags_of_config):
      flag, equals, value = "", "", arg if before in flags_of_config else ""
    file, argument = _divide(value)
    if file == path:
      arg = f"{flag}{equals}{shipped}{argument}"
    made.append(arg)
  return made


def _check_file(program: str, path: str) -> None:
  """Raises a CommandLineError unless a path is a file of Python."""
  file = pathlib.Path(path)
  remedy = (
    "Give a config file, such as --config=configs/demo.py, its address, "
    "https://.., or the name of one that comes with the program, such as "
    "--config=demo."
  )
  if not path or not file.exists():
    names = [shipped.stem for shipped in _configs(program).glob("*.py")]
    close = difflib.get_close_matches(file.stem, names, 1)
    hint = f" Did you mean --{_CONFIG}={close[0]}?" if close else ""
    raise CommandLineError(f"there is no config file {path!r}. {remedy}{hint}")
  if not file.is_file():
    raise CommandLineError(f"{path} is no file. {remedy}")
  try:
    compile(file.read_bytes(), path, "exec")
  except OSError as error:
    raise CommandLineError(f"cannot read {path}: {error.strerror}.") from error
  except SyntaxError as error:
    line = f", line {error.lineno}" if error.lineno else ""
    raise CommandLineError(
      f"{path}{line} is no Python: {error.msg}. Mend the config file."
    ) from error
  except ValueError as error:  # a file of bytes
    raise CommandLineError(f"{path} is no Python: {error}. {remedy}") from error


def _error_in_file(path: str, error: Exception) -> str | None:
  """What a config file did wrong; None if the error is not its own."""
  origin: BaseException = error
  # The libraries of flags raise errors of their own in place of some.
  while cause := origin.__cause__ or origin.__context__:
    origin = cause
  message, kind = _short(origin), type(origin).__name__
  if isinstance(origin, AttributeError) and origin.name == "get_config":
    return (
      f"{path} has no function get_config; expected one that returns the "
      "config, as in configs/demo.py."
    )
  if isinstance(origin, TypeError) and message.endswith("is not callable"):
    # Raised by the library's call of it, if not in a line of the file.
    if not _lines_of(path, origin):
      return (
        f"{path}: get_config is no function ({message}); expected one that "
        "returns the config, as in configs/demo.py."
      )
  if isinstance(origin, TypeError) and message.startswith("get_config() "):
    return (
      f"{path}: {message}. What follows the colon in --config=FILE:ARGUMENT is "
      "its argument."
    )
  lines = _lines_of(path, origin)
  if not lines:
    return None
  if isinstance(origin, ValueError):  # as a config says what it expects
    return f"{path}: {message}"
  return (
    f"{path}, line {lines[-1]}: {kind}: {message}. Mend the config file; "
    "--traceback shows more."
  )


def _lines_of(path: str, error: BaseException) -> list[int | None]:
  """The lines of a file that an error has come through, outermost first."""
  file = pathlib.Path(path).resolve()
  return [
    frame.lineno
    for frame in traceback.extract_tb(error.__traceback__)
    if pathlib.Path(frame.filename).resolve() == file
  ]


def _no_config(path: str) -> str | None:
  """Says that get_config returned nothing, which else passes for no flag."""
  flag = flags.FLAGS[_CONFIG]
  if not flag.present or flag.value is not None:
    return None
  return (
    f"get_config of {path} returned None; expected an "
    "ml_collections.ConfigDict. Return it at its end, as configs/demo.py does."
  )


def _short(error: BaseException) -> str:
  """The message of an error, or its kind where it has none."""
  text = error.args[0] if isinstance(error, KeyError) and error.args else error
  text = str(text).strip() or type(error).__name__
  return re.sub(rf"flag (--\w+)=\w*: {_MISSING}", rf"\1 {_MISSING}.", text)


def _config_without(argv: list[str], overrides: list[str]) -> Any:
  """The config of the file without overrides; None where it is none."""
  before = sys.argv
  # The library looks for them in sys.argv.
  sys.argv = [arg for arg in argv if arg not in overrides]
  try:
    flags.FLAGS(sys.argv)
    return flags.FLAGS[_CONFIG].value
  except (flags.Error, KeyError, ValueError):
    return None
  finally:
    sys.argv = before


def _wrong_value(argv: list[str], text: str) -> str | None:
  """Says what a key of `--config.KEY=VALUE` may hold.

  The library that sets them says why Python cannot read the value.

  Args:
    argv: all arguments.
    text: of the library's error.

  Returns:
    The message of a sweep's config with this value, or one by the type of the
    value in the file; None for another error.
  """
  match = re.match(rf"flag --({_CONFIG}\.[^=\s]+)=(.*?): ", text, re.DOTALL)
  if match is None:
    return None
  path, value = match.groups()
  prefix = f"{_CONFIG}."
  config = _config_without(
    argv, [arg for arg in argv if arg.lstrip("-").startswith(prefix)]
  )
  if not isinstance(config, ml_collections.ConfigDict):
    return None
  *groups, key = path.split(".")[1:]
  plain = group = config.to_dict()
  for name in groups:
    group = group.get(name) if isinstance(group, dict) else None
  if not isinstance(group, dict) or key not in group:
    return None
  was, group[key] = group[key], value
  try:
    spec.read_sweep(plain)
  except ValueError as error:
    for line in str(error).splitlines():
      if line.strip().startswith(f"{path} is {value!r}; expected "):
        return line.strip()
  expected = {
    dict: "a group of keys; change them one by one, or in the config file",
    float: "a number",
    int: "a whole number",
    tuple: "values with commas between them",
    bool: "true or false",
  }.get(type(was), "another value")
  return f"{path} is {value!r}; expected {expected}, such as {was!r}."


def _missing_key(argv: list[str]) -> str | None:
  """Says which key of `--config.KEY=VALUE` there is not, and which there are.

  The library that sets them names neither the group nor its keys.
  """
  prefix = f"{_CONFIG}."
  overrides = [arg for arg in argv if arg.lstrip("-").startswith(prefix)]
  config = _config_without(argv, overrides)
  if config is None:
    return None
  for override in overrides:
    path, group = _CONFIG, config
    for key in override.lstrip("-").partition("=")[0].split(".")[1:]:
      if not isinstance(group, ml_collections.ConfigDict):
        return f"--{path}.{key}: {path} is {group!r} and has no keys."
      if key not in group:
        if "[" in key:
          break  # one of a list
        close = difflib.get_close_matches(key, group, 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        if _has_default(config, f"{path}.{key}"):
          hint = (
            " It has a default, and the file leaves it out: write the key "
            "there, or end its get_config with `return spec.complete(config)` "
            "(from inference_scaling import spec): flags then change any key."
          )
        if not group:
          return (
            f"--{path}.{key}: {path} is empty, and a flag adds no key; write "
            "it in the config file."
          )
        return (
          f"--{path}.{key}: there is no such key in {path}, which has "
          f"{', '.join(group)}.{hint}"
        )
      path, group = f"{path}.{key}", group[key]
  return None


def _has_default(config: ml_collections.ConfigDict, path: str) -> bool:
  """Whether a key that a sweep's config leaves out has a default."""
  try:
    group = spec.complete(config)
  except ValueError:  # no sweep, or one with other faults
    return False
  for key in path.split(".")[1:]:
    if not isinstance(group, ml_collections.ConfigDict) or key not in group:
      return False
    group = group[key]
  return True
