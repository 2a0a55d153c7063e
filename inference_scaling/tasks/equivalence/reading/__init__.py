"""From LaTeX to expressions: tokens, and a parser of all or nothing."""
