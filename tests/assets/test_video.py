"""A video becomes a poster and the frames that differ from it, in bounded time; a broken one says what is wrong."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from assets import ingest
from assets.imaging import PRESETS
from assets.imaging.decoder import Undecodable
from assets.imaging.film import MOST, Scenes
from assets.imaging.sandbox import Decoded, Limits, Sandbox
from assets.ledger import State
from assets.models import Asset, Kind, Rendition, Segment
from assets.preparation import prepare_batch
from assets.signals import segments_dropped
from tests.support.films import film, scenes

pytest.importorskip("av")
COLOURS = ["#c02020", "#20a040", "#2040c0", "#c0a020", "#804080", "#20a0a0"]


def plain(*colours: str) -> list[Image.Image]:
    """Pictures that differ, and are no blanks: two halves each."""
    made = []
    for colour in colours:
        picture = Image.new("RGB", (320, 240), colour)
        picture.paste("white", (0, 0, 160, 120))
        made.append(picture)
    return made


@pytest.fixture
def decode(sandbox: Sandbox, tmp_path: Path):
    def decode(data: bytes, mime_type: str = "video/mp4", **options: Any) -> Decoded:
        (tmp_path / "film").write_bytes(data)
        settings = {"presets": PRESETS, "side": 448, "max_pixels": 200_000_000, "parts": True} | options
        return sandbox.decode(tmp_path / "film", mime_type=mime_type, **settings)

    return decode


def prepare(make_asset, data: bytes, **options: Any) -> Asset:
    asset = make_asset("film.mp4", data=data, **options)
    prepare_batch()
    asset.refresh_from_db()
    return asset


def stored(files: Path) -> set[str]:
    return {path.name for path in (files / "renditions").rglob("*") if path.is_file()}


@pytest.mark.django_db
def test_a_video_has_a_poster_and_a_segment_for_every_other_scene(make_asset, files):
    asset = prepare(make_asset, film(scenes("truck", "sailboat", "soccer")))
    assert (asset.state, asset.problem, asset.kind, asset.mime_type) == (State.READY, "", Kind.VIDEO, "video/mp4")
    assert (asset.width, asset.height) == (320, 240)
    segments = list(asset.segments.order_by("number"))
    assert [(s.number, s.kind, s.milliseconds, s.label) for s in segments] == [
        (1, "frame", 2000, "0:02"),
        (2, "frame", 4000, "0:04"),
    ]
    rows = set(Rendition.objects.values_list("preset", "segment"))
    assert rows == {(preset, number) for preset in PRESETS for number in (0, 1, 2)}
    assert len(stored(files)) == 6
    image = Image.open(BytesIO(asset.rendition("preview", 2).file.open().read()))
    assert (image.format, image.size) == ("WEBP", (320, 240))


@pytest.mark.django_db
def test_what_the_camera_wrote_is_read_and_the_users_title_stays(make_asset):
    written = {"creation_time": "2024-05-06T07:08:09.000000Z", "title": "Clip 0001"}
    asset = prepare(make_asset, film(scenes("truck"), metadata=written), title="Our truck")
    assert asset.taken_at == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert asset.title == "Our truck"
    facts = {"duration_seconds": 2.0, "frames_per_second": 10.0, "video_codec": "h264", "title": "Clip 0001"}
    assert facts.items() <= asset.metadata.items()


@pytest.mark.parametrize("written", ["1904-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "soon"])
def test_a_time_that_was_never_set_is_left_out(decode, written):
    assert decode(film(scenes("truck"), metadata={"creation_time": written})).taken_at is None


@pytest.mark.parametrize(
    ("container", "codec", "mime_type"),
    [
        ("mp4", "libx264", "video/mp4"),
        ("mov", "mpeg4", "video/quicktime"),
        ("webm", "libvpx-vp9", "video/webm"),
        ("matroska", "mpeg4", "video/x-matroska"),
        ("avi", "mpeg4", "video/x-msvideo"),
        ("flv", "flv", "video/x-flv"),
        ("mpeg", "mpeg1video", "video/mpeg"),
        ("asf", "wmv2", "video/x-ms-wmv"),
    ],
)
@pytest.mark.django_db
def test_every_container_that_is_accepted_can_be_decoded(make_asset, container, codec, mime_type):
    made = film(scenes("truck", "sailboat"), container=container, codec=codec, rate=25)
    asset = prepare(make_asset, made)
    assert (asset.state, asset.problem, asset.mime_type) == (State.READY, "", mime_type)
    assert asset.segments.count() == 1
    assert 2000 <= asset.segments.get().milliseconds < 3000  # keyframes stand where the encoder put them


def test_scenes_are_found_between_keyframes_too(decode):
    options = {"g": "1000", "sc_threshold": "0"}  # the first frame is the only keyframe
    found = decode(film(plain(*COLOURS), options=options))
    assert [part.place["milliseconds"] for part in found.parts] == [2000, 4000, 6000, 8000, 10_000]


def test_a_still_film_has_its_poster_alone(decode):
    assert decode(film(scenes("truck"), seconds=10)).parts == ()


def test_frames_are_a_second_apart_and_no_more_than_the_cap(decode):
    found = decode(film(plain(*COLOURS) * 40, seconds=0.6, size=(64, 48)))
    times = [part.place["milliseconds"] for part in found.parts]
    assert len(times) == MOST
    assert min(after - before for before, after in zip([0, *times], times, strict=False)) >= 1000
    assert [part.number for part in found.parts] == list(range(1, MOST + 1))
    assert times[-1] > 100_000  # spread over the film


def test_a_black_beginning_is_no_poster(decode):
    found = decode(film([Image.new("RGB", (320, 240)), *plain("red", "blue")]))
    assert found.metadata["poster_milliseconds"] == 2000
    assert [part.place["milliseconds"] for part in found.parts] == [4000]


def test_a_black_film_is_shown_as_it_is(decode):
    found = decode(film([Image.new("RGB", (320, 240))]))
    assert (found.picture.size, found.parts) == ((320, 240), ())


def test_a_film_of_a_camera_that_was_held_on_its_side_is_turned_upright(decode):
    picture = Image.new("RGB", (320, 240), "blue")
    picture.paste("red", (0, 0, 320, 120))
    found = decode(film([picture], turned=90))  # counter-clockwise
    assert (found.width, found.height, found.picture.size) == (240, 320, (240, 320))
    left, right = (found.picture.getpixel((x, 160)) for x in (40, 200))
    assert left[0] > 150 > right[0]
    assert right[2] > 150 > left[2]


def test_frames_that_add_least_go_first():
    kept = Scenes(3)
    for at, picture in zip([0, 10, 11.5, 30], plain(*COLOURS[:4]), strict=True):
        kept.offer(at, picture)
    assert [scene.at for scene in kept.kept] == [0, 10, 30]


@pytest.mark.django_db
def test_a_video_is_refused_clearly_where_nothing_can_read_it(make_asset, monkeypatch, files):
    monkeypatch.setattr(ingest, "videos_can_be_read", lambda: False)
    with pytest.raises(ingest.UnsupportedType, match=r"film.mp4 is a video.*django-dam\[video\]"):
        make_asset("film.mp4", data=film(scenes("truck")))
    assert not files.exists() or not any(path.is_file() for path in files.rglob("*"))
    make_asset()


@pytest.mark.django_db
def test_preparing_again_leaves_nothing_twice_and_drops_what_is_gone(make_asset, files, monkeypatch):
    asset = prepare(make_asset, film(scenes("truck", "sailboat", "soccer", "locomotive")))
    first = list(asset.segments.order_by("number").values_list("pk", "number"))
    Asset.objects.all().retry()
    prepare_batch()
    assert list(asset.segments.order_by("number").values_list("pk", "number")) == first  # untouched
    assert len(stored(files)) == Rendition.objects.count() == 8

    told: list[Any] = []

    def listen(asset_id: int, numbers: list[int], **kwargs: Any) -> None:
        told.append((asset_id, sorted(numbers)))

    monkeypatch.setattr("assets.preparation.segments_dropped", signal := type(segments_dropped)())
    signal.connect(listen)
    decode = Sandbox.decode

    def other_scenes(*args: Any, **options: Any) -> Decoded:
        """The second at another time, and no third."""
        found = decode(*args, **options)
        first, second, _third = found.parts
        return replace(found, parts=(first, replace(second, place={"kind": "frame", "milliseconds": 5000})))

    monkeypatch.setattr(Sandbox, "decode", other_scenes)
    Asset.objects.all().retry()
    prepare_batch()
    assert told == [(asset.pk, [2, 3])]
    assert [(s.number, s.milliseconds) for s in asset.segments.order_by("number")] == [(1, 2000), (2, 5000)]
    assert len(stored(files)) == Rendition.objects.count() == 6


@pytest.mark.django_db
def test_a_worker_that_was_killed_midway_leaves_nothing_that_stays(make_asset, files, monkeypatch):
    asset = make_asset("film.mp4", data=film(scenes("truck", "sailboat", "soccer")))
    with monkeypatch.context() as killed:
        killed.setattr("assets.preparation._record", lambda *args: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            prepare_batch()
    assert len(stored(files)) == 6  # stored, and no row says so
    assert not Segment.objects.exists()
    Asset.objects.filter(pk=asset.pk).update(leased_until="2000-01-01T00:00Z")
    prepare_batch()
    assert (Segment.objects.count(), Rendition.objects.count(), len(stored(files))) == (2, 6, 6)


@pytest.mark.django_db(transaction=True)
def test_a_deleted_video_takes_every_file_along_recorded_or_not(make_asset, files):
    from django.core.files.base import ContentFile

    from assets import storage

    asset = prepare(make_asset, film(scenes("truck", "sailboat")))
    storage.renditions().save(storage.rendition_key(asset.sha256, "preview", 99), ContentFile(b"left over"))
    asset.delete()
    assert not any(path.is_file() for path in files.rglob("*"))
    assert not Segment.objects.exists()
    assert not Rendition.objects.exists()


def test_half_a_film_counts_as_far_as_it_goes(decode):
    whole = film(plain(*COLOURS))
    found = decode(whole[: len(whole) // 2])
    assert 0 < len(found.parts) < 5


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (film(scenes("truck"))[:600], "cannot be opened|no picture"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42" + b"\0" * 400, "cannot be|no pictures"),
    ],
)
def test_what_cannot_be_decoded_says_so_in_words(decode, data, reason):
    with pytest.raises(Undecodable, match=reason):
        decode(data)


def test_a_playlist_that_calls_itself_a_video_reads_no_other_file(decode, tmp_path):
    (tmp_path / "secret.mp4").write_bytes(film(scenes("truck")))
    for text in (
        f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/secret.mp4\n",
        f"ffconcat version 1.0\nfile {tmp_path}/secret.mp4\n",
    ):
        with pytest.raises(Undecodable):
            decode(text.encode())


def test_a_film_of_too_many_pixels_is_refused(decode):
    with pytest.raises(Undecodable, match="320 × 240 pixels is over the limit"):
        decode(film(scenes("truck")), max_pixels=50_000)


def test_ten_hours_of_one_picture_take_no_time(decode):
    import av

    buffer = BytesIO()
    with av.open(buffer, "w", format="matroska") as made:
        stream = made.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        picture = scenes("truck")[0].resize((320, 240))
        for at in (0, 36_000):
            frame = av.VideoFrame.from_image(picture)
            frame.pts = at
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    start = time.monotonic()
    found = decode(buffer.getvalue(), "video/x-matroska")
    assert time.monotonic() - start < 10
    assert found.metadata["duration_seconds"] == pytest.approx(36_000, rel=0.01)
    assert len(found.parts) <= 1


def test_what_was_found_until_the_time_is_over_counts(tmp_path):
    hurried = Sandbox(Limits(processes=1, long_seconds=1))
    path = tmp_path / "film"
    noise = [Image.effect_noise((1280, 720), 90).convert("RGB") for _ in range(3)]
    path.write_bytes(
        film(noise * 20, seconds=1, rate=12, size=(1280, 720), options={"g": "1000", "preset": "ultrafast"})
    )
    start = time.monotonic()
    found = hurried.decode(path, presets=PRESETS, side=448, max_pixels=10**8, mime_type="video/mp4", parts=True)
    hurried.close()
    assert time.monotonic() - start < 2.5  # the limit that ends the child
    assert len(found.parts) < MOST
    assert min(found.picture.size) >= 448


def test_random_damage_never_ends_more_than_the_film(decode):
    import random

    rng = random.Random(9)
    whole = film(plain(*COLOURS[:3]))
    outcomes = set()
    for _attempt in range(25):
        damaged = bytearray(whole)
        for _ in range(30):
            damaged[rng.randrange(40, len(damaged))] = rng.randrange(256)
        try:
            outcomes.add(type(decode(bytes(damaged))).__name__)
        except Undecodable:
            outcomes.add("refused")
    assert outcomes <= {"Decoded", "refused"}
