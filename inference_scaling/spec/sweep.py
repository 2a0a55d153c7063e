"""A sweep: what is asked of which models, by which strategies."""

from typing import Annotated, Any

from inference_scaling import names
from inference_scaling.spec import prompt as prompt_lib
from inference_scaling.spec import reward as reward_lib
from inference_scaling.spec import strategy
from inference_scaling.spec import task as task_lib
from inference_scaling.spec import thinking as thinking_lib
from inference_scaling.spec.checking import fields


class Mesh(fields.Group):
  """Devices: their product is the number that is used."""

  data: fields.PositiveInt = fields.key(
    1, "Devices that share out the problems."
  )
  model: fields.PositiveInt = fields.key(
    1, "Devices that share out each model."
  )


class Sampler(fields.Group):
  """How tokens are drawn; greedy runs take temperature 0 and no filter."""

  temperature: fields.NonNegativeFloat = fields.key(
    1.0, "Temperature of the policy's distribution."
  )
  top_k: fields.NonNegativeInt = fields.key(
    0, "Most tokens to draw from; 0 for no limit."
  )
  top_p: fields.Fraction = fields.key(
    1.0, "Least probability that they hold together; 1 for all."
  )


class Format(fields.Group):
  """What ends a step and announces an answer."""

  step_end: Annotated[tuple[str, ...], fields.several(fields.Text, least=0)] = (
    fields.key(("\n\n",), "Texts that end a step; none: one step is all.")
  )
  answer_markers: fields.Texts = fields.key(
    ("The answer is",), "Texts after which a solution ends with its step."
  )
  split_after: fields.NonNegativeInt = fields.key(
    0,
    "Tokens after which a solution is split, at the next end of a step, in a "
    "first step and the rest, for one iteration of search; 0 for steps as they "
    "come.",
  )


class Limits(fields.Group):
  """Most tokens and steps of the policies, as in the paper."""

  prompt_tokens: fields.PositiveInt = fields.key(
    1024, "Most tokens of a prompt; rounded up to a multiple of 32."
  )
  step_tokens: fields.PositiveInt = fields.key(256, "Most tokens of a step.")
  total_tokens: fields.PositiveInt = fields.key(
    1024, "Most tokens of a solution."
  )
  max_steps: fields.PositiveInt = fields.key(25, "Most steps of a solution.")


class Confidence(fields.Group):
  """How sure policies were of their tokens: kept for votes by it."""

  window: fields.NonNegativeInt = fields.key(
    0,
    "Tokens of a group, whose lowest means are kept of each candidate beside "
    "the mean of all; 0 keeps nothing.",
  )
  tail: fields.PositiveInt = fields.key(
    2048, "Tokens at the end of a solution, whose mean is kept, too."
  )
  top_k: fields.PositiveInt = fields.key(
    20,
    "Likeliest tokens, minus whose mean log-probability is a token's "
    "confidence; all of them where the vocabulary is smaller.",
  )

  @property
  def tokens(self) -> int:
    """What policies are told: `top_k`, or 0 where nothing is kept."""
    return self.top_k if self.window else 0


class Speculative(fields.Group):
  """Two policies as one: a draft proposes steps, a target steps in."""

  draft: fields.Text = fields.required(
    "Policy that proposes each step, by its name in config.policies."
  )
  target: fields.Text = fields.required(
    "Policy that writes the step where the reward of the proposal is below the "
    "threshold; of the same tokenizer."
  )
  threshold: fields.Real = fields.key(
    0.7, "Least reward of a proposal that is taken."
  )


_Aggregations = Annotated[
  tuple[str, ...],
  fields.several(Annotated[str, fields.one_of(*names.AGGREGATIONS)]),
]


_POLICIES = fields.Named(
  "a group of names, each with the text of a checkpoint, as "
  "{'small': 'embedded/policy_small'}",
  checked=True,
)
_SPECULATIVE = fields.Named(
  "a group of names, each with a draft and a target, as "
  "{'small+large': {'draft': 'small', 'target': 'large'}}",
  checked=True,
  least=0,
)
_DTYPES = fields.Named(
  f"a group of names from config.policies, each with "
  f"{fields.listed(names.DTYPES)}",
  least=0,
)
_RUNS = fields.Named(
  "a group of names, each with a block of runs, as "
  "{'tree': {'strategy': 'rebase', 'n': (16,)}}"
)


