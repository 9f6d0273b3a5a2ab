"""Django settings, all of them readable from the environment (see .env.example for the list)."""

from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from dam import postgres
from dam.broker import NETWORK, transport_options
from dam.env import BASE_DIR, DATA_DIR, env, private_text, running_encoder
from dam.impatience import ImpatientConnection

DEBUG = env.bool("DJANGO_DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or private_text("secret-key")

DAM_HOST = env.str("DAM_HOST", default="127.0.0.1")
DAM_PORT = env.int("DAM_PORT", default=8000)
DAM_URL = env.str("DAM_URL", default="").rstrip("/")
ALLOWED_HOSTS = env.list("DJANGO_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", DAM_HOST])
CSRF_TRUSTED_ORIGINS = [DAM_URL] if DAM_URL else []
if DAM_URL:
    ALLOWED_HOSTS.append(DAM_URL.split("://", 1)[-1].split("/")[0].rsplit(":", 1)[0])
if DAM_URL.startswith("https://"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 3600

# Anonymous visitors may look at the library, never change it.
DAM_PUBLIC_READ = env.bool("DAM_PUBLIC_READ", default=False)

INSTALLED_APPS = [
    "dam",
    "search",
    "assets",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "corsheaders",
    "tree_queries",
    "storages",
]

MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",  # first: a refusal, too, is to be readable where answers are
    "dam.middleware.gate",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "dam.urls"
WSGI_APPLICATION = "dam.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "search"
LOGOUT_REDIRECT_URL = "search"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database -------------------------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db("DATABASE_URL") if env.str("DATABASE_URL", default="") else postgres.connection(DATA_DIR),
}
DATABASES["default"]["HOST"] = unquote(DATABASES["default"]["HOST"])  # %2Frun%2Fpostgresql is a socket's directory
# A connection that ended with the database's last crash is noticed before it is used: one round trip for each request.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["OPTIONS"] = {
    "pool": {"min_size": 0, "max_size": env.int("DAM_DB_POOL", default=20), "timeout": 5},
    **NETWORK,
    # Rankings stay complete under any filter: an HNSW scan goes on until the page is full, in order of distance.
    # Every reader gets this, admin and shell included, because it is a property of the connection.
    "options": " ".join(
        f"-c {name}={value}"
        for name, value in {
            "hnsw.iterative_scan": "strict_order",
            "hnsw.ef_search": 200,
            "hnsw.max_scan_tuples": 2_147_483_647,
            "hnsw.scan_mem_multiplier": 64,
            "statement_timeout": env.int("DAM_STATEMENT_TIMEOUT_MS", default=0),
        }.items()
    ),
}
if milliseconds := env.int("DAM_STATEMENT_TIMEOUT_MS", default=0):  # the web process
    ImpatientConnection.statement_seconds = milliseconds / 1000
    DATABASES["default"]["OPTIONS"]["pool"]["connection_class"] = ImpatientConnection

# --- Files ----------------------------------------------------------------------------------------------------------
DAM_S3_BUCKET = env.str("DAM_S3_BUCKET", default="")
DAM_URL_EXPIRY = timedelta(seconds=env.int("DAM_URL_EXPIRY", default=3600))


def _storage(location: str) -> dict[str, Any]:
    """Storage of one kind of file: a prefix of the bucket when there is one, else a folder of the data directory."""
    if not DAM_S3_BUCKET:
        return {
            "BACKEND": "assets.storage.AtomicFileSystemStorage",
            "OPTIONS": {"location": DATA_DIR / "media" / location},
        }
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": DAM_S3_BUCKET,
            "location": location,
            "endpoint_url": env.str("AWS_S3_ENDPOINT_URL", default=None),
            "region_name": env.str("AWS_S3_REGION_NAME", default=None),
            "access_key": env.str("AWS_ACCESS_KEY_ID", default=None),
            "secret_key": env.str("AWS_SECRET_ACCESS_KEY", default=None),
            "default_acl": None,
            "querystring_auth": True,
            "querystring_expire": int(DAM_URL_EXPIRY.total_seconds()),
            "file_overwrite": True,  # keys are made from the content: the same key is the same bytes
            "client_config": _s3_client_config(),
        },
    }


def _s3_client_config() -> Any:
    from botocore.config import Config

    return Config(
        s3={"addressing_style": env.str("AWS_S3_ADDRESSING_STYLE", default="auto")},
        signature_version=env.str("AWS_S3_SIGNATURE_VERSION", default="s3v4"),
        # Stores that are not Amazon's may refuse the checksums that newer boto adds to every request.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # A web request may wait for this: twice 10 seconds when the store hangs. Workers try again by themselves.
        connect_timeout=3,
        read_timeout=10,
        retries={"total_max_attempts": 2},
    )


