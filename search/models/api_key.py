from django.db import models
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken


class ApiKey(models.Model):
    """What a token of the API is for, and whether it may only read. One without this was got by signing in."""

    token = models.OneToOneField(AuthToken, models.CASCADE, primary_key=True, related_name="key", editable=False)
    name = models.CharField(_("name"), max_length=100)
    read_only = models.BooleanField(_("read only"), default=True)

    def __str__(self) -> str:
        return self.name
