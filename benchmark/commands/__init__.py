"""The verbs of the command line, one file each. Modules here import nothing heavy before they are called."""
