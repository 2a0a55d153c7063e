"""What all launchers share: errors in one message, a cache, flags.

How several processes work together is told in `cluster`.
"""

import contextlib
import logging as stdlib_logging
import os
import pathlib
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import jax
import ml_collections
from absl import app, flags, logging

from inference_scaling import cluster, command_line, profiling, runtime

# What launchers take from there.
require = command_line.require

# What a user's input, files or machine can cause. Everything else is a bug of
# this package and keeps its traceback.
USER_ERRORS = (ValueError, FloatingPointError, OSError)
_format_python_warning = warnings.formatwarning
INTERRUPTED = 130  # what shells report for a program that Ctrl-C ended

_TRACEBACK = flags.DEFINE_bool(
  "traceback", False, "Show where in the code an error came from."
)
_CACHE = flags.DEFINE_string(
  "compilation_cache",
  os.path.join(
    os.environ.get("XDG_CACHE_HOME", os.path.join("~", ".cache")),
    "inference_scaling",
    "xla",
  ),
  "Folder of compiled programs, so that a second start is quick; '' for none.",
)
_PROFILE = flags.DEFINE_string(
  "profile",
  None,
  "Folder of a trace of what JAX computes; the time of each phase is printed.",
)
_SHARED = (_TRACEBACK, _CACHE, _PROFILE, *cluster.FLAGS)


def run(main: Callable[[list[str]], Any], *more: flags.FlagHolder) -> NoReturn:
  """Runs a launcher's main function under absl.

  An error that the user can mend ends the program with one message and exit
  code 1, Ctrl-C with 130.

  Args:
    main: takes the arguments that are no flags.
    *more: flags of modules that --help is to show.
  """

  def guarded(argv: list[str]) -> None:
    try:
      # A program from the cache has lost the names that a profile goes by.
      runtime.set_up(compilation_cache())
      cluster.join()
      with _profiled(_PROFILE.value):
        main(argv)
    except KeyboardInterrupt as error:
      _end(str(error) or "Interrupted.", INTERRUPTED)
    except app.UsageError:
      raise
    except Exception as error:
      if isinstance(error, USER_ERRORS) and not _TRACEBACK.value:
        _end(f"Error: {error}", 1)
      if (fault := runtime.missing_devices()) and not _TRACEBACK.value:
        _end(f"Error: {fault}", 1)
      if not jax.distributed.is_initialized():
        raise
      _end(traceback.format_exc(), 1)

  # Configs share parts: configs/common.py of the program's own checkout.
  sys.path.append(str(pathlib.Path(sys.argv[0]).resolve().parents[1]))
  # --help shows the flags of the program, which these are in every one.
  for holder in (*_SHARED, *more):
    flags.FLAGS.register_key_flag_for_module(
      sys.argv[0], flags.FLAGS[holder.name]
    )
  # Under absl their notes of no consequence would be shown.
  for name in ("fontTools", "jax"):
    stdlib_logging.getLogger(name).setLevel(stdlib_logging.WARNING)
  # Else it tells of each try to reach the hub, in vain or not; errors do.
  stdlib_logging.getLogger("huggingface_hub").setLevel(stdlib_logging.ERROR)
  logging.get_absl_handler().addFilter(_is_no_note_of_orbax)
  warnings.formatwarning = _format_warning
  app.run(guarded, flags_parser=_parse_flags)


def _format_warning(
  message: Warning | str, category: type[Warning], *where: Any
) -> str:
  """Writes what a user is warned of without the code that warns."""
  if category is UserWarning:
    return f"Warning: {message}\n"
  return _format_python_warning(message, category, *where)


def parse_mesh(text: str) -> tuple[int, int]:
  """Reads the value of a `--mesh` flag.

  Args:
    text: such as "1,8": sizes of data and model.

  Returns:
    Both.

  Raises:
    ValueError: for anything else.
  """
  parts = text.split(",")
  if len(parts) != 2 or not all(part.isdigit() and int(part) for part in parts):
    raise ValueError(
      f"--mesh is {text!r}; expected two numbers of at least 1, data,model, "
      "such as 1,8."
    )
  return int(parts[0]), int(parts[1])


