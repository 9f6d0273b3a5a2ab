"""What may be asked by meaning; the API, the page and the admin read it with the same form."""

from typing import Any, TypeVar

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from assets.filters import IdField
from assets.models import Asset
from search import language, ranking, vectors

Assets = TypeVar("Assets", bound="QuerySet[Asset]")


class MeaningForm(forms.Form):
    """A text or an asset to be near to; neither means no ranking."""

    semantic = forms.CharField(
        required=False,
        max_length=language.MOST_CHARACTERS,
        label=_("Search"),
        help_text=_("Rank by nearness to this description."),
    )
    similar_to = IdField(
        required=False, label=_("Similar to"), help_text=_("Rank by nearness to the asset with this id.")
    )

    def __init__(self, data: Any, *, visible: "QuerySet[Asset]") -> None:
        """``visible`` is where an asset to compare with may come from."""
        super().__init__(data)
        self.visible = visible

    def clean_similar_to(self) -> Asset | None:
        pk = self.cleaned_data["similar_to"]
        if pk is None:
            return None
        asset = self.visible.filter(pk=pk).first()
        if asset is None:
            raise forms.ValidationError(_("There is no asset %(id)s."), params={"id": pk})
        try:
            self.vector = vectors.asset_vector(asset)
        except vectors.NotEmbedded as error:
            raise forms.ValidationError(str(error)) from error
        return asset

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("semantic") and self.cleaned_data.get("similar_to"):
            raise forms.ValidationError(_("Give either semantic or similar_to, not both."))
        return self.cleaned_data

    def rank(self, assets: Assets) -> Assets:
        """Return the (filtered) assets ranked by what this valid form asks for, or as they are."""
        if text := self.cleaned_data["semantic"]:
            return ranking.nearest_to(assets, vectors.text_vector(text))
        if self.cleaned_data["similar_to"]:
            return ranking.nearest_to(assets, self.vector)
        return assets
