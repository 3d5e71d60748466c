"""Other services' URL grammars: each module reads one into our plans, and refuses by name what has no counterpart."""
