"""Measurements of the search, each side by side with what it is compared to; ratios, because clocks differ."""
