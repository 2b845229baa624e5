"""Collecting: from a source and its cursor to posts, without a database or a clock."""
