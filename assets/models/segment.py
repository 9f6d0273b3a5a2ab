from typing import Any

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from assets.models.asset import Asset


class Segment(models.Model):
    """A part of an asset that is found by itself: a frame of a video, a page of a document, a tile of a large picture.

    Numbered from 1 within its asset; what is called segment 0 elsewhere is the whole, as its preview shows it: the
    poster of a video, the first page of a document. These are no segments as well, or they would be embedded twice.
    The number of a page is that of its segment. The picture of a segment is the ``Rendition`` of the same number.
    """

    class Kind(models.TextChoices):
        FRAME = "frame", _("frame")
        PAGE = "page", _("page")
        TILE = "tile", _("tile")

    asset = models.ForeignKey(Asset, models.CASCADE, related_name="segments", verbose_name=_("asset"))
    number = models.PositiveIntegerField(_("number"))
    kind = models.CharField(_("kind"), max_length=5, choices=Kind)
    # Where it is: milliseconds from the start of a video, a page counted from 1, a tile's [left, top, width, height] in
    # pixels of the upright original.
    milliseconds = models.PositiveIntegerField(_("milliseconds"), null=True)
    page = models.PositiveIntegerField(_("page"), null=True)
    box = models.JSONField(_("box"), null=True)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        constraints = [models.UniqueConstraint(fields=["asset", "number"], name="one_segment_per_number")]

    def __str__(self) -> str:
        return f"{self.label} of asset {self.asset_id}"

    @property
    def label(self) -> str:
        """Where it is, in words: ``0:42``, ``page 3``, ``tile 5``."""
        if self.kind == self.Kind.FRAME:
            return timecode(self.milliseconds or 0)
        if self.kind == self.Kind.PAGE:
            return gettext("page %d") % self.page
        return gettext("tile %d") % self.number

    @property
    def place(self) -> dict[str, Any]:
        """Its kind and where it is, without the columns that say nothing of this kind."""
        places = {"milliseconds": self.milliseconds, "page": self.page, "box": self.box}
        return {"kind": self.kind} | {name: value for name, value in places.items() if value is not None}


def timecode(milliseconds: int) -> str:
    """Return a time in a video as ``0:42`` or ``1:02:03``."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
