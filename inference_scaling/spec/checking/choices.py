"""Groups whose keys depend on the value of one of them."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import pydantic
from pydantic_core import core_schema

from inference_scaling.spec.checking import fields

# What the cell of a table and a line can hold.
_WORD = re.compile(r"[^\s|]+")
Table = Mapping[str, type[fields.Group]]


@dataclasses.dataclass(frozen=True)
class Choice:
  """A group of which one key says which keys it has; goes into `Annotated`.

  Attributes:
    key: the key that chooses, a text.
    table: the groups by its values; each has this key, too.
    variants: whether the value may be followed by a slash and a word.
  """

  key: str
  table: Table
  variants: bool = False

  @property
  def words(self) -> str:
    """What the key may be."""
    words = fields.listed(sorted(self.table))
    more = ", or one of them, a slash and a word" if self.variants else ""
    return words + more

  def find(self, name: Any) -> type[fields.Group] | None:
    """Finds the group of a value; None for one that is not allowed."""
    if not isinstance(name, str):
      return None
    if not self.variants:
      return self.table.get(name)
    word, slash, rest = name.partition("/")
    if slash and not _WORD.fullmatch(rest):
      return None
    return self.table.get(word)

  def check(self, values: Any) -> fields.Group:
    """Makes the group that the key chooses."""
    if isinstance(values, tuple(self.table.values())):
      return values
    if not isinstance(values, dict) or not values:
      raise fields.fault(fields.WRONG, fields.GROUP)
    if self.key not in values:
      raise fields.fail_at(self.key, fields.MISSING, self.words, values)
    kind = self.find(values[self.key])
    if kind is None:
      value = values[self.key]
      raise fields.fail_at(self.key, fields.WRONG, self.words, value)
    return kind.model_validate(values)

  def __get_pydantic_core_schema__(
    self, source: Any, handler: pydantic.GetCoreSchemaHandler
  ) -> core_schema.CoreSchema:
    """Lets the table do what pydantic's unions do, in our words."""
    return core_schema.no_info_plain_validator_function(
      self.check,
      serialization=core_schema.plain_serializer_function_ser_schema(
        lambda group: group.model_dump(mode="json", exclude_none=True)
      ),
    )
