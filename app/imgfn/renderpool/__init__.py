"""Where renders run: in expendable processes that a hostile picture may kill, or in the caller."""
