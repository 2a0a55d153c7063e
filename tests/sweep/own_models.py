"""The module of sweep/ports/README.md, as a file that sweeps can import."""

import pathlib
import re

import inference_scaling

PACKAGE = pathlib.Path(inference_scaling.__file__).parent
README = PACKAGE / "sweep" / "ports" / "README.md"
POLICY = "python:my_models:make_policy"
REWARD = {"format": "python", "source": "python:my_models:make_reward"}


def blocks():
  """The code of the policy and of the reward."""
  return re.findall(
    r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE
  )


def write(folder):
  """Writes my_models.py."""
  (folder / "my_models.py").write_text("\n\n".join(blocks()))
  return folder
