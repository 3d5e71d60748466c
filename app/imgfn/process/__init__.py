"""Processes and threads of one machine: the scheduler of a worker's threads, worker slots, private folders."""
