"""The run folder, and the ledger of a sweep."""
