"""What a library does not want to show without somebody having looked, and the assets that come near to it.

Flags are made by one statement, ``PolicyFlagQuerySet.flag``: for a batch of vectors that was just written, and for the
whole library when a policy is checked (``search.policies``).
"""

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from assets.models import Asset
from search.models.embedding import EmbeddingModel


class PolicyQuerySet(models.QuerySet["Policy"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete policies; waits for workers that are flagging, as ``Policy.delete`` does."""
        with transaction.atomic():
            chosen = Policy.objects.filter(pk__in=list(self.order_by().values_list("pk", flat=True)))
            locked = list(chosen.order_by("pk").select_for_update().values_list("pk", flat=True))
            return models.QuerySet(self.model, using=self.db).filter(pk__in=locked).delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


class Policy(models.Model):
    """A text, and how relevant to it (in percent, as people see it) an asset has to be to be flagged.

    A percentage is worth the same in every model, so a policy outlives a change of models. What it means in the active
    one stands in the columns that a check fills in: ``vector`` of the text, the cosines ``centre`` and ``cut`` of
    ``relevance.Relevance``, and ``farthest``, the distance up to which assets are flagged.
    """

    name = models.CharField(_("name"), max_length=100, unique=True)
    text = models.TextField(
        _("text"),
        help_text=_("What is to be flagged, in words, as in the search box: knife (gun or rifle)^0.5 -kitchen"),
    )
    threshold = models.PositiveSmallIntegerField(
        _("flag from"),
        default=50,
        validators=[MinValueValidator(1), MaxValueValidator(99)],
        help_text=_("Relevance in percent, as search results show it; from 50 % an asset is a match."),
    )
    enabled = models.BooleanField(
        _("on"), default=True, help_text=_("Switched off, it flags nothing; decisions are kept, open flags are not.")
    )
    model = models.ForeignKey(EmbeddingModel, models.SET_NULL, null=True, editable=False, related_name="+")
    vector = HalfVectorField(null=True, editable=False)
    centre = models.FloatField(null=True, editable=False)
    cut = models.FloatField(null=True, editable=False)
    farthest = models.FloatField(null=True, editable=False)
    checked_at = models.DateTimeField(_("checked"), null=True, editable=False)
    problem = models.TextField(_("problem"), blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = PolicyQuerySet.as_manager()

    class Meta:
        verbose_name = _("policy")
        verbose_name_plural = _("policies")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save what was edited; what was measured of it before is measured again."""
        if kwargs.get("update_fields") is None:
            self.checked_at = self.vector = None
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the policy and its flags; waits for a worker that is flagging, which would wait for these flags."""
        with transaction.atomic():
            Policy.objects.select_for_update().filter(pk=self.pk).first()
            return super().delete(*args, **kwargs)


class PolicyFlagQuerySet(models.QuerySet["PolicyFlag"]):
    def open(self) -> "PolicyFlagQuerySet":
        return self.filter(state=PolicyFlag.State.OPEN)

    def flag(self, *, assets: Collection[int] | None = None, policy: Policy | None = None) -> int:
        """Flag what comes near enough to the policies that are on: these assets, or all for this policy.

        An asset counts by the nearest of its vectors, that of the whole or of a segment. A flag that is there is kept,
        whatever was decided of it; only its similarity is brought up to date. Return how many were made or changed.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                FLAG,
                {"policy": policy.pk if policy else None, "assets": None if assets is None else sorted(assets)},
            )
            return cursor.rowcount

    def drop_stale(self, policy: Policy) -> int:
        """Delete the open flags of a policy that is off, or of assets that are not near enough to it any more."""
        with connection.cursor() as cursor:
            cursor.execute(DROP_STALE, [policy.pk])
            return cursor.rowcount


# Assets and policies are locked in the order of their ids, and flags are written in it, so that no two who flag at once
# wait for each other; what is being deleted is waited for, and left out.
FLAG = """
    WITH policies AS MATERIALIZED (
        SELECT id, model_id, vector, farthest FROM search_policy
        WHERE enabled AND vector IS NOT NULL AND (%(policy)s::bigint IS NULL OR id = %(policy)s::bigint)
        ORDER BY id FOR KEY SHARE
    ), near AS MATERIALIZED (
        SELECT row.asset_id, policies.id AS policy_id, min(row.vector <-> policies.vector) AS distance
        FROM policies JOIN search_embedding AS row ON row.model_id = policies.model_id
        -- Only vectors of one space may be compared, in whatever order the conditions are.
        WHERE CASE WHEN row.model_id = policies.model_id THEN row.vector <-> policies.vector END <= policies.farthest
            AND (%(assets)s::bigint[] IS NULL OR row.asset_id = ANY (%(assets)s::bigint[]))
        GROUP BY row.asset_id, policies.id
    ), there AS MATERIALIZED (
        SELECT id FROM assets_asset WHERE id IN (SELECT asset_id FROM near) ORDER BY id FOR KEY SHARE
    )
    INSERT INTO search_policyflag AS flag (asset_id, policy_id, similarity, state, created_at)
    SELECT near.asset_id, near.policy_id, 1 - near.distance * near.distance / 2, 'open', statement_timestamp()
    FROM near JOIN there ON there.id = near.asset_id
    ORDER BY near.asset_id, near.policy_id
    ON CONFLICT (policy_id, asset_id) DO UPDATE SET similarity = excluded.similarity
    WHERE flag.similarity IS DISTINCT FROM excluded.similarity
"""

DROP_STALE = """
    DELETE FROM search_policyflag WHERE id IN (
        SELECT flag.id FROM search_policyflag AS flag JOIN search_policy AS policy ON policy.id = flag.policy_id
        WHERE policy.id = %s AND flag.state = 'open' AND (
            NOT policy.enabled OR policy.vector IS NOT NULL AND NOT EXISTS (
                SELECT FROM search_embedding AS row
                WHERE row.asset_id = flag.asset_id AND row.model_id = policy.model_id
                AND CASE WHEN row.model_id = policy.model_id THEN row.vector <-> policy.vector END <= policy.farthest
            )
        )
        ORDER BY flag.asset_id FOR UPDATE OF flag
    )
"""


class PolicyFlag(models.Model):
    """An asset that a policy wants somebody to look at, and what they said. It changes nothing about the asset."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        CONFIRMED = "confirmed", _("confirmed")
        DISMISSED = "dismissed", _("dismissed")

    policy = models.ForeignKey(Policy, models.CASCADE, related_name="flags", verbose_name=_("policy"))
    asset = models.ForeignKey(Asset, models.CASCADE, related_name="policy_flags", verbose_name=_("asset"))
    similarity = models.FloatField(_("similarity"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    created_at = models.DateTimeField(_("flagged"), auto_now_add=True)

    objects = PolicyFlagQuerySet.as_manager()

    class Meta:
        verbose_name = _("flag")
        verbose_name_plural = _("flags")
        constraints = [models.UniqueConstraint(fields=["policy", "asset"], name="one_flag_of_a_policy")]
        indexes = [models.Index(fields=["state", "policy"], name="flags_to_review")]

    def __str__(self) -> str:
        return f"{self.policy}: {self.asset}"
