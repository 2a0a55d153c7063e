"""Tokenizers, their control tokens and chat templates."""
