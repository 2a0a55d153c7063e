"""What a driver asks of whatever starts its workers."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol


@dataclasses.dataclass(frozen=True)
class Start:
  """A worker that is to be started.

  Attributes:
    name: of the worker; letters, digits, "-", "_" and ".".
    folder: what it shares with the driver, as `storage.open_store` takes it.
    token: tells the driver's folder from another one of the same path.
  """

  name: str
  folder: str
  token: str


class Executor(Protocol):
  """Starts workers and knows which of them have ended.

  The driver asks about once a second: calls are cheap.

  Attributes:
    name: as --executor takes it.
    detached: whether workers outlive the driver when Ctrl-C ends it.
  """

  name: str
  detached: bool

  def check(self) -> None:
    """Raises a ValueError or an OSError if no worker can be started here."""
    ...

  def start(self, workers: Sequence[Start]) -> dict[str, str]:
    """Starts workers.

    Args:
      workers: those to start.

    Returns:
      By name, what another driver needs to know of the worker to `attach`.

    Raises:
      OSError: if they cannot be started.
    """
    ...

  def attach(self, jobs: Mapping[str, str]) -> None:
    """Takes over workers that an earlier driver has started.

    Args:
      jobs: what `start` returned for them.
    """
    ...

  def ended(self) -> dict[str, str]:
    """Workers known to have ended, with the reason; "" for none but an end."""
    ...

  def waiting(self) -> set[str]:
    """Workers that are in a queue and have not begun."""
    ...

  def stop(self, names: Iterable[str]) -> None:
    """Ends workers; those that have ended are left alone."""
    ...
