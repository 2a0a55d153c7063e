"""Fetches one small file from a web server."""

import http.client
import pathlib
import urllib.error
import urllib.parse
import urllib.request

_MOST_BYTES = 2**20
_SECONDS = 30  # without a word from the server


def is_web(url: str) -> bool:
  """Whether it is the address of a file on a web server."""
  return url.lower().startswith(("https://", "http://"))


def download(url: str, folder: pathlib.Path) -> pathlib.Path:
  """Fetches a file of up to 1 MiB of text.

  Args:
    url: its address, https:// or http://.
    folder: where it is put.

  Returns:
    The path of the file, which has the name that the address ends in.

  Raises:
    OSError: if it cannot be fetched, is a page to look at, or is too long.
  """
  try:
    name = pathlib.PurePosixPath(urllib.parse.urlsplit(url).path).name
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
      kind = answer.headers.get_content_type()
      content = answer.read(_MOST_BYTES + 1)
      left = getattr(answer, "length", None)  # of what the server promised
    if left and len(content) <= _MOST_BYTES:  # it is not told by `read`
      raise http.client.IncompleteRead(content, left)
  except urllib.error.HTTPError as error:
    error.close()  # it is the answer, too
    reason = _one_line(error.reason)
    raise OSError(
      f"{url}: the server says {error.code} {reason}. Check the address."
    ) from error
  except (OSError, ValueError, http.client.HTTPException) as error:
    reason = _one_line(getattr(error, "reason", error))
    raise OSError(
      f"{url} cannot be fetched: {reason}. Check the address and the network."
    ) from error
  if kind == "text/html":
    raise OSError(
      f"{url} is a page that shows a file, not the file. Give the address of "
      "the file itself, on GitHub https://raw.githubusercontent.com/.."
    )
  if not name or len(content) > _MOST_BYTES:
    raise OSError(
      f"{url} is {'no file' if not name else 'longer than 1 MiB'}; expected a "
      "short file of text. Check the address."
    )
  path = folder / name
  path.write_bytes(content)
  return path


def _one_line(reason: object) -> str:
  """A reason without the line breaks that servers and libraries put in."""
  return " ".join(str(reason).split())
