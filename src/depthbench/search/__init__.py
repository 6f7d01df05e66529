"""Search of values by Optuna: trials are jobs of a sweep, each a run folder."""
