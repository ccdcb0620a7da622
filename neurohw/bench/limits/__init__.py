"""Kernels written by hand, one for each delivery engine and chip: the limits of ``bench.engines``."""
