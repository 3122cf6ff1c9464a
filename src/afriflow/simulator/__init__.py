"""The other side, as a kit: what every provider's simulator is built from."""
