"""The day on which a sweep began, which its folder remembers.

Some chat templates print the date. A sweep that is resumed on another day must
ask what it asked before, so that day stands beside its config.
"""

import datetime
import json
import pathlib
from typing import Any

_KEY = "started"


def stamp(content: dict[str, Any], today: datetime.date) -> dict[str, Any]:
  """Adds the day to what config.json of a folder is to hold.

  Args:
    content: of `workdir.content`.
    today: the day, kept only where the folder is new.

  Returns:
    The content with the day.
  """
  return content | {_KEY: today.isoformat()}


def read(path: pathlib.Path) -> datetime.date:
  """Reads the day on which a sweep began.

  Args:
    path: config.json of a folder that has been claimed. One of an older version
      does not name the day; it was written when the sweep began.

  Returns:
    The day.

  Raises:
    ValueError: if the value is no day.
  """
  started = json.loads(path.read_text(encoding="utf-8")).get(_KEY)
  if started is None:
    return datetime.date.fromtimestamp(path.stat().st_mtime)
  try:
    return datetime.date.fromisoformat(started)
  except (TypeError, ValueError) as error:
    raise ValueError(
      f"{path}: {_KEY} is {started!r}; expected a day such as '2026-01-31'. "
      "Put back the day on which the sweep began."
    ) from error
