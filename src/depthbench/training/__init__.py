"""Training one configuration: trainer, callbacks, loggers, startup summary."""
