"""The process that owns the models (``manage.py encoder``): it encodes for web and workers, and needs no database."""
