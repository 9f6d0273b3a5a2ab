import subprocess
import sys

SCRIPT = """
import sys
from django.conf import settings
import tests.settings as ours

values = {name: getattr(ours, name) for name in dir(ours) if name.isupper()}
values["INSTALLED_APPS"] = [app for app in values["INSTALLED_APPS"] if app not in ("dam", "search")]
settings.configure(**values)

import django
django.setup()
from django.contrib import admin
admin.autodiscover()
from assets.admin.asset import AssetAdmin
from assets.models import Asset

assert type(admin.site._registry[Asset]) is AssetAdmin
found = {name.split(".")[0] for name in sys.modules} & {"search", "torch", "open_clip", "pgvector"}
assert not found, found
"""


def test_the_librarys_admin_needs_nothing_of_search() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
