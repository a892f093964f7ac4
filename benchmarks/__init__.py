"""Measured figures; run one with ``python -m benchmarks.NAME``. Nothing here is a test."""
