"""Replaying vectors that an oracle made: readers of their files, one module for each format."""
