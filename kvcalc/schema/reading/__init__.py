"""From a file's data to a model or claims, or to every problem it has."""
