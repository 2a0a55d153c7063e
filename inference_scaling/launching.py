"""What all launchers share: errors in one message, and a compilation cache."""

import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import jax
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

  app.run(guarded, flags_parser=_parse_flags)


def _parse_flags(argv: list[str]) -> list[str]:
  """Parses flags; a config file or key that is wrong ends in one message."""
  try:
    return app.parse_flags_with_usage(argv)
  except (AttributeError, KeyError, TypeError, *USER_ERRORS) as error:
    if "--traceback" in argv:
      raise
    _end(f"Error: {error}", 1)


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
