"""Makes a server be as a file of the data describes it."""
