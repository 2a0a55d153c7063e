"""Groups of keys and types of values, each with words for what is expected.

pydantic checks them. What it finds wrong is told in the words of this package:
the key, its value, what was expected and what to do (see `messages`). A type
for which there is no name here says what its values are beside it:
`Annotated[str, one_of("a", "b")]`.
"""

import dataclasses
import re
from collections.abc import Callable, Hashable, Iterable
from typing import Annotated, Any, Final, Literal, LiteralString, TypeVar

import pydantic
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

# Kinds of faults; the context of each holds what `messages` needs.
WRONG: Final = "wrong"
MISSING: Final = "missing"
UNKNOWN: Final = "unknown"
NAME: Final = "name"  # of the user's own
LARGEST_INTEGER = 2**31 - 1  # integers travel as int32
# Numbers travel as float32; beyond these a quotient of common ones is infinite.
_SMALLEST, _LARGEST = 1e-30, 1e30
_T = TypeVar("_T", bound=Hashable)


@dataclasses.dataclass(frozen=True)
class Expect:
  """Says in words what a value may be; goes into an `Annotated` type.

  Attributes:
    words: "a whole number of at least 1".
    kind: a narrower type that the value is of; None where the type beside says
      all.
  """

  words: str
  kind: Any = None

  def __get_pydantic_core_schema__(
    self, source: Any, handler: pydantic.GetCoreSchemaHandler
  ) -> core_schema.CoreSchema:
    """Puts the words in place of pydantic's own."""
    if self.kind is None:
      inner = handler(source)
    else:
      inner = handler.generate_schema(self.kind)
    return core_schema.no_info_wrap_validator_function(self._check, inner)

  def _check(self, value: Any, check: Callable[[Any], Any]) -> Any:
    try:
      return check(value)
    except pydantic.ValidationError:
      raise fault(WRONG, self.words) from None


class Group(pydantic.BaseModel):
  """A frozen group of keys; unknown keys are refused."""

  model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

  @pydantic.model_validator(mode="wrap")
  @classmethod
  def _name_keys(cls, values: Any, check: Callable[[Any], Any]) -> Any:
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
      faults += [cls._rename(details) for details in error.errors()]
    if faults:
      raise pydantic.ValidationError.from_exception_data(cls.__name__, faults)
    return made

  @classmethod
  def _rename(cls, details: Any) -> InitErrorDetails:
    """One of pydantic's faults in our words."""
    location = details["loc"]
    if details["type"] == MISSING and "ctx" not in details:
      words = expected(cls.model_fields[location[0]])
      return _at(fault(MISSING, words), location, details["input"])
    if details["type"] in (WRONG, MISSING, UNKNOWN, NAME):
      same = fault(details["type"], details["ctx"]["expected"])
      return _at(same, location, details["input"])
    words = expected(cls.model_fields[location[0]])
    return _at(fault(WRONG, words), location[:1], details["input"])


GROUP = "a group of keys with their values"


def fault(kind: LiteralString, words: str) -> PydanticCustomError:
  """Makes a fault.

  Args:
    kind: WRONG, MISSING, UNKNOWN or NAME.
    words: what was expected.

  Returns:
    The error that validators of pydantic raise.
  """
  return PydanticCustomError(kind, "expected {expected}", {"expected": words})


def fail_at(key: str, kind: LiteralString, words: str, value: Any) -> Exception:
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


def key(default: Any, description: str) -> Any:
  """A key that a config may leave out."""
  return pydantic.Field(default, description=description)


def required(description: str) -> Any:
  """A key that a config must have."""
  return pydantic.Field(description=description)


def one_of(*choices: str) -> Expect:
  """One of several texts; stands beside `str`."""
  return Expect(listed(choices), Literal[choices])


def listed(choices: Iterable[str]) -> str:
  """The words "one of 'a', 'b'"."""
  return "one of " + ", ".join(repr(choice) for choice in choices)


@dataclasses.dataclass(frozen=True)
class Named:
  """A group whose keys are names of the user's own; stands beside a dict.

  Attributes:
    words: "a group of names, each with a checkpoint".
    checked: whether the names go into tables and into other names, so that not
      every text will do.
    least: the fewest names that there must be.
  """

  words: str
  checked: bool = False
  least: int = 1

  def __get_pydantic_core_schema__(
    self, source: Any, handler: pydantic.GetCoreSchemaHandler
  ) -> core_schema.CoreSchema:
    """Checks the names before what they name."""
    return core_schema.no_info_wrap_validator_function(
      self._check, handler(source)
    )

  def _check(self, value: Any, check: Callable[[Any], Any]) -> Any:
    if not isinstance(value, dict) or len(value) < self.least:
      raise fault(WRONG, self.words)
    for name in value if self.checked else ():
      if not re.fullmatch(r"[\w.+-]+", name):
        raise fail_at(
          name, NAME, "letters, digits and . _ - + alone", value[name]
        )
    return check(value)


def several(kind: Any, *, least: int = 1) -> Expect:
  """At least `least` different values of a type; stands beside its tuple."""
  number = "one or more" if least else "none, one or more"
  (words,) = [x.words for x in kind.__metadata__ if isinstance(x, Expect)]
  return Expect(
    f"a list of {number} different values, each {words}",
    Annotated[
      tuple[kind, ...],
      pydantic.Field(min_length=least),
      pydantic.AfterValidator(_check_different),
    ],
  )


def _check_different(values: tuple[_T, ...]) -> tuple[_T, ...]:
  if len(set(values)) < len(values):
    raise ValueError("values repeat")
  return values


Text = Annotated[
  str, pydantic.Field(strict=True, min_length=1), Expect("a text")
]
Texts = Annotated[tuple[str, ...], several(Text)]


def _whole(least: int) -> Expect:
  """A whole number that int32 can hold."""
  return Expect(
    f"a whole number of at least {least} and at most {LARGEST_INTEGER}",
    Annotated[int, pydantic.Field(strict=True, ge=least, le=LARGEST_INTEGER)],
  )


def _real(least: float, most: float, words: str) -> Expect:
  """A number that float32 can hold."""
  kind = pydantic.Field(strict=True, ge=least, le=most, allow_inf_nan=False)
  return Expect(words, Annotated[float, kind])


PositiveInt = Annotated[int, _whole(1)]
Percent = Annotated[
  int,
  Expect(
    "a whole number from 1 to 100",
    Annotated[int, pydantic.Field(strict=True, ge=1, le=100)],
  ),
]
NonNegativeInt = Annotated[int, _whole(0)]
PositiveFloat = Annotated[
  float,
  _real(
    _SMALLEST,
    _LARGEST,
    f"a number above 0, from {_SMALLEST:g} to {_LARGEST:g}",
  ),
]
NonNegativeFloat = Annotated[
  float, _real(0, _LARGEST, f"a number of at least 0 and at most {_LARGEST:g}")
]
# Of which products and quotients are taken, too.
_MODERATE = 1e-15, 1e15
ModerateFloat = Annotated[
  float,
  _real(*_MODERATE, f"a number from {_MODERATE[0]:g} to {_MODERATE[1]:g}"),
]
NonNegativeModerateFloat = Annotated[
  float, _real(0, _MODERATE[1], f"a number from 0 to {_MODERATE[1]:g}")
]
Real = Annotated[
  float,
  _real(-_LARGEST, _LARGEST, f"a number of at most {_LARGEST:g} in size"),
]
Fraction = Annotated[
  float,
  _real(_SMALLEST, 1, f"a number above 0 and at most 1, from {_SMALLEST:g} on"),
]
