"""Films: the frames that differ from those before them, at most one a second, in bounded time.

First the keyframes alone are decoded, over the whole film: encoders put one where a scene begins. Then, while there is
time, what lies between keyframes that are far apart. What was found until the time is over counts.
"""

import math
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from PIL import Image, ImageChops, ImageStat

from assets.imaging import FILMS, Undecodable
from assets.imaging.parts import Clock, Opened, Part, moment, plain

# How many frames of one film are kept beside its poster, and how many seconds they are apart at least.
MOST, APART = 60, 1.0
# No film is longer, in seconds: what says so is broken.
LATEST = 2_000_000.0
# How many frames are looked at for each that may be kept.
LOOKED_AT = 4
# Frames are compared at this size. Scenes differ by this much of 255 on average; less than so much spread is a blank.
SKETCH, DIFFERENT, BLANK = (32, 18), 12.0, 4.0
# What other tools wrote where nothing was known: the first moments of QuickTime's and of Unix's clock.
EPOCHS = ("1904-01-01T00:00:00", "1970-01-01T00:00:00")

TAGS = {
    "title": ("title",),
    "artist": ("artist", "author", "com.apple.quicktime.author"),
    "copyright": ("copyright",),
    "camera_make": ("com.apple.quicktime.make", "make"),
    "camera_model": ("com.apple.quicktime.model", "model"),
    "software": ("com.apple.quicktime.software",),
}


@dataclass
class Scene:
    """A frame that is kept: seconds from the start, the picture, and the picture's sketch."""

    at: float
    picture: Image.Image
    sketch: Image.Image


class Scenes:
    """The frames that differ most from those around them, in the order of time."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept: list[Scene] = []
        self.blank: Scene | None = None  # for a film that has nothing else

    def offer(self, at: float, picture: Image.Image) -> None:
        scene = Scene(at, picture, picture.resize(SKETCH, Image.Resampling.BOX, reducing_gap=2.0))
        if max(ImageStat.Stat(scene.sketch).stddev) < BLANK:
            self.blank = self.blank or scene
            return
        place = bisect([kept.at for kept in self.kept], at)
        around = self.kept[max(0, place - 1) : place + 1]
        if any(abs(other.at - at) < APART or _difference(other, scene) < DIFFERENT for other in around):
            return
        self.kept.insert(place, scene)
        if len(self.kept) > self.most:
            del self.kept[self._least()]

    def _least(self) -> int:
        """The place of the frame that adds least: like the one before it, or soon after. Never the first."""
        worth = [_difference(before, after) * (after.at - before.at) for before, after in pairwise(self.kept)]
        return 1 + worth.index(min(worth))


def _short(number: float) -> float | int:
    return int(number) if number.is_integer() else round(number, 3)


def _next(due: float, at: float, step: float) -> float:
    """The first of ``due``, ``due + step`` … that is later than ``at``."""
    return due if at < due else due + step * (1 + (at - due) // step)


def _difference(one: Scene, other: Scene) -> float:
    """The mean difference of two frames' colours, from 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one.sketch, other.sketch)).mean) / 3


