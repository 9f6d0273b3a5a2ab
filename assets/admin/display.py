"""How assets look in admin lists."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from assets.addresses import rendition_url
from assets.ledger import State
from assets.models import Asset, Collection, Tag

# How a state of the ledger is coloured.
STATE_LABELS = {State.READY: "success", State.PENDING: "info", State.QUARANTINED: "danger"}


def thumbnail(asset: Asset, segment: int = 0) -> SafeString:
    """The thumbnail of the asset or of a segment, or a sign that says why there is none; after for_display() it asks
    for no further query.
    """
    if asset.rendition("thumbnail", segment):
        url = rendition_url(asset.pk, "thumbnail", segment)
        return format_html('<img class="dam-thumbnail" src="{}" alt="{}" loading="lazy">', url, asset)
    sign, why = ("broken_image", asset.problem) if asset.state == State.QUARANTINED else ("hourglass", _("pending"))
    return format_html(
        '<span class="dam-thumbnail dam-no-thumbnail" title="{}"><span class="material-symbols-outlined">{}</span>'
        "</span>",
        why,
        sign,
    )


def assets_of(collection: Collection, text: Any) -> SafeString:
    """A link to the collection's assets in the asset list."""
    url = f"{reverse('admin:assets_asset_changelist')}?collection={collection.pk}"
    return format_html('<a class="dam-link" href="{}">{}</a>', url, text)


def tag_labels(tags: Iterable[Tag]) -> SafeString:
    """Tags as labels that lead to the assets that carry them."""
    assets = reverse("admin:assets_asset_changelist")
    links = [(f"{assets}?tags={tag.pk}", tag) for tag in tags]
    return format_html(
        '<span class="dam-tags">{}</span>', format_html_join("", '<a class="dam-tag" href="{}">{}</a>', links)
    )


def day(moment: datetime | None) -> SafeString | str:
    """The day of a moment, with its time for those who point at it."""
    if moment is None:
        return "–"
    local = timezone.localtime(moment)
    full, short = formats.date_format(local, "DATETIME_FORMAT"), formats.date_format(local, "DATE_FORMAT")
    return format_html('<time class="dam-day" datetime="{}" title="{}">{}</time>', local.isoformat(), full, short)


def moment(when: datetime | None) -> SafeString | str:
    """A moment to the minute, in full for those who point at it."""
    if when is None:
        return "–"
    local = timezone.localtime(when)
    full, short = formats.date_format(local, "DATETIME_FORMAT"), formats.date_format(local, "SHORT_DATETIME_FORMAT")
    return format_html('<time class="dam-day" datetime="{}" title="{}">{}</time>', local.isoformat(), full, short)


def duration(length: timedelta | None) -> str:
    """A length of time, as exactly as anybody wants to know."""
    if length is None:
        return "–"
    seconds = length.total_seconds()
    if seconds < 60:
        return _("%s s") % formats.number_format(seconds, 2 if seconds < 10 else 0)
    minutes = round(seconds / 60)
    if minutes < 60:
        return _("%d min") % minutes
    return _("%(hours)d h %(minutes)d min") % {"hours": minutes // 60, "minutes": minutes % 60}


def facts(asset: Asset) -> list[tuple[str, Any]]:
    """What is known of the asset's file, for reading."""
    return [
        (_("File name"), asset.filename),
        (_("Type"), asset.mime_type),
        (_("Dimensions"), f"{asset.width} × {asset.height}" if asset.width else "–"),
        (_("Size"), filesizeformat(asset.size)),
        (_("Created"), asset.created_at),
        (_("Uploaded by"), asset.uploaded_by or "–"),
        ("SHA-256", asset.sha256),
        (_("State"), asset.get_state_display()),
        *([(_("Problem"), asset.problem)] if asset.problem else []),
    ]


def metadata_table(metadata: dict[str, Any]) -> SafeString | str:
    """What the camera wrote into the file, as a table."""
    if not metadata:
        return _("The file carries none.")
    rows = format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", sorted(metadata.items()))
    return format_html('<table class="dam-metadata">{}</table>', rows)
