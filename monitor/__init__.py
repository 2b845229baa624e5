"""The shell: reads rows, calls the core, writes rows, tells."""

__version__ = "0.1.0"
