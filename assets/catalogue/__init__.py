"""Catalogues: files whose rows name a picture and say what it shows (JSON Lines, CSV), read into the library.

``rows`` says what a row may hold, ``reading`` finds rows in a file, ``pictures`` gets their bytes, and ``importing``
makes assets of them, once each. ``manage.py import_catalogue`` is the way in.
"""