def parse_whole_numbers(name: str, texts: Iterable[str]) -> list[int]:
  """Reads the value of a flag of several sizes.

  Args:
    name: of the flag.
    texts: such as "1" and "64".

  Returns:
    The numbers.

  Raises:
    ValueError: without a text, or for one that is no whole number above 0.
  """
  texts = list(texts)
  if not texts or not all(t.isdecimal() and int(t) for t in texts):
    raise ValueError(
      f"--{name} is {','.join(texts)!r}; expected whole numbers of at least 1, "
      f"parted by commas, such as --{name}=1,64."
    )
  return [int(text) for text in texts]


def parse_hyperparameters(texts: Iterable[str]) -> dict[str, int | float | str]:
  """Reads the values of a `--hyperparameter` flag.

  Args:
    texts: such as "temperature=0.2" and "rule=round".

  Returns:
    Numbers as numbers, and other values as texts, by name.

  Raises:
    ValueError: for a text without a name or a value, or a name twice.
  """
  hyperparameters: dict[str, int | float | str] = {}
  for text in texts:
    name, _, value = text.partition("=")
    if not name or not value or name in hyperparameters:
      raise ValueError(
        f"--hyperparameter is {text!r}; expected NAME=VALUE, such as "
        "temperature=0.2, and each name once."
      )
    for kind in (int, float, str):
      try:
        hyperparameters[name] = kind(value)
        break
      except ValueError:
        continue
  return hyperparameters


def compilation_cache() -> str:
  """Folder of compiled programs; "" for none."""
  return "" if _PROFILE.value else _CACHE.value


def is_lead() -> bool:
  """Tells whether this process is the one that writes files and prints."""
  return jax.process_index() == 0


def read_config(flag: flags.FlagHolder) -> ml_collections.ConfigDict:
  """Reads the config of a `--config` flag, and takes the threads it asks for.

  Args:
    flag: as for `command_line.read_config`.

  Returns:
    The config.

  Raises:
    OSError, CommandLineError: as `command_line.read_config`.
  """
  config = command_line.read_config(flag)
  threads = config.get("threads", 0)
  # What is no number of threads is refused where the config is checked.
  runtime.use_threads(threads if isinstance(threads, int) else 0)
  return config


def _parse_flags(argv: list[str]) -> list[str]:
  """Parses flags; one that is wrong ends the program in one message."""
  try:
    return command_line.parse(argv)
  except KeyboardInterrupt:  # while a config is fetched
    _end("Interrupted.", INTERRUPTED)
  except SystemExit:
    # Help that was asked for is no failure, as absl would have it.
    if any(arg.lstrip("-").startswith("help") for arg in argv[1:]):
      sys.exit(0)
    raise
  except command_line.CommandLineError as error:
    if "--traceback" in argv:
      traceback.print_exception(error)
    _end(f"Error: {error}\nSee --help for all flags.", 1)


def _is_no_note_of_orbax(record: stdlib_logging.LogRecord) -> bool:
  """Keeps out fifty lines for a saved checkpoint; its warnings stay."""
  parts = pathlib.PurePath(record.pathname).parts
  return "orbax" not in parts or record.levelno > stdlib_logging.INFO


def _profiled(folder: str | None) -> contextlib.AbstractContextManager[None]:
  """Traces what is computed, if a folder is given, and sums it up."""
  if folder is None:
    return contextlib.nullcontext()
  return profiling.report(folder)


def _end(message: str, code: int) -> NoReturn:
  """Ends this process, and with it the others that wait for it."""
  try:
    print(message, file=sys.stderr, flush=True)
  finally:  # also where nobody listens any more
    if jax.distributed.is_initialized():
      # An orderly exit would first wait for the other processes, which wait in
      # a program for this one.
      os._exit(code)
  sys.exit(code)
