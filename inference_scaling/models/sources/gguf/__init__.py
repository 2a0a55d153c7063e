"""GGUF files of llama.cpp: header, config, tokenizer, tensors."""
