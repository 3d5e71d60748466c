"""Settings: one field, one default, one help line each; read from IMGFN_* and .env."""

import ipaddress
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from imgfn.config.environment import describe_default, describe_format, is_secret, is_service_link
from imgfn.core.formats import FORMATS
from imgfn.process import cgroups
from imgfn.process.private_folder import longest_parent_bytes, temporary_folder
from imgfn.process.slots import CORES

MB = 1024 * 1024
PREFIX = "IMGFN_"
MOST_RENDER_BYTES = 1024 * MB
LEAST_RENDER_BYTES = 640 * MB  # a renderer's libraries take half of it, of address space and not of memory
RENDERERS_SHARE = 0.75  # of a cgroup's memory; the rest is the web workers'
ENDPOINT = re.compile(r"(https?://)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(:\d{1,5})?/?")
GRAMMARS = ("iiif",)
SIGNING_KEY = re.compile(r"([A-Za-z0-9_-]{1,32}):([^,\s]{16,})")


class BadSettings(Exception):
    """Every variable that cannot be used: its name, what is wrong with it, what is expected, and its default."""


def count_cores() -> int:
    """as many as cores, fewer in a small cgroup"""
    cores = cgroups.usable_cores(len(CORES))
    memory = cgroups.memory_bytes()
    return cores if memory is None else max(1, min(cores, int(memory * RENDERERS_SHARE) // LEAST_RENDER_BYTES))


def count_render_bytes() -> int:
    """1073741824, less in a small cgroup"""
    memory = cgroups.memory_bytes()
    if memory is None:
        return MOST_RENDER_BYTES
    return max(LEAST_RENDER_BYTES, min(MOST_RENDER_BYTES, int(memory * RENDERERS_SHARE) // count_cores()))


def count_waiting() -> int:
    """8 x cores"""
    return 8 * count_cores()  # a tenth of a second of small pictures, and room for 16 clients on two cores


def count_flow_renders() -> int:
    """half as many as cores"""
    return max(1, count_cores() // 2)


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _check_written(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in FORMATS or not FORMATS[name].written:
            raise ValueError(f"{name!r} is not a format that we write")
    return names


def _check_grammars(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in GRAMMARS:
            raise ValueError(f"{name!r} is not a grammar that we read; there are {', '.join(GRAMMARS)}")
    return names


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """All that can be configured. The README's table of settings is made from this class."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        frozen=True,
        extra="ignore",
        secrets_dir=None,
        hide_input_in_errors=True,  # a secret with a typing error must not land in a log
    )

    # The store
    store: Literal["folder", "minio"] = Field("folder", description="where pictures live: folder or minio (any S3)")
    folder: Path = Field(Path("data"), description="folder store: where sources/ and results/ lie")
    s3_endpoint: str = Field("127.0.0.1:9000", description="S3: host:port, or a URL, whose scheme says s3_secure")
    s3_region: str = Field("us-east-1", description="S3: region")
    s3_secure: bool = Field(True, validate_default=True, description="S3: use HTTPS")
    s3_access_key: SecretStr | None = Field(None, description="S3: access key id; none: Function Compute's credentials")
    s3_secret_key: SecretStr | None = Field(None, description="S3: secret access key")
    s3_session_token: SecretStr | None = Field(None, description="S3: session token of temporary credentials")
    s3_source_bucket: str = Field("imgfn-sources", description="S3: bucket of the sources")
    s3_result_bucket: str = Field("imgfn-results", description="S3: bucket of the results; never the sources' bucket")
    s3_create_buckets: bool = Field(False, description="S3: make missing buckets at the start")
    s3_virtual_host: bool = Field(False, description="S3: address buckets as host names (Tencent COS)")
    store_connect_seconds: float = Field(1.0, gt=0, description="store: time to connect")
    store_read_seconds: float = Field(2.0, gt=0, description="store: time to wait for the next bytes")
    store_deadline_seconds: float = Field(10.0, gt=0, description="store: time for one whole operation")
    store_retries: int = Field(1, ge=0, le=10, description="store: tries after the first")
    stat_ttl_seconds: float = Field(
        0.0, ge=0, description="how long the stat of a source is believed; 0: ask each time"
    )
    result_store: Literal["same", "folder"] = Field(
        "same", description="where results are kept: same as the sources, or folder (they outlive an S3 that is away)"
    )
    keep_results: bool = Field(True, description="keep results in the result store")

    result_days: int = Field(0, ge=0, description="imgfn clean removes results not asked for in so many days; 0: none")
    result_bytes: int = Field(
        0, ge=0, description="imgfn clean removes the results longest unused until these are left; 0: any number"
    )

    # Limits (defaults as in docs/security.md)
    max_upload_bytes: int = Field(20 * MB, gt=0, description="size of one uploaded file")
    max_upload_parts: int = Field(20, gt=0, description="parts of one upload")
    max_source_bytes: int = Field(20 * MB, gt=0, description="size of a source that is rendered")
    max_pixels: int = Field(50_000_000, gt=0, description="pixels of a source: width x height x frames")
    max_side: int = Field(30_000, gt=0, description="longest side of a source, in pixels")
    max_frames: int = Field(500, gt=0, description="frames of a source")
    max_scans: int = Field(100, gt=0, description="scans of a progressive JPEG")
    max_output_side: int = Field(16_384, gt=0, description="longest side of a result, in pixels")
    max_output_pixels: int = Field(16_777_216, gt=0, description="pixels of one frame of a result")
    strict: bool = Field(False, description="refuse damaged pictures, not show them as far as they can be read")
    max_url_bytes: int = Field(4096, gt=0, description="path and query of a request")

    # Rendering
    render: Literal["process", "inline"] = Field(
        "process", description="process: expendable renderers; inline: in the caller"
    )
    sandbox: Literal["best-effort", "require"] = Field(
        "best-effort", description="require: refuse to start where a layer of the renderers' sandbox is missing"
    )
    render_seconds: float = Field(10.0, gt=0, description="wall-clock deadline of one render")
    render_memory_bytes: int = Field(
        default_factory=count_render_bytes, gt=0, description="address space of one renderer"
    )
    render_processes: int = Field(default_factory=count_cores, gt=0, description="renders at once on this machine")
    render_queue: int = Field(
        default_factory=count_waiting, ge=0, description="renders that wait with their sources at hand, on this machine"
    )
    render_wait_seconds: float = Field(
        10.0, gt=0, description="how long a request may wait for a renderer; later it gets 503"
    )
    render_recycle: int = Field(500, gt=0, description="renders after which a renderer is replaced")
    runtime_dir: Path | None = Field(
        None,
        description="sockets and locks; a short path; none: a private folder under the temporary one",
        validate_default=True,
    )

    # Output
    auto_formats: Annotated[Words, AfterValidator(_check_written)] = Field(
        ("avif", "webp"), description="formats that format/auto may choose, best first"
    )
    font_dirs: Words = Field((), description="folders of fonts for watermarks, before the system's")
    cache_seconds: int = Field(86_400, ge=0, description="Cache-Control max-age of pictures")
    cors_origins: Words = Field(("*",), description="origins that may read answers; empty: none")

    # Styles, and links of Alibaba OSS
    styles_file: Path | None = Field(None, description='TOML file of styles: name = "plan" a line')
    styles_key: str = Field("", description="key of such a file among the sources; empty: none")
    style_delimiter: str = Field("!", max_length=1, description="what divides a key and a style: lena.png!thumb")
    oss_mount: bool = Field(False, description="serve /<key>?x-oss-process=… too, as OSS does, below the root")

    grammars: Annotated[Words, AfterValidator(_check_grammars)] = Field(
        (), description="other services' URLs that are served: iiif (docs/grammars.md)"
    )

    # Caches in front
    purge: Words = Field(
        (),
        description="caches that hear of changed pictures: nginx=<url>, varnish=<url>, cloudflare=<zone>, "
        "fastly=<service>, alibaba=<domain>, webhook=<url>",
    )
    purge_tokens: SecretStr | None = Field(
        None, description="their secrets, commas between: cloudflare=…, fastly=…, alibaba=<id>:<secret>, nginx=…"
    )
    cache_tag_headers: Words = Field(
        (), description="headers that carry an answer's tags, beside those that IMGFN_PURGE needs: Edge-Cache-Tag, …"
    )

    # Who may do what
    access: Literal["open", "styles-only", "signed-only"] = Field(
        "open", description="what runs without a signature: every plan, styles only, or nothing"
    )
    signing_keys: SecretStr | None = Field(
        None, description="id:secret pairs, commas between, that sign URLs; secrets of 16 characters or more"
    )
    upload_token: SecretStr | None = Field(
        None, description="bearer token that uploads need (several: commas between); without it and keys: open"
    )
    admin_token: SecretStr | None = Field(
        None, description="bearer token for DELETE and overwriting; none: DELETE is off"
    )
    allow_overwrite: bool = Field(False, description="let uploads without the admin token replace other pictures too")
    new_results_per_source: int = Field(
        5000, ge=0, description="unsigned new results of one source per hour and worker process; 0: any number"
    )
    open: bool = Field(False, description="listen beyond loopback without any token or key")

    # Flows: events, derivatives, backfill and reviews (docs/flows.md)
    flows_file: Path | None = Field(None, description="TOML file of rules: what becomes of new objects; none: no flows")
    flows_folder: Path | None = Field(
        None, description="journal and database of flows, on a local disk; none: flows in IMGFN_FOLDER"
    )
    flows_url: SecretStr | None = Field(
        None, description="database of flows: postgresql://user:password@host/name for many machines; none: SQLite"
    )
    flow_renders: int = Field(
        default_factory=count_flow_renders, gt=0, description="renders of flows at once on this machine"
    )
    flows_keep_days: float = Field(30, gt=0, description="days after which runs that succeeded are forgotten")
    flow_secret: SecretStr | None = Field(
        None, description="signs the links of answers, 16 characters or more; none: one of this machine"
    )
    events_token: SecretStr | None = Field(
        None, description="bearer token of POST /events/s3 (several: commas between); none: no events are taken"
    )
    notice_urls: Words = Field(
        (), description="URLs that flows may call, as prefixes; internal+http://… for hosts in private networks"
    )
    smtp_url: SecretStr | None = Field(
        None, description="mail server of flows: smtp://user:password@host:587 or smtps://…"
    )
    mail_from: str = Field("", description="address that mail of flows comes from")
    s3_public_bucket: str = Field(
        "", description="S3: bucket that flows may publish to, beside the sources'; empty: none"
    )

    # The server
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65_535, description="port to listen on")
    workers: int = Field(2, gt=0, description="web worker processes")
    threads: int = Field(128, gt=0, description="threads of each web worker")
    metrics_port: int | None = Field(
        None, gt=0, le=65_535, description="port of /metrics, at the same address; none: the server's own port has it"
    )
    trace_sample: float = Field(
        0.0, ge=0, le=1, description="share of requests that are traced (OpenTelemetry, imgfn[traces]); 0: none"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    public_url: str = Field("", description="origin that uploads' URLs start with; empty: relative URLs")

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_unread_files(cls, value: Any) -> Any:
        if isinstance(value, OSError):
            raise ValueError(f"the file {value.filename!r} that its _FILE names: {value.strerror}")
        return value

    @field_validator("runtime_dir")
    @classmethod
    def _check_runtime_dir(cls, folder: Path | None) -> Path | None:
        if folder is None:
            temporary_folder()  # raises ValueError
        elif (length := len(os.fsencode(folder))) > (most := longest_parent_bytes()):
            raise ValueError(f"its path has {length} bytes; expected at most {most}, for the sockets in it")
        return folder

    @field_validator("port", mode="before")
    @classmethod
    def _leave_service_links(cls, value: Any) -> Any:
        return cls.model_fields["port"].default if is_service_link(value) else value

    @field_validator("s3_endpoint")
    @classmethod
    def _check_endpoint(cls, endpoint: str) -> str:
        if not ENDPOINT.fullmatch(endpoint):
            raise ValueError("it is neither host:port nor http://host:port nor https://host:port")
        return endpoint

    @field_validator("s3_secure", mode="before")
    @classmethod
    def _believe_scheme(cls, secure: Any, seen: ValidationInfo) -> Any:
        scheme, colon, _ = seen.data.get("s3_endpoint", "").partition("://")
        return scheme == "https" if colon else secure

    @field_validator("s3_result_bucket")
    @classmethod
    def _keep_buckets_apart(cls, name: str, seen: ValidationInfo) -> str:
        if name == seen.data.get("s3_source_bucket"):
            raise ValueError("it is the bucket of the sources already")
        return name

    @field_validator("sandbox")
    @classmethod
    def _keep_required_sandbox(cls, sandbox: str, seen: ValidationInfo) -> str:
        if sandbox == "require" and seen.data.get("render") == "inline":
            raise ValueError("IMGFN_RENDER=inline renders in the caller, where there is none; set IMGFN_RENDER=process")
        return sandbox

    @field_validator("flow_secret")
    @classmethod
    def _check_flow_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < 16:
            raise ValueError("it has fewer than 16 characters")
        return secret

    @field_validator("trace_sample")
    @classmethod
    def _require_traces(cls, share: float) -> float:
        if share and find_spec("opentelemetry") is None:
            raise ValueError("OpenTelemetry is not installed; pip install 'imgfn[traces]'")
        return share

    @field_validator("signing_keys")
    @classmethod
    def _check_signing_keys(cls, keys: SecretStr | None) -> SecretStr | None:
        pairs = keys.get_secret_value().split(",") if keys is not None else []
        if not all(SIGNING_KEY.fullmatch(pair.strip()) for pair in pairs):
            raise ValueError("expected id:secret[,id:secret…], ids of letters, digits, _ and -, secrets of 16 or more")
        if len({pair.strip().partition(":")[0] for pair in pairs}) < len(pairs):
            raise ValueError("an id stands there twice")
        return keys

    @property
    def signing_key_secrets(self) -> dict[str, str]:
        """The secrets of `signing_keys` by their ids; the first signs, all verify."""
        found = SIGNING_KEY.findall(self.signing_keys.get_secret_value()) if self.signing_keys else []
        return dict(found)

    @property
    def s3_address(self) -> str:
        """host:port of `s3_endpoint`."""
        return self.s3_endpoint.rpartition("://")[2].rstrip("/")

    @property
    def exposed(self) -> bool:
        """Whether strangers could reach a server that has no token, no key, and no word that this is meant."""
        loopback = self.host == "localhost" or _is_loopback(self.host)
        return not (loopback or self.open or self.upload_token or self.signing_keys)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic-settings passes it by name
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, the environment, .env, then the files that IMGFN_<SECRET>_FILE name."""
        return init_settings, env_settings, dotenv_settings, SecretFiles(settings_cls)


class SecretFiles(PydanticBaseSettingsSource):
    """Secrets from files, as container platforms mount them: IMGFN_UPLOAD_TOKEN_FILE=/run/secrets/upload."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE") if is_secret(field) else None
        try:
            return (Path(path).read_text(encoding="utf-8").strip() if path else None), field_name, False
        except OSError as error:
            return error, field_name, False  # refused with all other bad values

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(**values: Any) -> Settings:
    """Settings from the environment and .env, `values` on top.

    Raises BadSettings that names every bad variable at once, with what is expected and its default.
    """
    try:
        return Settings(**values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = str(problem["loc"][0])
            field = Settings.model_fields[name]
            message = problem["msg"].removeprefix("Value error, ")
            expected = f"expected {describe_format(field)}; default: {describe_default(field)}"
            lines.append(f"{PREFIX}{name.upper()}: {message} ({expected})")
        raise BadSettings("\n".join(lines)) from error
