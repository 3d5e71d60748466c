"""Text as pixels: fonts and layout."""
