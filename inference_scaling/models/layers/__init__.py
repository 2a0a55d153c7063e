"""The layers of decoders, and heads that score steps."""
