"""manage.py bootstrap: make a database ready for use; safe to repeat. ``up`` runs it at every start."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand

from assets.models import Asset
from dam.env import DATA_DIR, env, private_text
from dam.samples import load_samples
from search.models import EmbeddingModel


class Command(BaseCommand):
    help = "Migrate, collect static files, make the first superuser, set up the model, load the sample library."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-samples", action="store_true", help="do not load the sample library")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0, skip_checks=False)
        call_command("collectstatic", interactive=False, verbosity=0)
        self._first_superuser()
        fresh = not EmbeddingModel.objects.exists() and not Asset.objects.exists()
        call_command("register_model", stdout=self.stdout)
        if fresh and not options["no_samples"]:
            self.stdout.write(f"Sample library: {load_samples()} pictures.")

    def _first_superuser(self) -> None:
        users = get_user_model().objects
        if users.filter(is_superuser=True).exists():
            return
        name = env.str("DAM_ADMIN_USER", default="admin")
        password = env.str("DAM_ADMIN_PASSWORD", default="")
        if not password:
            password = private_text("admin-password", length=12)
            self.stdout.write(f"First sign-in: {name} / {password}   (kept in {DATA_DIR / 'admin-password'})")
        users.create_superuser(name, password=password)
