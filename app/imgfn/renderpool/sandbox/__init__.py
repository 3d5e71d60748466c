"""What keeps render processes from the rest of the machine."""
