"""The command line: `main` reads it and calls a command. Each command has its own file."""
