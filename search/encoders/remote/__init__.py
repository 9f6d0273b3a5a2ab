"""Encoders that ask a service elsewhere, by the protocol that it speaks. They hold no model and import no torch."""
