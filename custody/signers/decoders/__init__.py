"""Second implementations of each family's format, sharing no parsing code with the builders."""
