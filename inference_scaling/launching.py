"""What all launchers share: errors in one message, and a compilation cache."""

import logging as stdlib_logging
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import jax
import ml_collections
from absl import app, flags, logging

# What a user's input, files or machine can cause. Everything else is a bug of
# this package and keeps its traceback.
USER_ERRORS = (ValueError, FloatingPointError, OSError)
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


def run(main: Callable[[list[str]], Any]) -> NoReturn:
  """Runs a launcher's main function under absl.

  An error that the user can mend ends the program with one message and exit
  code 1, Ctrl-C with 130.

  Args:
    main: takes the arguments that are no flags.
  """

  def guarded(argv):
    try:
      _use_compilation_cache(_CACHE.value)
      main(argv)
    except KeyboardInterrupt as error:
      _end(str(error) or "Interrupted.", INTERRUPTED)
    except USER_ERRORS as error:
      if _TRACEBACK.value:
        raise
      _end(f"Error: {error}", 1)

  # Under absl their notes of no consequence would be shown.
  for name in ("fontTools", "jax"):
    stdlib_logging.getLogger(name).setLevel(stdlib_logging.WARNING)
  app.run(guarded, flags_parser=_parse_flags)


def read_config(flag: flags.FlagHolder) -> ml_collections.ConfigDict:
  """Returns the config of a `--config` flag.

  Args:
    flag: as `config_flags.DEFINE_config_file` returns it.

  Returns:
    The config.

  Raises:
    OSError: if the config file cannot be read.
  """
  config = flag.value
  # ml_collections puts an object in its place that raises when it is used.
  if not isinstance(config, ml_collections.ConfigDict):
    _ = config.is_locked
  return config


def _parse_flags(argv: list[str]) -> list[str]:
  """Parses flags; a flag, config or key that is wrong ends in one message."""
  try:
    return flags.FLAGS(argv)
  except flags.Error as error:
    message = str(error)
    if "Traceback" in message:  # of an error in get_config
      message = message.strip().splitlines()[-1]
    _end(f"Error: {message}\nSee --help for all flags.", 1)
  except (AttributeError, KeyError) as error:
    # An override of a key that the config does not have.
    text = str(error.args[0]) if error.args else repr(error)
    _end(f"Error: there is no such key in the config: {text}", 1)


def _use_compilation_cache(folder: str) -> None:
  """Keeps compiled programs in a folder, if it can be written."""
  if not folder:
    return
  path = pathlib.Path(folder).expanduser()
  try:
    path.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    logging.warning("No compilation cache in %s: %s.", path, error)
    return
  jax.config.update("jax_compilation_cache_dir", str(path))
  # Many programs here compile in less than the second that is JAX's default.
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _end(message: str, code: int) -> NoReturn:
  print(message, file=sys.stderr, flush=True)
  sys.exit(code)
