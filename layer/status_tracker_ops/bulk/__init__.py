"""Bulk runs: one execution over very many items."""
