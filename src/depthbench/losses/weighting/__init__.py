"""How the terms of a loss are weighted."""
