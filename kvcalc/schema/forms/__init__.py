"""What files may say: forms as types, and the pydantic validators that are made of them."""
