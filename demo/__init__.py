"""The bundled demonstration model and sample library: rendered emoji scenes and a small CLIP trained on them."""
