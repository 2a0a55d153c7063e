"""Groups of keys and kinds of values, each with words for what is expected.

pydantic checks them. What it finds wrong is told in the words of this package:
the key, its value, what was expected and what to do (see `messages`).
"""

import dataclasses
from collections.abc import Hashable
from typing import Annotated, Any, Literal, TypeVar

import pydantic
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

# Kinds of faults; the context of each holds what `messages` needs.
WRONG, MISSING, UNKNOWN = "wrong", "missing", "unknown"
_T = TypeVar("_T", bound=Hashable)


@dataclasses.dataclass(frozen=True)
class Expect:
  """Says in words what a value may be; goes into an `Annotated` type.

  Attributes:
    words: "a whole number of at least 1".
  """

  words: str

  def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
    """Puts the words in place of pydantic's own."""
    return core_schema.no_info_wrap_validator_function(
      self._check, handler(source)
    )

  def _check(self, value: Any, check: Any) -> Any:
    try:
      return check(value)
    except pydantic.ValidationError:
      raise fault(WRONG, self.words) from None


class Group(pydantic.BaseModel):
  """A frozen group of keys; unknown keys are refused."""

  model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

  @pydantic.model_validator(mode="wrap")
  @classmethod
  def _name_keys(cls, values: Any, check: Any) -> Any:
    """Tells of all missing and unknown keys, with what was expected."""
    if isinstance(values, cls):
      return values
    if not isinstance(values, dict):
      raise fault(WRONG, GROUP)
    unknown = [key for key in values if key not in cls.model_fields]
    faults = [
      _at(fault(UNKNOWN, ", ".join(cls.model_fields)), (key,), values[key])
      for key in sorted(unknown, key=str)
    ]
    known = {key: values[key] for key in values if key in cls.model_fields}
    try:
      made = check(known)
    except pydantic.ValidationError as error:
      faults += [cls._rename(found) for found in error.errors()]
    if faults:
      raise pydantic.ValidationError.from_exception_data(cls.__name__, faults)
    return made

  @classmethod
  def _rename(cls, found: Any) -> InitErrorDetails:
    """One of pydantic's faults in our words."""
    location = found["loc"]
    if found["type"] == MISSING and "ctx" not in found:
      words = expected(cls.model_fields[location[0]])
      return _at(fault(MISSING, words), location, found["input"])
    if found["type"] in (WRONG, MISSING, UNKNOWN):
      same = fault(found["type"], found["ctx"]["expected"])
      return _at(same, location, found["input"])
    words = expected(cls.model_fields[location[0]])
    return _at(fault(WRONG, words), location[:1], found["input"])


GROUP = "a group of keys with their values"


def fault(kind: str, words: str) -> PydanticCustomError:
  """Makes a fault.

  Args:
    kind: WRONG, MISSING or UNKNOWN.
    words: what was expected.

  Returns:
    The error that validators of pydantic raise.
  """
  return PydanticCustomError(kind, "expected {expected}", {"expected": words})


def fail_at(key: str, kind: str, words: str, value: Any) -> Exception:
  """Makes a fault of a key inside the value that is being checked."""
  return pydantic.ValidationError.from_exception_data(
    "group", [_at(fault(kind, words), (key,), value)]
  )


def expected(field: pydantic.fields.FieldInfo) -> str:
  """What a key may hold, in words."""
  for item in field.metadata:
    if isinstance(item, Expect):
      return item.words
  return GROUP


def _at(
  error: PydanticCustomError, location: tuple[Any, ...], value: Any
) -> InitErrorDetails:
  return InitErrorDetails(type=error, loc=location, input=value)


def integer(minimum: int, maximum: int | None = None) -> Any:
  """A whole number of at least `minimum`, and at most `maximum` if given."""
  upper = "" if maximum is None else f" and at most {maximum}"
  return Annotated[
    int,
    pydantic.Field(strict=True, ge=minimum, le=maximum),
    Expect(f"a whole number of at least {minimum}{upper}"),
  ]


def number(
  low: float, high: float | None = None, *, above: bool = False
) -> Any:
  """A finite number from `low` (or above it) to `high`."""
  bounds = f"above {low:g}" if above else f"of at least {low:g}"
  upper = "" if high is None else f" and at most {high:g}"
  least = {"gt": low} if above else {"ge": low}
  return Annotated[
    float,
    pydantic.Field(strict=True, le=high, allow_inf_nan=False, **least),
    Expect(f"a number {bounds}{upper}"),
  ]


def one_of(*choices: str) -> Any:
  """One of some texts."""
  return Annotated[
    Literal[choices],  # pyright: ignore[reportInvalidTypeForm]
    Expect(listed(choices)),
  ]


def listed(choices: Any) -> str:
  """The words "one of 'a', 'b'"."""
  return "one of " + ", ".join(repr(choice) for choice in choices)


def several(kind: Any, *, least: int = 1) -> Any:
  """A tuple of at least `least` different values of a kind."""
  some = "one or more" if least else "none, one or more"
  (words,) = [x.words for x in kind.__metadata__ if isinstance(x, Expect)]
  return Annotated[
    tuple[kind, ...],  # pyright: ignore[reportInvalidTypeForm]
    pydantic.Field(min_length=least),
    pydantic.AfterValidator(_check_different),
    Expect(f"a list of {some} different values, each {words}"),
  ]


def _check_different(values: tuple[_T, ...]) -> tuple[_T, ...]:
  if len(set(values)) < len(values):
    raise ValueError("values repeat")
  return values


Text = Annotated[str, pydantic.Field(strict=True, min_length=1),
                 Expect("a text")]  # fmt: skip
