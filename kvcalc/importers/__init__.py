"""Other people's files, read into a Model: Hugging Face configurations, GGUF headers, the hub."""
