"""Why queries failed: causes shown by intervention, and what each remedy would return."""
