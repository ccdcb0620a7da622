"""Relative."""
