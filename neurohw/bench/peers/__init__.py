"""Scripts that run one workload in another simulator, each in an environment of its own.

They stand alone (PEP 723 metadata, nothing of neurohw imported): ``uv run --script nest_run.py JSON``
reads one workload and prints one line of JSON. ``neurohw.bench.peer`` starts them.
"""
