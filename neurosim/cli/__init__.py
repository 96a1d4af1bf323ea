"""The command line: `main` reads it and calls a command; each command is a file of its own."""
