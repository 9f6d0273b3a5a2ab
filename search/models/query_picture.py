import uuid

from django.db import models
from django.db.models.functions import Now


class QueryPicture(models.Model):
    """A picture that somebody searches with: not in the library, and gone after a day."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    picture = models.BinaryField(help_text="WebP, upright, no larger than encoders look at")
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return str(self.id)