def open_film(path: str, mime_type: str, *, longest: int, max_pixels: int, seconds: float, parts: bool) -> Opened:
    """Read a film within ``seconds``; its pictures' longest side is at most ``longest`` pixels."""
    import av

    clock = Clock(seconds)
    options = {"protocol_whitelist": "file"}
    try:
        container = av.open(path, format=FILMS[mime_type], options=options, metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise Undecodable(f"the video cannot be opened: {error.strerror}") from error
    with container:
        if not container.streams.video:
            raise Undecodable("there are no pictures in it, only sound")
        film = _Film(container, container.streams.video[0], longest, max_pixels)
        scenes = Scenes(MOST + 1)
        film.look_through(scenes, clock, first_alone=not parts)
        kept = scenes.kept or ([scenes.blank] if scenes.blank else [])
        if not kept:
            raise Undecodable(f"no picture of the video can be decoded{film.problem}")
        poster, *others = kept
        found = Opened(
            *film.size,
            film.stream.codec_context.name,
            poster.picture,
            film.metadata() | {"poster_milliseconds": round(1000 * poster.at)},
            film.taken_at(),
        )
    places = [{"kind": "frame", "milliseconds": round(1000 * scene.at)} for scene in others]
    found.parts = [
        Part(number, place, scene.picture)
        for number, (place, scene) in enumerate(zip(places, others, strict=True), start=1)
    ]
    return found


class _Film:
    def __init__(self, container: Any, stream: Any, longest: int, max_pixels: int) -> None:
        self.container, self.stream, self.longest, self.max_pixels = container, stream, longest, max_pixels
        self.size = (0, 0)  # upright, in square pixels; known with the first frame
        self.problem = ""
        self.start = float((stream.start_time or 0) * stream.time_base)
        self.duration = self._duration()
        stream.codec_context.thread_count = 1  # so that seconds of CPU are seconds
        self._refuse_if_large(stream.codec_context.width, stream.codec_context.height)

    def _duration(self) -> float:
        seconds = 0.0
        if self.stream.duration:
            seconds = float(self.stream.duration * self.stream.time_base)
        elif self.container.duration:
            seconds = self.container.duration / 1e6
        return min(LATEST, seconds) if math.isfinite(seconds) and seconds > 0 else 0.0

    def _refuse_if_large(self, width: int, height: int) -> None:
        if width * height > self.max_pixels:
            limit = self.max_pixels / 1e6
            raise Undecodable(f"{width:,} × {height:,} pixels is over the limit of {limit:,.0f} megapixels")

    def look_through(self, scenes: Scenes, clock: Clock, *, first_alone: bool) -> None:
        step = max(APART, self.duration / (LOOKED_AT * MOST))
        seen = [0.0]
        for frame in clock.while_left(self._frames("NONKEY", step)):
            if frame is not None:
                seen.append(self._look_at(frame, scenes))
            if first_alone and scenes.kept:
                return
        seen.append(max(self.duration, seen[-1]))
        gaps = [(before, after) for before, after in pairwise(seen) if after - before >= 2 * step]
        for before, after in sorted(gaps, key=lambda gap: gap[0] - gap[1]):
            for frame in clock.while_left(self._frames("NONREF", step, before, after)):
                if frame is not None:
                    self._look_at(frame, scenes)

    def _frames(self, skip: str, step: float, start: float = 0.0, end: float = math.inf) -> Iterator[Any]:
        """Frames at least ``step`` seconds apart, and None where a packet gave none, so that the clock is looked at."""
        import av

        self.stream.codec_context.skip_frame = skip
        due = start
        try:
            self.container.seek(int((start + self.start) / self.stream.time_base), stream=self.stream)
        except av.error.FFmpegError as error:  # some formats cannot be gone back in
            self.problem = f": {error.strerror}"
            return
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
                at = None if packet.pts is None else float(packet.pts * packet.time_base) - self.start
                if skip == "NONKEY" and packet.size:
                    if not packet.is_keyframe or (at is not None and at < due):
                        yield None
                        continue
                    due = due if at is None else _next(due, at, step)
                frames = packet.decode()
            except StopIteration:
                return
            except av.error.EOFError:
                return
            except av.error.FFmpegError as error:
                self.problem = f": {error.strerror}"
                yield None
                continue
            for frame in frames:
                at = self._at(frame)
                if at >= end:
                    return
                if skip == "NONKEY" or at >= due:
                    due = _next(due, at, step)
                    yield frame
            yield None

    def _at(self, frame: Any) -> float:
        return 0.0 if frame.time is None else min(LATEST, max(0.0, frame.time - self.start))

    def _look_at(self, frame: Any, scenes: Scenes) -> float:
        at = self._at(frame)
        self._refuse_if_large(frame.width, frame.height)
        ratio = float(self.stream.sample_aspect_ratio or 1)
        ratio = ratio if 0.1 <= ratio <= 10 else 1.0
        width, height = max(1, round(frame.width * ratio)), frame.height
        scale = min(1.0, self.longest / max(width, height))
        small = frame.reformat(max(1, round(width * scale)), max(1, round(height * scale)), format="rgb24")
        picture = small.to_image()
        if turned := frame.rotation % 360:
            picture = picture.rotate(turned, expand=True)
        if not any(self.size):
            self.size = (height, width) if turned in (90, 270) else (width, height)
        scenes.offer(at, picture)
        return at

    def metadata(self) -> dict[str, Any]:
        sound = self.container.streams.audio
        rate = self.stream.average_rate
        found: dict[str, Any] = {
            "duration_seconds": _short(self.duration) or None,
            "video_codec": self.stream.codec_context.name,
            "audio_codec": sound[0].codec_context.name if sound and sound[0].codec_context else None,
            "frames_per_second": _short(float(rate)) if rate else None,
        }
        for name, keys in TAGS.items():
            found[name] = next((text for key in keys if (text := self._tag(key))), None)
        return {name: value for name, value in found.items() if value not in (None, "")}

    def taken_at(self) -> str | None:
        # QuickTime's own has the camera's time zone; the other is in UTC.
        for key in ("com.apple.quicktime.creationdate", "creation_time"):
            text = self._tag(key)
            if text and not text.startswith(EPOCHS) and (taken := moment(text)):
                return taken
        return None

    def _tag(self, key: str) -> str:
        return plain(self.container.metadata.get(key) or self.stream.metadata.get(key) or "")
