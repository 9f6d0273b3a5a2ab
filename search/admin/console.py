"""The SQL console of the admin: a statement, what it gives as a table, and the pictures that it names."""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from assets.models import Asset, Rendition
from search.encoders import ModelUnavailable
from search.models import NoActiveModel
from search.sql import console, session
from search.sql.console import Answer
from search.sql.rules import LONGEST, SqlError
from search.sql.text import short

EXAMPLE = """\
SELECT id, url, title
FROM images
ORDER BY embedding <-> clip_text_embedding('black car in the night')::vector(512)
LIMIT 10"""
MOST_PICTURES = 200


def sql_console(model_admin: Any, request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    if not settings.DAM_SQL_CONSOLE:
        raise Http404
    if not user.is_superuser:
        raise PermissionDenied
    sql = request.POST.get("sql", EXAMPLE)
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": _("SQL"),
        "sql": sql,
        "longest": LONGEST,
    }
    if request.method == "POST":
        try:
            answer = console.run(sql, session.rights(user), f"user {user.pk} in the admin")
            context |= {"answer": answer, "rows": [list(map(short, row)) for row in answer.rows]}
            context["pictures"] = _pictures(answer, user)
        except (SqlError, session.NoSession, NoActiveModel, ModelUnavailable) as error:
            context["problem"] = str(error)
    return TemplateResponse(request, "admin/search/console.html", context)


def _pictures(answer: Answer, user: Any) -> list[Asset]:
    """Return the assets that the column ``id`` names, in its order, if the user may see them and they have pictures."""
    if "id" not in answer.columns:
        return []
    column = answer.columns.index("id")
    named = dict.fromkeys(row[column] for row in answer.rows if isinstance(row[column], int))
    ids = [pk for pk in named if 0 < pk < 2**63][:MOST_PICTURES]
    shown = Rendition.objects.filter(preset="thumbnail", segment=0, asset__in=ids)
    found = Asset.objects.visible_to(user).filter(pk__in=shown.values("asset")).in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]
