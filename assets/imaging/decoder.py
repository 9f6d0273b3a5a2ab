"""The decoder process: reads jobs from standard input, decodes one file each, writes the results.

It runs without Django and under the limits that ``sandbox`` sets. A job is one JSON line
``{"path", "mime_type", "presets": {name: longest side}, "side", "max_pixels", "parts", "seconds"}``; the answer is one
JSON line and, after it, as many bytes as its ``blobs`` name: the renditions of the whole (WebP), its picture (raw RGB),
and the renditions of each part.
"""

import json
import math
import sys
from datetime import datetime, timedelta, timezone
from io import BytesIO
from typing import Any, BinaryIO

import pillow_heif
from PIL import ExifTags, Image, ImageCms, ImageOps

from assets.imaging import DOCUMENTS, FILMS, Undecodable
from assets.imaging import DecoderDied as DecoderDied
from assets.imaging.film import open_film
from assets.imaging.pages import open_document
from assets.imaging.parts import YEARS, Opened
from assets.imaging.tiles import boxes, tiles

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF", "BMP"]
# How many times its short side the picture that is handed on may be long: whoever embeds it crops to the middle anyway.
SLIMMEST = 4
# How much of its longest side a rendition has at least. Cameras of 12 and 48 megapixels make pictures 4,000 and 8,000
# pixels wide, about: a quarter and an eighth of them comes out of a JPEG decoder by itself, 2 % below 1,024.
NEARLY = 0.95

EXIF = ExifTags.Base
METADATA = {
    "camera_make": EXIF.Make,
    "camera_model": EXIF.Model,
    "lens": EXIF.LensModel,
    "aperture": EXIF.FNumber,
    "exposure_seconds": EXIF.ExposureTime,
    "iso": EXIF.ISOSpeedRatings,
    "focal_length_mm": EXIF.FocalLength,
    "artist": EXIF.Artist,
    "copyright": EXIF.Copyright,
    "image_description": EXIF.ImageDescription,
    "software": EXIF.Software,
}


