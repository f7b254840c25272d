"""Networks: a trunk, and the heads that a codec asks for."""
