"""What YAML may say: pydantic models at the door, frozen dataclasses behind it."""
