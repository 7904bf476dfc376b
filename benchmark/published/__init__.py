"""Published numbers: what the literature prints, under names that are mapped once."""
