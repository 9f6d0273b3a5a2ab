"""Milvus as the index of vectors (``DAM_INDEX=milvus``); the database stays the truth (docs/operations.md)."""
