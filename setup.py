"""Packaging of inference_scaling."""

import pathlib

import setuptools

_README = pathlib.Path(__file__).parent / "README.md"

setuptools.setup(
  name="inference_scaling",
  version="0.1.0",
  description=(
    "Inference scaling laws in JAX: which model size and which inference "
    "strategy solve the most problems within a compute budget"
  ),
  long_description=_README.read_text(encoding="utf-8"),
  long_description_content_type="text/markdown",
  license="Apache-2.0",
  python_requires=">=3.11",
  packages=setuptools.find_packages(include=["inference_scaling*"]),
  package_data={
    "inference_scaling.analysis.trees": ["*.css", "*.html", "*.js"],
    "inference_scaling.assets": ["**/*"],
  },
  install_requires=[
    "absl-py>=2.1",
    "flax>=0.12",  # NNX modules
    "gguf>=0.17",  # reads llama.cpp's files, and takes their quantisation back
    "grain>=0.2.10",  # resumable input pipelines for training
    "huggingface-hub>=1.0",  # benchmarks and checkpoints by name
    "jax>=0.10",
    "jinja2>=3.1",  # chat templates of tokenizers
    "math-verify[antlr4-13-2]>=0.8",  # equivalence of mathematical answers
    "matplotlib>=3.8",
    "ml-collections>=1.0",
    "numpy>=2.0",
    "optax>=0.2.5",
    "orbax-checkpoint>=0.11.20",
    "pandas>=2.2",
    "pyarrow>=16.0",  # the hub keeps some benchmarks as parquet files
    "safetensors>=0.5",
    "scipy>=1.14",  # probability distributions; jax needs it anyway
    "tokenizers>=0.21",
    "tqdm>=4.66",  # progress bars of sweeps
    "transformers>=5.0",  # tokenizers and configs; no model of it is run
  ],
  extras_require={
    "test": [
      "hypothesis>=6.100",
      "ipykernel>=6.29",
      "mctx>=0.0.5",  # DeepMind's tree search, to hold ours against
      "nbclient>=0.10",
      "nbformat>=5.10",
      "pytest>=8.0",
      "pytest-xdist>=3.6",  # half the time on two cores
      "ruff>=0.11",
    ],
  },
)
