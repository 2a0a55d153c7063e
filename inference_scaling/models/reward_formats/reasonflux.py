"""ReasonFlux-PRM-7B: the head and tags of Qwen2.5-Math-PRM, no system text."""

from inference_scaling.models.reward_formats import qwen_prm


class ReasonFluxFormat(qwen_prm.QwenFormat):
  """The question, and one assistant turn of steps that end in `<extra_0>`.

  What the chat template writes by itself where it is given no system text
  stays. The score of a step is that of the second of two classes at its tag. A
  language model in place of the two classes gives V numbers for each tag: such
  a checkpoint, of another architecture, is refused.

  References:
    Zou et al., ReasonFlux-PRM, 2025 (arXiv:2506.18896), and its code,
    Gen-Verse/ReasonFlux, ReasonFlux_PRM/README.md and utils/rm_utils.py,
    `make_step_rewards`.
  """

  name = "reasonflux"
  system = None
