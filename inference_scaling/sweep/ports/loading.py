"""Finds the makers that a config names, and calls them."""

import dataclasses
import importlib
import pathlib
from collections.abc import Callable
from typing import Any

from inference_scaling import names
from inference_scaling.sweep.ports import checks, makers
from inference_scaling.sweep.ports import port as port_lib


def is_port(source: str) -> bool:
  """Tells whether a source names a maker."""
  return source.startswith(names.PYTHON_PREFIX)


def load_policy(source: str) -> port_lib.Port:
  """Calls the maker of a policy.

  Args:
    source: "python:package.module:maker".

  Returns:
    The port.

  Raises:
    ValueError: for a module, maker or port that is not as it should be.
  """
  return _load(source, makers.PolicyPort)


def load_reward(source: str) -> port_lib.Port:
  """Calls the maker of a reward; as `load_policy`."""
  return _load(source, makers.RewardPort)


def _load(source: str, kind: type) -> port_lib.Port:
  """Imports a module, calls its maker and checks what comes back."""
  maker, file = _find(source)
  given = checks.call(source, maker, ())
  if not isinstance(given, kind):
    raise ValueError(
      f"{source} returned a {type(given).__name__}; expected a "
      f"sweep.{kind.__name__}."
    )
  _check_fields(source, given)
  if file is None and given.version is None:
    raise ValueError(
      f"{source}: its module has no file to make a digest of; expected the "
      f"field `version` of the {kind.__name__}."
    )
  port = port_lib.Port(source, given, file)
  if kind is makers.PolicyPort:
    _check_costs(port)
  return port


def _check_costs(port: port_lib.Port) -> None:
  """Refuses a policy that costs nothing: reports divide by what it costs."""
  for name, value, hint in (
    ("parameters", port.parameters, "or its arrays as `weights`"),
    ("flops_per_token", port.cost.per_token, "or None for 2 * parameters"),
  ):
    if not value:
      raise ValueError(
        f"{port.source}: the policy has {name} 0; expected a number above 0, "
        "since reports compare policies by what they cost. Give the field "
        f"`{name}` of the PolicyPort, {hint}."
      )


def _find(source: str) -> tuple[Callable[[], Any], pathlib.Path | None]:
  """The function that a source names, and the file of its module."""
  parts = source.removeprefix(names.PYTHON_PREFIX).split(":")
  if not is_port(source) or len(parts) != 2 or not all(parts):
    raise ValueError(
      f"{source!r} names no maker; expected python:package.module:function."
    )
  name, attribute = parts
  try:
    module = importlib.import_module(name)
  except (Exception, SystemExit) as error:
    raise ValueError(
      f"{source}: the module {name} cannot be imported "
      f"({type(error).__name__}: {error}). Install it, or put its folder on "
      "PYTHONPATH."
    ) from error
  maker = getattr(module, attribute, None)
  if maker is None:
    raise ValueError(
      f"{source}: the module {name} has no {attribute}; expected a function "
      "without arguments."
    )
  if not callable(maker):
    raise ValueError(
      f"{source}: {attribute} is a {type(maker).__name__}; expected a function "
      "without arguments."
    )
  file = getattr(module, "__file__", None)
  return maker, file and pathlib.Path(file)


def _check_fields(source: str, given: Any) -> None:
  """Checks the fields of a port that are no results of its functions."""
  for field in dataclasses.fields(given):
    value, where = getattr(given, field.name), f"{source}: {field.name}"
    if field.name in ("weights", "tokenizer"):
      continue
    if field.name in ("parameters", "flops_per_token"):
      if value is not None:
        checks.check_number(where, value, whole=field.name == "parameters")
    elif field.name == "version":
      if value is not None and not (isinstance(value, str) and value):
        raise ValueError(f"{where} is {value!r}; expected a text, or None.")
    elif not callable(value):
      raise ValueError(
        f"{where} is a {type(value).__name__}; expected a function."
      )
  checks.check_arrays(f"{source}: weights", given.weights)
