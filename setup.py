"""Packaging of inference_scaling."""

import pathlib
import re
import shutil

import setuptools
from setuptools.command import build_py

_ROOT = pathlib.Path(__file__).parent
_README = _ROOT / "README.md"
_PACKAGE = (_ROOT / "inference_scaling" / "__init__.py").read_text("utf-8")
_URL = "https://github.com/inference-scaling/inference_scaling"


class BuildWithPrograms(build_py.build_py):
  """Puts the programs and configs beside the package into a wheel."""

  def run(self):
    """Builds the package, and copies what stands beside it."""
    super().run()
    if self.editable_mode:  # which takes them from the checkout
      return
    for name in ("launch", "configs"):
      shutil.copytree(
        _ROOT / name,
        pathlib.Path(self.build_lib, "inference_scaling", "shipped", name),
        ignore=shutil.ignore_patterns("results", "*.md", "__pycache__"),
        dirs_exist_ok=True,
      )


# Named by `inference_scaling.console`, which runs launch/NAME.py.
_PROGRAMS = sorted(path.stem for path in (_ROOT / "launch").glob("*.py"))

setuptools.setup(
  name="inference_scaling",
  version=re.search('__version__ = "(.+)"', _PACKAGE)[1],
  description=(
    "Inference scaling laws in JAX: which model size and which inference "
    "strategy solve the most problems within a compute budget"
  ),
  long_description=_README.read_text(encoding="utf-8"),
  long_description_content_type="text/markdown",
  url=_URL,
  project_urls={
    "Documentation": f"{_URL}#readme",
    "Issues": f"{_URL}/issues",
    "Source": _URL,
  },
  license="Apache-2.0",
  classifiers=[
    "Programming Language :: Python :: 3.11",
    "Programming Language :: Python :: 3.12",
    "Programming Language :: Python :: 3.13",
  ],
  python_requires=">=3.11",
  cmdclass={"build_py": BuildWithPrograms},
  entry_points={
    "console_scripts": [
      f"inference-scaling-{name} = inference_scaling.console:main"
      for name in _PROGRAMS
    ]
  },
  packages=setuptools.find_packages(include=["inference_scaling*"]),
  package_data={
    "inference_scaling.analysis": ["**/*.jinja"],
    "inference_scaling.analysis.report.page": ["*.css", "*.js"],
    "inference_scaling.analysis.trees": ["*.css", "*.js"],
    "inference_scaling.assets": ["**/*"],
    "inference_scaling.plan": ["*.txt"],
  },
  install_requires=[
    "absl-py>=2.1",
    "flax>=0.12",  # NNX modules
    "fsspec>=2024.12",  # object stores; its pipe_file(mode="create") is new
    "gguf>=0.17",  # names, types and block sizes of llama.cpp's files
    "grain>=0.2.10",  # resumable input pipelines for training
    "huggingface-hub>=1.0",  # benchmarks and checkpoints by name
    "jax>=0.7.2",
    "jinja2>=3.1",  # of chats, reports and pages
    "llvmlite>=0.44",  # machine code of int8 products on CPUs
    "markdown-it-py>=3.0",  # sections of reports as HTML; flax has it anyway
    "matplotlib>=3.8",
    "ml-collections>=1.0",
    "mpmath>=1.3",  # equality of answers that are no fractions
    "numpy>=2.0",
    "optax>=0.2.5",
    "orbax-checkpoint>=0.11.20",
    "pandas>=2.2",
    "pydantic>=2.10",  # checks a config and tells all that is wrong with it
    "pyarrow>=16.0",  # the hub keeps some benchmarks as parquet files
    "safetensors>=0.5",
    "scipy>=1.14",  # probability distributions; jax needs it anyway
    "tokenizers>=0.21",
    "tqdm>=4.66",  # progress bars of sweeps
    "transformers>=5.0",  # tokenizers and configs; no model of it is run
    "typing-extensions>=4.12",  # `override`, which Python 3.11 lacks
  ],
  extras_require={
    "docs": [  # the site: nothing of the package is imported for it
      "mkdocs>=1.6,<2",
      "mkdocstrings[python]>=1.0",
      "pygments>=2.17",
      "pymdown-extensions>=10.14",
      "ruff>=0.11",  # lays out signatures
    ],
    # The accelerator's part of JAX, in the version of JAX itself.
    "cuda12": ["jax[cuda12]"],
    "cuda13": ["jax[cuda13]"],
    "gcs": ["gcsfs>=2024.12"],  # sweeps shared through gs://
    "ray": ["ray>=2.40"],  # workers as actors
    "s3": ["s3fs>=2024.12"],  # through s3://
    "slurm": ["submitit>=1.5"],  # workers as jobs
    "test": [
      "hypothesis>=6.100",
      "ipykernel>=6.29",
      "mctx>=0.0.5",  # DeepMind's tree search, to hold ours against
      "moto[server]>=5.0.14",  # an S3 server on this machine
      "nbclient>=0.10",
      "nbformat>=5.10",
      "pytest>=8.0",
      "pytest-xdist>=3.6",  # half the time on two cores
      "ray>=2.40",
      "ruff>=0.11",
      "s3fs>=2024.12",
      "setuptools>=77",  # a venv of Python 3.12 has none
      "submitit>=1.5",
      "tensorboardX>=2.6",
    ],
    "tpu": ["jax[tpu]"],
    "tracking": ["tensorboardX>=2.6"],  # event files of TensorBoard
  },
)