def decode(job: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Decode one file; return its facts and the blobs (see above)."""
    presets: dict[str, int] = job["presets"]
    longest = max(presets.values(), default=job["side"])
    spent: dict[str, Any] = {"longest": longest, "seconds": job["seconds"], "parts": job["parts"]}
    if job["mime_type"] in FILMS:
        opened = open_film(job["path"], job["mime_type"], max_pixels=job["max_pixels"], **spent)
    elif job["mime_type"] in DOCUMENTS:
        opened = open_document(job["path"], **spent)
    else:
        opened = _open_picture(job)
    renditions, blobs = _renditions(opened.picture, presets)
    handed_on = _scaled_for_embedding(opened.picture, job["side"])
    blobs.append(handed_on.tobytes())
    parts = []
    for part in opened.parts:
        sizes, files = _renditions(part.picture, presets)
        parts.append({"number": part.number, "place": part.place, "renditions": sizes})
        blobs += files
    facts = {name: getattr(opened, name) for name in ("width", "height", "format", "metadata", "taken_at")}
    return facts | {"renditions": renditions, "picture": list(handed_on.size), "parts": parts}, blobs


def _open_picture(job: dict[str, Any]) -> Opened:
    presets, side = job["presets"], job["side"]
    with Image.open(job["path"], formats=FORMATS) as image:
        width, height = image.size
        if width * height > job["max_pixels"]:
            limit = job["max_pixels"] / 1e6
            raise Undecodable(f"{width:,} × {height:,} pixels is over the limit of {limit:,.0f} megapixels")
        exif = image.getexif()
        facts = _facts(image, exif)
        # JPEG decodes at 1/2, 1/4 or 1/8 for a fraction of the time; never below what the outputs need.
        longest = max(presets.values(), default=1)
        tile = max((max(box[2:]) for box in boxes(width, height)), default=0) if job["parts"] else 0
        scale = max(NEARLY * longest / (tile or max(width, height)), side / min(width, height))
        image.draft("RGB", (math.ceil(width * scale), math.ceil(height * scale)))
        picture = _upright_rgb(image)
    if exif.get(EXIF.Orientation, 1) in (5, 6, 7, 8):
        width, height = height, width
    parts = tiles(picture, width, height, longest) if job["parts"] else ()
    return Opened(width, height, facts["format"], picture, facts["metadata"], facts["taken_at"], parts)


def _renditions(picture: Image.Image, presets: dict[str, int]) -> tuple[dict[str, dict[str, int]], list[bytes]]:
    """Return sizes by preset, and the files in the order of the presets."""
    sizes, files = {}, []
    for preset, longest in presets.items():
        small = picture
        if max(picture.size) > longest:
            small = picture.copy()
            small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        buffer = BytesIO()
        small.save(buffer, "WEBP", quality=85, method=2)
        files.append(buffer.getvalue())
        sizes[preset] = {"width": small.width, "height": small.height}
    return sizes, files


def _upright_rgb(image: Image.Image) -> Image.Image:
    """Return the first frame as sRGB on white, turned as the camera was held."""
    profile = image.info.get("icc_profile")
    upright: Image.Image = ImageOps.exif_transpose(image)
    if profile and upright.mode in ("RGB", "RGBA", "L", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            mode = "RGBA" if upright.mode == "RGBA" else "RGB"
            srgb = ImageCms.createProfile("sRGB")
            upright = ImageCms.profileToProfile(upright, source, srgb, outputMode=mode) or upright
        except ImageCms.PyCMSError:
            pass  # a broken profile is common in old files and no reason to refuse the picture
    if upright.mode.startswith("I;16") or upright.mode == "I":
        upright = upright.point(lambda value: value / 256).convert("L")
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        upright = Image.new("RGBA", layer.size, "white")
        upright.alpha_composite(layer)
    return upright if upright.mode == "RGB" else upright.convert("RGB")


def _in_proportion(width: int, height: int, side: int) -> tuple[int, int]:
    """Return a width and height of which the short one is ``side``, or so little more that they are in proportion.

    Models cut a square out of what they are given: a pixel more or less of the long side would move it by a half.
    """
    short, long = sorted((width, height))
    most = min(short, side + side // 14)
    scaled = min(range(side, most + 1), key=lambda pixels: abs(pixels * long / short - round(pixels * long / short)))
    return round(scaled * width / short), round(scaled * height / short)


def _scaled_for_embedding(picture: Image.Image, side: int) -> Image.Image:
    """Return the picture with its short side at some ``side`` pixels (or smaller); of a slim one, the middle."""
    if min(picture.size) > side:
        size = _in_proportion(*picture.size, side)
        picture = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    longest = SLIMMEST * min(picture.size)
    width, height = min(picture.width, longest), min(picture.height, longest)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def _facts(image: Image.Image, exif: Image.Exif) -> dict[str, Any]:
    """Return format and metadata as JSON can hold them. Metadata is a courtesy: a broken tag is left out."""
    detail = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    found = {name: _plain(detail.get(tag)) for name, tag in METADATA.items()}
    metadata: dict[str, Any] = {name: value for name, value in found.items() if value not in (None, "")}
    if position := _position(exif.get_ifd(ExifTags.IFD.GPSInfo)):
        metadata["gps"] = position
    return {"format": image.format, "metadata": metadata, "taken_at": _taken_at(detail)}


def _plain(value: Any) -> str | int | float | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value.replace("\x00", "").strip()[:1000]
    if isinstance(value, tuple):
        value = value[0] if value else None
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else round(number, 6)


def _taken_at(detail: dict[int, Any]) -> str | None:
    """Return EXIF's DateTimeOriginal as ISO 8601, with its offset where the camera wrote one."""
    text = _plain(detail.get(EXIF.DateTimeOriginal) or detail.get(EXIF.DateTime))
    try:
        taken = datetime.strptime(str(text), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    if taken.year not in YEARS:
        return None
    offset = str(_plain(detail.get(EXIF.OffsetTimeOriginal)) or "")
    try:
        hours, minutes = offset[1:].split(":")
        delta = timedelta(hours=int(hours), minutes=int(minutes))
        taken = taken.replace(tzinfo=timezone(-delta if offset[0] == "-" else delta))
    except (ValueError, IndexError):
        pass
    return taken.isoformat()


def _position(gps: dict[int, Any]) -> dict[str, float] | None:
    """Return latitude and longitude in degrees from EXIF's degrees, minutes and seconds."""
    try:
        degrees = {}
        for name, value, reference, negative, limit in (
            ("latitude", ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "S", 90),
            ("longitude", ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "W", 180),
        ):
            whole, minutes, seconds = (float(part) for part in gps[value])
            angle = whole + minutes / 60 + seconds / 3600
            if not abs(angle) <= limit:
                return None
            degrees[name] = round(-angle if gps.get(reference) == negative else angle, 7)
        return degrees
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def serve(jobs: BinaryIO, results: BinaryIO) -> None:
    """Answer jobs until standard input ends."""
    pillow_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = None  # the job's own limit is checked before anything is decoded
    for line in iter(jobs.readline, b""):
        job = json.loads(line)
        blobs: list[bytes] = []
        try:
            answer, blobs = decode(job)
        except Undecodable as error:
            answer = {"problem": str(error)}
        except MemoryError:
            answer = {"problem": "decoding needs more memory than the limit allows"}
        except Exception as error:  # a decoder may raise anything on hostile bytes: its words are the reason
            answer = {"problem": f"{type(error).__name__}: {error}".replace(job["path"], "the file")}
        answer["blobs"] = [len(blob) for blob in blobs]
        results.write(json.dumps(answer).encode() + b"\n")
        for blob in blobs:
            results.write(blob)
        results.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