STORAGES = {
    "originals": _storage("originals"),
    "renditions": _storage("renditions"),
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing may land outside the two above
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
STATIC_URL = "static/"
STATIC_ROOT = env.str("DJANGO_STATIC_ROOT", default=str(DATA_DIR / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]

# --- Pictures -------------------------------------------------------------------------------------------------------
DAM_MAX_UPLOAD_BYTES = env.int("DAM_MAX_UPLOAD_MB", default=512) * 1024 * 1024
DAM_MAX_PIXELS = env.int("DAM_MAX_MEGAPIXELS", default=200) * 1_000_000
DAM_DECODER = {
    "memory_bytes": env.int("DAM_DECODER_MEMORY_MB", default=2048) * 1024 * 1024,
    "cpu_seconds": env.int("DAM_DECODER_CPU_SECONDS", default=20),
    "wall_seconds": env.int("DAM_DECODER_WALL_SECONDS", default=30),
    "processes": env.int("DAM_DECODER_PROCESSES", default=2),
    # How long frames of one video, or pages of one document, are looked for.
    "long_seconds": env.int("DAM_DECODER_LONG_SECONDS", default=60),
}
# After so many seconds the web server gives a connection up: when a request has not come in whole (a body has a second
# more for each 16 kB), when nobody fetches the answer. And how much disk all bodies may take that are on their way.
DAM_REQUEST_SECONDS = env.int("DAM_REQUEST_SECONDS", default=30)
DAM_INCOMING_BYTES = env.int("DAM_INCOMING_MB", default=4096) * 1024 * 1024
FILE_UPLOAD_TEMP_DIR = env.str("DAM_UPLOAD_TEMP_DIR", default=None)
DATA_UPLOAD_MAX_NUMBER_FILES = 1000

# --- Search ---------------------------------------------------------------------------------------------------------
# "emoji-scenes" (bundled), an open_clip "ARCHITECTURE/WEIGHTS" pair, or "ARCHITECTURE:/path/to/checkpoint".
DAM_MODEL = env.str("DAM_MODEL", default="emoji-scenes")
# Where the process that holds the models listens (`manage.py encoder`): unix:/path or http://host:port. Without it, and
# while `make up` runs none over this data directory, each process loads the models that it needs.
DAM_ENCODER_URL = env.str("DAM_ENCODER_URL", default="") or running_encoder()
DAM_ENCODER_TOKEN = env.str("DAM_ENCODER_TOKEN", default="")
# How many seconds one call of it may take, waiting for its turn included; the web process has less patience.
DAM_ENCODER_SECONDS = env.float("DAM_ENCODER_SECONDS", default=30)
# Which models it may load besides DAM_MODEL; "*": any that it is asked for.
DAM_ENCODER_MODELS = env.list("DAM_ENCODER_MODELS", default=[])
# Whether it fetches pictures of which it is sent the address alone (of the public internet).
DAM_ENCODER_FETCH = env.bool("DAM_ENCODER_FETCH", default=False)
DAM_MODEL_CACHE = env.str("DAM_MODEL_CACHE", default=None)
# Rankings over at most this many matching rows compare every one of them; larger ones may use the HNSW index.
DAM_EXACT_ROWS = env.int("DAM_EXACT_ROWS", default=20_000)
# What serves rankings over more rows than that: "pgvector" (in the database) or "milvus" (docs/operations.md).
DAM_INDEX = env.str("DAM_INDEX", default="pgvector")
# A file of milvus-lite, which `make up` serves to all processes, or the address of a server or cluster.
DAM_MILVUS_URI = env.str("DAM_MILVUS_URI", default="") or str(DATA_DIR / "milvus.db")
DAM_MILVUS_TOKEN = env.str("DAM_MILVUS_TOKEN", default="")
# How long a search waits for Milvus before the database answers instead.
DAM_MILVUS_SECONDS = env.float("DAM_MILVUS_SECONDS", default=2)
# How old the members of a smart collection may be.
DAM_SMART_COLLECTION_SECONDS = env.int("DAM_SMART_COLLECTION_SECONDS", default=60)
# How often the index is compared with an exact search.
DAM_RECALL_PROBE_SECONDS = env.int("DAM_RECALL_PROBE_SECONDS", default=3600)
# Keep what people say of results ("relevant", "not relevant"), for `manage.py evaluate --judgments`.
DAM_JUDGMENTS = env.bool("DAM_JUDGMENTS", default=False)

# --- Encoders elsewhere ---------------------------------------------------------------------------------------------
# Services that speak CLIP-as-service, Roboflow inference, SageMaker, Hugging Face or OpenAI (docs/operations.md). Each
# is used by models whose names begin with it: DAM_MODEL=roboflow:ViT-B-16.
DAM_CLIP_AS_SERVICE_URL = env.str("DAM_CLIP_AS_SERVICE_URL", default="")
DAM_CLIP_AS_SERVICE_TOKEN = env.str("DAM_CLIP_AS_SERVICE_TOKEN", default="")
DAM_ROBOFLOW_URL = env.str("DAM_ROBOFLOW_URL", default="")
DAM_ROBOFLOW_API_KEY = env.str("DAM_ROBOFLOW_API_KEY", default="")
DAM_SAGEMAKER_URL = env.str("DAM_SAGEMAKER_URL", default="")  # empty: Amazon's, in this region
DAM_SAGEMAKER_REGION = env.str("DAM_SAGEMAKER_REGION", default="")
DAM_SAGEMAKER_POOLING = env.str("DAM_SAGEMAKER_POOLING", default="none")
DAM_SAGEMAKER_PICTURES = env.bool("DAM_SAGEMAKER_PICTURES", default=False)
DAM_HUGGINGFACE_URL = env.str(
    "DAM_HUGGINGFACE_URL",
    default="https://router.huggingface.co/hf-inference/models/{model}/pipeline/feature-extraction",
)
DAM_HUGGINGFACE_TOKEN = env.str("DAM_HUGGINGFACE_TOKEN", default="")
DAM_HUGGINGFACE_POOLING = env.str("DAM_HUGGINGFACE_POOLING", default="none")
DAM_HUGGINGFACE_PICTURES = env.bool("DAM_HUGGINGFACE_PICTURES", default=False)
DAM_OPENAI_URL = env.str("DAM_OPENAI_URL", default="https://api.openai.com/v1")
DAM_OPENAI_API_KEY = env.str("DAM_OPENAI_API_KEY", default="")
# Of all of them: the most requests to one model in a day (0: any number), how many seconds an answer may take, and how
# pictures travel (the length of their short side in pixels; png, or jpeg for a tenth of the bytes).
DAM_REMOTE_DAILY_CAP = env.int("DAM_REMOTE_DAILY_CAP", default=50_000)
DAM_REMOTE_TIMEOUT = env.float("DAM_REMOTE_TIMEOUT", default=10)
DAM_REMOTE_PICTURE_SIDE = env.int("DAM_REMOTE_PICTURE_SIDE", default=336)
DAM_REMOTE_PICTURE_FORMAT = env.str("DAM_REMOTE_PICTURE_FORMAT", default="png")

# --- A language model -----------------------------------------------------------------------------------------------
# Who is asked about pictures (docs/ask.md): anthropic:MODEL or openai:MODEL. Off until it is set.
DAM_LLM = env.str("DAM_LLM", default="")
DAM_LLM_URL = env.str("DAM_LLM_URL", default="")  # a server of one's own that speaks the same protocol
DAM_LLM_API_KEY = env.str("DAM_LLM_API_KEY", default="")
DAM_LLM_SECONDS = env.float("DAM_LLM_SECONDS", default=60)
# The most pictures of a question, their long side in pixels, and the most tokens of an answer.
DAM_LLM_PICTURES = env.int("DAM_LLM_PICTURES", default=8)
DAM_LLM_PICTURE_SIDE = env.int("DAM_LLM_PICTURE_SIDE", default=768)
DAM_LLM_MAX_TOKENS = env.int("DAM_LLM_MAX_TOKENS", default=2048)
# How many questions one process answers at once, and the budgets of a day: of each user and of all. 0: any number.
DAM_LLM_AT_ONCE = env.int("DAM_LLM_AT_ONCE", default=4)
DAM_LLM_USER_REQUESTS = env.int("DAM_LLM_USER_REQUESTS", default=100)
DAM_LLM_USER_TOKENS = env.int("DAM_LLM_USER_TOKENS", default=1_000_000)
DAM_LLM_REQUESTS = env.int("DAM_LLM_REQUESTS", default=1000)
DAM_LLM_TOKENS = env.int("DAM_LLM_TOKENS", default=10_000_000)

# --- SQL ------------------------------------------------------------------------------------------------------------
# The console for superusers, in the admin and at /api/v1/sql/ (docs/sql.md); `manage.py sql` is there without it.
DAM_SQL_CONSOLE = env.bool("DAM_SQL_CONSOLE", default=False)
DAM_SQL_SECONDS = env.float("DAM_SQL_SECONDS", default=10)  # that a statement may take
DAM_SQL_ROWS = env.int("DAM_SQL_ROWS", default=1000)  # the most rows of an answer
# How its role signs in to a database that is not the embedded one, where the default (role dam_sql, with a password
# that `manage.py install_sql` sets) does not do.
DAM_SQL_DATABASE = env.db("DAM_SQL_DATABASE_URL") if env.str("DAM_SQL_DATABASE_URL", default="") else None

# --- Celery ---------------------------------------------------------------------------------------------------------
# The database is the truth and the broker only a doorbell (docs/decisions/0003): nothing is lost with the broker.
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="pgmq://localhost")
CELERY_BROKER_TRANSPORT_OPTIONS = transport_options(CELERY_BROKER_URL, DATABASES["default"])
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "dam"
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# How much memory a worker may hold after a task; with more it ends, to be started again (dam/memory.py). A worker that
# loads models itself holds as much as they take, so it has no bound unless one is set; 0 means none.
DAM_WORKER_MEMORY_MB = env.int("DAM_WORKER_MEMORY_MB", default=1024 if DAM_ENCODER_URL else 0)
if DAM_WORKER_MEMORY_MB:
    CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1024 * DAM_WORKER_MEMORY_MB  # for those who run a pool of forked children
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # kombu's pgmq transport cannot do it
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
DAM_SWEEP_SECONDS = env.int("DAM_SWEEP_SECONDS", default=15)
# What a worker claimed is free again so many seconds after it died. Living ones renew their leases four times as often.
DAM_LEASE_SECONDS = env.int("DAM_LEASE_SECONDS", default=20)
CELERY_BEAT_SCHEDULE = {
    name: {"task": f"{name}.tasks.sweep", "schedule": DAM_SWEEP_SECONDS, "options": {"expires": DAM_SWEEP_SECONDS}}
    for name in ("assets", "search")
}
CELERY_BEAT_SCHEDULE["smart collections"] = {
    "task": "search.tasks.refresh_smart_collections",
    "schedule": DAM_SMART_COLLECTION_SECONDS,
    "options": {"expires": DAM_SMART_COLLECTION_SECONDS},
}
CELERY_BEAT_SCHEDULE["recall"] = {
    "task": "search.tasks.probe_recall",
    "schedule": DAM_RECALL_PROBE_SECONDS,
    "options": {"expires": DAM_RECALL_PROBE_SECONDS},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")

# --- API ------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "search.api.keys.KeyAuthentication",  # first: its WWW-Authenticate header makes a missing sign-in a 401
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "assets.api.parsers.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["assets.api.permissions.ReadOrModelPermissions"],
    "DEFAULT_FILTER_BACKENDS": ["assets.api.filters.StrictFilterBackend", "search.filters.SemanticFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "assets.api.pagination.Pagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": [
        "assets.api.renderers.JSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "EXCEPTION_HANDLER": "assets.api.errors.problem",
    "DEFAULT_THROTTLE_RATES": {"sign-in": "20/min", "query-picture": "30/min"},
    "NUM_PROXIES": 1 if DAM_URL.startswith("https://") else 0,  # whose X-Forwarded-For names the client
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# Which pages of other origins (https://shop.example.com) may use the API and download, with a key, never our cookies.
CORS_ALLOWED_ORIGINS = env.list("DAM_CORS_ORIGINS", default=[])
CORS_ALLOW_CREDENTIALS = False
CORS_URLS_REGEX = r"^/(api/v1|assets)/"
CORS_EXPOSE_HEADERS = ["Content-Disposition", "Location", "Retry-After"]
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_TTL": timedelta(days=90)}
SPECTACULAR_SETTINGS = {
    "TITLE": "DAM API",
    "DESCRIPTION": "Assets, tags and collections, found by filters and by meaning.",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
}

# --- Security headers, language, logging ----------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("DAM_TIME_ZONE", default="UTC")
USE_TZ = True
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        **{name: {"level": env.str("DAM_LOG_LEVEL", default="INFO")} for name in ("dam", "assets", "search", "django")},
        "django.request": {"level": "ERROR"},  # a visitor's mistake is answered, and no news for the operator
        "psycopg.pool": {"level": "ERROR"},
    },
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "DAM",
    "SITE_HEADER": "DAM",
    "SITE_SYMBOL": "photo_library",
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "STYLES": ["dam.admin.stylesheet"],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "dam.admin.icon"}],
    "SIDEBAR": {"navigation": "dam.admin.navigation"},
}
