"""One foreign library per file; each is reached by name through an entry point."""
