"""From a logical network to a chip: cores, tables, memories."""
