"""Pictures: decoded in a child process with limits (sandbox.py starts it, decoder.py is what runs in it).

Nothing here needs Django, so that the child starts quickly.
"""

# Renditions that every picture gets: preset → longest side in pixels.
PRESETS = {"preview": 1024, "thumbnail": 320}
