"""The vocabulary: faults, keys, plans, operations, stores. Standard library only."""