class Sweep(fields.Group):
  """A sweep. What a config leaves out has its default."""

  task: task_lib.AnyTask = fields.required("Where problems come from.")
  policies: Annotated[dict[str, fields.Text], _POLICIES] = fields.required(
    "Checkpoints by name: a folder, a GGUF file, a repository of the hub, "
    "embedded/NAME, random/NAME or python:MODULE:FUNCTION."
  )
  speculative: Annotated[dict[str, Speculative], _SPECULATIVE] = fields.key(
    {},
    "Policies made of two of config.policies, by names of their own: the "
    "reward decides, step by step, which of the two writes.",
  )
  reward: reward_lib.AnyReward = fields.key(
    reward_lib.NoReward(format=names.NO_REWARD),
    "Where the scores of steps come from.",
  )
  prompt: prompt_lib.AnyPrompt = fields.key(
    prompt_lib.Plain(kind="plain"), "How questions are put to the policies."
  )
  thinking: thinking_lib.AnyThinking = fields.key(
    {}, "How policies think before they answer, by name; others do not."
  )
  runs: Annotated[dict[str, strategy.AnyBlock], _RUNS] = fields.required(
    "Blocks of runs, by any names."
  )
  sampler: Sampler = fields.key(Sampler(), "How tokens are drawn.")
  format: Format = fields.key(Format(), "What ends a step, and a solution.")
  limits: Limits = fields.key(Limits(), "Most tokens and steps of a solution.")
  aggregations: _Aggregations = fields.key(
    names.AGGREGATIONS, "How the scores of steps become one, for votes."
  )
  confidence: Confidence = fields.key(
    Confidence(), "How sure policies were of their tokens, in records."
  )
  percent: Annotated[str, fields.one_of(*names.PERCENT)] = fields.key(
    names.PERCENT[0],
    "What 28% agrees with: either 28 or 0.28, or its value alone.",
  )
  dtype: Annotated[str, fields.one_of(*names.DTYPES, names.AUTO)] = fields.key(
    names.DTYPES[0],
    "Dtype of weights, activations and caches, of all models. 'int8' and 'fp8' "
    "are of weights alone; all else is then bfloat16, on a CPU float32. 'auto' "
    "is the fastest on the machine: bfloat16 on accelerators, int8 on a CPU "
    "with AVX-512 VNNI, bfloat16 on one that has units for it, else float32.",
  )
  policy_dtypes: Annotated[
    dict[str, Annotated[str, fields.one_of(*names.DTYPES)]], _DTYPES
  ] = fields.key(
    {},
    "Dtypes of single policies, by name, where they are not config.dtype: to "
    "compare dtypes, name a checkpoint twice in config.policies.",
  )
  mesh: Mesh = fields.key(Mesh(), "Number of devices on each axis.")
  threads: fields.NonNegativeInt = fields.key(
    0,
    "Threads of JAX in each process, which decide the last bits of sums on a "
    "CPU. 0: as many as the process has cores; for workers of one machine, "
    "those of their driver.",
  )
  batch_size: fields.PositiveInt = fields.key(
    256, "Batch size: beams that are decoded at once, of all problems."
  )
  rows_per_problem: fields.NonNegativeInt = fields.key(
    0,
    "Beams of a problem that are decoded at once; the others take turns, and "
    "more problems are searched at once. 0 for all.",
  )
  cache: Annotated[str, fields.one_of(*names.CACHES)] = fields.key(
    names.CACHES[0],
    "How keys and values of beams are kept: each beam its own, or each "
    "distinct token of a problem once.",
  )
  tree_tokens: fields.NonNegativeInt = fields.key(
    0,
    "Space for a problem's distinct tokens in a tree; 0 for all there can be.",
  )
  attention: Annotated[str, fields.one_of(*names.ATTENTIONS)] = fields.key(
    names.ATTENTIONS[0],
    "How beams attend to what they have written: by products that read all "
    "space for it, by a kernel that reads what is there (TPU and GPU), or by "
    "the default of the devices, today products on all.",
  )

  def dtype_of(self, policy: str) -> str:
    """The dtype of a policy.

    Args:
      policy: its name.

    Returns:
      One of `names.DTYPES`; two of them, joined by "+", for a policy that is
      made of two of other dtypes.
    """
    pair = self.speculative.get(policy)
    if pair is not None:
      both = dict.fromkeys(map(self.dtype_of, (pair.draft, pair.target)))
      return "+".join(both)
    return self.policy_dtypes.get(policy, self.dtype)


def to_json(sweep: Sweep) -> dict[str, Any]:
  """Turns a sweep into JSON data, which `reader.read_sweep` reads."""
  return sweep.model_dump(mode="json", exclude_none=True)
