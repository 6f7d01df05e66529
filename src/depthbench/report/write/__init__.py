"""The page, and the files beside it."""
