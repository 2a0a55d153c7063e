"""Tokenizers of GGUF files: vocabulary, splits into words, merges."""
