"""Pictures: decoded in a child process with limits (sandbox.py starts it, decoder.py is what runs in it).

Nothing here needs Django, so that the child starts quickly.
"""

# Renditions that every picture gets: preset → longest side in pixels.
PRESETS = {"preview": 1024, "thumbnail": 320}

# What is more than one picture: MIME type → the one format that the bytes are read as. FFmpeg, left to find out by
# itself, also finds playlists, which name other files.
FILMS = {
    "video/mp4": "mov",
    "video/x-m4v": "mov",
    "video/quicktime": "mov",
    "video/3gpp": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
    "video/x-ms-wmv": "asf",
    "video/mpeg": "mpeg",
    "video/x-flv": "flv",
}
DOCUMENTS = {"application/pdf"}


class Undecodable(Exception):
    """The bytes are not a picture that can be decoded here; the message says why."""


class DecoderDied(Undecodable):
    """The decoder crashed, hung or was ended over these bytes; another try might go better."""
