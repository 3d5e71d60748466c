"""Processes of one machine: what they defer until an answer is out, worker slots, private folders."""
