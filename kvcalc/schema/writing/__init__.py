"""A model as YAML that is read as the same model again."""
