"""YAML as people write it: what it may say, how it is read, how it is written."""
