"""The small files in the real formats are those of the readers' tests."""

from tests.data.conftest import made

__all__ = ["made"]
