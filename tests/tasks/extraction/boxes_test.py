import pytest

from inference_scaling.tasks.extraction import boxes


@pytest.mark.parametrize(
  ("text", "contents"),
  [
    (r"\boxed{1} \fbox{2} \framebox{3}", ["3", "2", "1"]),
    (r"\boxed {1} \boxed" + "\n{2}", ["2", "1"]),
    (r"\boxed{\boxed{1}}", ["1"]),
    (r"\boxed{1 + \boxed{2}} \boxed{3}", ["3", "2"]),
    (r"\boxed{\boxed{\boxed{}}}", [""]),
    (r"\boxed{1} \boxed{2", ["1"]),
    (r"\boxed{1 + \boxed{2}", ["2"]),
    (r"\boxed{\{1\}}", [r"\{1\}"]),
    (r"\boxed{1\\{2}}", [r"1\\{2}"]),
    (r"\boxed{1\\} {2}", [r"1\\"]),
    (r"\boxed{1\\\}}", [r"1\\\}"]),
    (r"\boxed{1\}", []),
    (r"\\boxed{1}", ["1"]),
    (r"{ \boxed{1}", ["1"]),
    (r"\boxed{1}}", ["1"]),
    (r"\boxed 52 apples", ["52"]),
    (r"\boxed52", ["52"]),
    (r"$\boxed x+1$", ["x+1"]),
    (r"\(\boxed 5\)", ["5"]),
    (r"\boxed\text{A} is", [r"\text{A}"]),
    (r"\boxed \text{not prime}.", [r"\text{not prime}."]),
    (r"\boxed\frac{1}{2}+1 and", [r"\frac{1}{2}+1"]),
    (r"\boxed\boxed{5}", ["5"]),
    (r"\boxed \text{\boxed{5}}", ["5"]),
    (r"\boxed\text{A", [r"\text"]),
    (r"\boxedtext{5} \unboxed{5}", []),
  ],
)
def test_yields_the_innermost_complete_boxes_from_the_last(text, contents):
  assert list(boxes.from_last(text)) == contents


def test_no_two_boxes_share_text():
  # So the time is linear, whatever is done with each.
  text = r"\boxed{1\boxed \text{a} \fbox{2} } \boxed{" * 100 + "}" * 50
  contents = list(boxes.from_last(text))
  assert contents.count("2") == contents.count(r"\text{a}") == 100
  assert sum(map(len, contents)) <= len(text)


@pytest.mark.parametrize(
  ("text", "begins"),
  [
    (r"\boxed{4", True),
    (r"\fbox 4", True),
    (r"\boxedtext{4}", False),
    ("boxed{4}", False),
  ],
)
def test_sees_where_a_box_begins(text, begins):
  assert boxes.has_box(text) == begins
