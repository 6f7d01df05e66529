"""One process (group) per job of a sweep."""
