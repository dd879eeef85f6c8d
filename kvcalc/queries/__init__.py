"""One file per question: pure functions from models to frozen results."""
