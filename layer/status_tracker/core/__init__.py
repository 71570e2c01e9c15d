"""The rules of a task's life, and what carries them out. Imports only the standard library."""
